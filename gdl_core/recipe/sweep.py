"""Sweeps: one recipe run with every combination of some values, and sheets and tables over what came out.

Each run has a folder of its own, named by its values. What does not depend on them is done once, through the cache.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gdl_core.errors import Fault, RecipeError
from gdl_core.explain import printable
from gdl_core.recipe.check import Recipe
from gdl_core.recipe.load import Source, parse
from gdl_core.recipe.record import RECORD_FORMAT, versions

MOST_RUNS = 1000
_RANGE = re.compile(r"\s*(-?\d{1,18})\s*\.\.\s*(-?\d{1,18})\s*(?:\.\.\s*(\d{1,18})\s*)?\Z")


@dataclass(frozen=True)
class Axis:
    """What is varied, and its values: as `-s` takes them, and as people read them."""

    name: str
    texts: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def option(self) -> str:
        """What `--each` takes."""
        return f"{self.name}={','.join(self.texts)}"

    @property
    def short(self) -> str:
        """The last part of the name, for captions."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class Variant:
    """One run of a sweep: its value on each axis, its recipe with them in, and its own folder."""

    labels: tuple[str, ...]
    recipe: Recipe
    folder: Path


def parse_each(options: Iterable[str]) -> tuple[Axis, ...]:
    """Return what `--each name=first..last` and `--each step.key=a,b,c` mean.

    Raises:
        RecipeError: an option is malformed, or there are more than MOST_RUNS combinations.

    >>> parse_each(["seed=1..3", "vae.set.beta=0.5,4"])[1]
    Axis(name='vae.set.beta', texts=('0.5', '4'), labels=('0.5', '4'))
    """
    axes: list[Axis] = []
    faults: list[Fault] = []
    for option in options:
        name, equals, text = (part.strip() for part in option.partition("="))
        where = f"--each {printable(option)}"
        if not equals or not all(part.strip() for part in name.split(".")):
            faults.append(Fault("should be name=first..last, or name=value,value", where))
        elif name in (axis.name for axis in axes):
            faults.append(Fault(f"'{printable(name)}' is varied twice", where))
        else:
            try:
                axes.append(_axis(name, text, where))
            except RecipeError as error:
                faults += [replace(fault, file=where, line=None, column=None, source="") for fault in error.faults]
    count = 1
    for axis in axes:
        count *= len(axis.texts)
    if count > MOST_RUNS:
        faults.append(Fault(f"these are {count:,} runs; a sweep may have {MOST_RUNS:,}", "--each"))
    if faults:
        raise RecipeError(faults)
    return tuple(axes)


def _axis(name: str, text: str, where: str) -> Axis:
    interval = _RANGE.match(text)
    if interval:
        first, last, step = int(interval[1]), int(interval[2]), int(interval[3] or 1)
        if last < first or step < 1 or (last - first) // step >= MOST_RUNS:
            raise RecipeError(
                [Fault(f"should go from a number to a larger one, in at most {MOST_RUNS:,} steps", where)]
            )
        numbers = tuple(str(number) for number in range(first, last + 1, step))
        return Axis(name, numbers, numbers)
    values = parse(Source(f"[{text}\n]", where)).plain()
    if not isinstance(values, list) or not values:
        raise RecipeError([Fault("should have values, like name=0.5,1,4", where)])
    texts = tuple(json.dumps(value, ensure_ascii=False) for value in values)
    if len(set(texts)) < len(texts):
        raise RecipeError([Fault("the same value is here twice", where)])
    return Axis(
        name, texts, tuple(value if isinstance(value, str) else told for value, told in zip(values, texts, strict=True))
    )


def variants(axes: Sequence[Axis], check: Callable[[Sequence[str]], Recipe], folder: Path) -> list[Variant]:
    """Return a sweep's runs, the last axis varying fastest; every one is checked before any begins.

    Args:
        axes: what is varied.
        check: returns the recipe with overrides ("name=value") in.
        folder: the sweep's own.

    Raises:
        RecipeError: with every fault that a combination has.
    """
    found: list[Variant] = []
    faults: dict[Fault, None] = {}
    names: set[str] = set()
    for values in itertools.product(*(zip(axis.texts, axis.labels, strict=True) for axis in axes)):
        labels = tuple(label for _, label in values)
        pairs = [f"{axis.name}={text}" for axis, (text, _) in zip(axes, values, strict=True)]
        try:
            recipe = check(pairs)
        except RecipeError as error:
            mine = {f"-s {printable(pair)}": f"--each {printable(pair)}" for pair in pairs}
            faults |= dict.fromkeys(replace(fault, file=mine.get(fault.file, fault.file)) for fault in error.faults)
            continue
        found.append(Variant(labels, recipe, folder / _folder_name(axes, labels, names)))
    if faults:
        raise RecipeError(list(faults))
    return found


def _folder_name(axes: Sequence[Axis], labels: Sequence[str], taken: set[str]) -> str:
    parts = [f"{axis.short}-{label}" for axis, label in zip(axes, labels, strict=True)]
    name = re.sub(r"[^\w.+-]+", "-", "_".join(parts))[:100].strip("-.") or "run"
    unique = name
    for number in itertools.count(2):
        if unique.casefold() not in taken:
            break
        unique = f"{name}-{number}"
    taken.add(unique.casefold())
    return unique


def sweep_record(recipe: Recipe, axes: Sequence[Axis]) -> dict[str, Any]:
    """Return the record of the files over all runs: the recipe without the varied values, and those."""
    return {
        "gdl": RECORD_FORMAT,
        "recipe": recipe.text,
        "name": recipe.name,
        "title": recipe.title,
        "each": [axis.option for axis in axes],
        "versions": versions(),
    }
