"""Make a file again from the record inside it, and compare."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gdl_core import media
from gdl_core.errors import Fault, InputError, MediaError, MissingExtraError, RecipeError
from gdl_core.explain import printable
from gdl_core.media import ITEM
from gdl_core.recipe.check import CheckedStep, Recipe, check_text
from gdl_core.recipe.execute import run_recipe
from gdl_core.recipe.observers import Observer
from gdl_core.recipe.record import RECORD_FORMAT
from gdl_core.registry import Registry
from gdl_core.values import Figure, Frames, Images, Latents, Table, Text, Vector

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}\Z")
_MOST_TOLD = 6
_MOST_ITEMS = 10**9


@dataclass(frozen=True)
class Recorded:
    """What a file's record says, checked.

    Attributes:
        save: the path that its step writes it to, with `{i}` filled in, relative to the run folder.
        intact: whether the file still holds what its record vouches for; None where the record does not say.
    """

    file: Path
    record: Mapping[str, Any]
    recipe: Recipe
    step: CheckedStep
    save: str
    intact: bool | None


@dataclass(frozen=True)
class Comparison:
    """A file beside the one that was made again; no `differences` means that they are equal byte for byte."""

    made: Path
    differences: tuple[str, ...]


def read_recorded(file: Path, registry: Registry, overrides: Iterable[str] = ()) -> Recorded:
    """Return what made a file. Relative paths of its recipe start from the current folder.

    Raises:
        InputError: there is no record, or it is not one that can be run. RecipeError: its recipe has faults.
    """
    record = media.read_record(file, registry)
    if record is None:
        raise InputError(f"{file} carries no record, so there is nothing to make it again from")
    format_ = record.get("gdl")
    if type(format_) is int and format_ > RECORD_FORMAT:
        raise InputError(f"{file}: its record is of format {format_}, newer than this gdl reads; upgrade gdl-toolkit")
    if isinstance(each := record.get("each"), list):
        varied = printable(" ".join(f"--each {option}" for option in each))
        raise InputError(f"{file} shows a whole sweep; run its recipe (gdl show) with {varied}")
    texts = [record.get(key) for key in ("recipe", "step", "name")]
    if type(format_) is not int or format_ < 1 or not all(isinstance(text, str) for text in texts):
        raise InputError(f"{file}: its record is damaged or of another program; it needs gdl, recipe, step and name")
    text, step_name, name = map(str, texts)
    name = name if _NAME.match(name) else "recipe"
    try:
        recipe = check_text(text, registry, file=f"{file} (its record)", name=name, overrides=overrides)
    except RecipeError as error:
        raise RecipeError([*error.faults, *_hint(error.faults)]) from None
    step = {step.name: step for step in recipe.steps}.get(step_name)
    if step is None:
        raise InputError(f"{file}: its record names the step '{printable(step_name)}', which its recipe does not have")
    save = _save(file, record, step)
    try:
        intact = media.verify(file, registry)
    except (MediaError, MissingExtraError):
        intact = None
    return Recorded(file, record, recipe, step, save, intact)


def _hint(faults: Iterable[Fault]) -> list[Fault]:
    if any("no such" in fault.message for fault in faults):
        return [Fault("records hold no folders of the machine that made them; name inputs with -s step.key=path")]
    return []


def _save(file: Path, record: Mapping[str, Any], step: CheckedStep) -> str:
    """Return the path that a step writes this file to; what one step writes in one format is the same."""
    item = record.get("item")
    by_item = type(item) is int and 0 <= item <= _MOST_ITEMS
    fitting = [
        save for save in step.save if Path(save).suffix.lower() == file.suffix.lower() and (ITEM in save) == by_item
    ]
    if not fitting:
        raise InputError(f"{file}: its record says that step '{step.name}' wrote it, which saves no such file")
    same_name = [save for save in fitting if Path(save).name == file.name]
    return (same_name or fitting)[0].replace(ITEM, str(item))


def make_again(
    recorded: Recorded,
    folder: Path,
    registry: Registry,
    *,
    device: str = "",
    observer: Observer | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Comparison:
    """Run the step that made a file, and what it needs, in a folder of its own, and compare the two files.

    Raises:
        InputError: the file lies in the folder. Whatever `run_recipe` raises.
    """
    made = folder / recorded.save
    if made.absolute().resolve() == recorded.file.absolute().resolve():
        raise InputError(f"{recorded.file} lies in {folder}, where it would be made again; choose another --out")
    run_recipe(
        recorded.recipe,
        folder,
        registry,
        device=device,
        only=[recorded.step.name],
        observer=observer,
        cancelled=cancelled,
    )
    if not made.is_file():
        raise InputError(f"{recorded.file}: its record names a file that step '{recorded.step.name}' does not write")
    return Comparison(made, compare(recorded.file, made, registry))


def compare(one: Path, other: Path, registry: Registry) -> tuple[str, ...]:
    """Return how two files of one format differ, in words; nothing if they are equal byte for byte.

    >>> compare(Path("a.png"), Path("a.png"), None)  # doctest: +SKIP
    ()
    """
    if one.read_bytes() == other.read_bytes():
        return ()
    told = []
    try:
        told += _values(media.read(one, registry), media.read(other, registry))
    except MediaError:
        told.append("the bytes differ")
    told += _records(media.read_record(one, registry) or {}, media.read_record(other, registry) or {})
    return tuple(told or ["the bytes differ, what they hold is equal"])


def _values(one: Any, other: Any) -> list[str]:
    if type(one) is not type(other):
        return [f"{getattr(one, 'kind', 'something')} became {getattr(other, 'kind', 'something')}"]
    if isinstance(one, Images | Frames | Figure):
        return _arrays("pixels", one.pixels, other.pixels)
    if isinstance(one, Latents):
        return _arrays("numbers", one.mean, other.mean)
    if isinstance(one, Vector):
        return _arrays("numbers", one.direction, other.direction)
    if isinstance(one, Table):
        return _tables(one, other)
    if isinstance(one, Text):
        count = sum(a != b for a, b in zip(one.samples, other.samples, strict=False))
        count += abs(len(one.samples) - len(other.samples))
        return [f"{count:,} of {max(len(one.samples), len(other.samples)):,} texts differ"] if count else []
    return ["the bytes differ"]


def _arrays(what: str, one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> list[str]:
    if one.shape != other.shape:
        return [f"the shape is {other.shape}, it was {one.shape}"]
    apart = np.abs(one.astype(np.float64) - other.astype(np.float64))
    count = int((apart != 0).sum())
    return [f"{count:,} of {apart.size:,} {what} differ, the most by {apart.max():.4g}"] if count else []


def _tables(one: Table, other: Table) -> list[str]:
    if one.header != other.header or len(one.rows) != len(other.rows):
        sizes = [f"{len(table.rows)} rows of {len(table.header)}" for table in (other, one)]
        return [f"the table has {sizes[0]}, it had {sizes[1]}"]
    pairs = zip(one.rows, other.rows, strict=True)
    count = sum(a != b for first, second in pairs for a, b in zip(first, second, strict=True))
    return [f"{count:,} of {len(one.rows) * len(one.header):,} cells differ"] if count else []


def _records(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return what of two records differs, the versions one by one."""
    told = []
    first, second = one.get("versions"), other.get("versions")
    if isinstance(first, dict) and isinstance(second, dict):
        told += [
            f"{name} is {printable(str(second.get(name)))}, it was {printable(str(first.get(name)))}"
            for name in dict.fromkeys([*first, *second])
            if first.get(name) != second.get(name)
        ]
    keys = [key for key in dict.fromkeys([*one, *other]) if key not in ("versions", "content")]
    told += [f"the records differ in '{printable(key)}'" for key in keys if one.get(key) != other.get(key)]
    return told[:_MOST_TOLD]
