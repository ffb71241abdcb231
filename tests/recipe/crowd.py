"""Runs that share results, some of them in processes of their own; a module, so that those can import it."""

from __future__ import annotations

from pathlib import Path

from recipe import fakes

import gdl_core.builtin
from gdl_core.recipe import SharedResults, check_text, run_recipe, shared
from gdl_core.registry import Registry

TEXT = """gdl: 1
title: Shared
seed: 3
vars: {n: 2}
steps:
  a: {do: draw, n: $n, noise: true, save: a.png}
  b: {do: join, of: [$a, $a]}
  c: {do: count, of: $b, save: c.csv}
"""


def go(
    registry: Registry, folder: Path, results: SharedResults | None, *overrides: str, **options: object
) -> dict[str, str]:
    """Run and return the status of each step."""
    fakes.RUNS.clear()
    recipe = check_text(TEXT, registry, base=folder.parent, overrides=overrides)
    done = run_recipe(recipe, folder, registry, shared=results, **options)  # type: ignore[arg-type]
    return {step.name: step.status for step in done.steps}


def run_often(folder: str, cache: str, rounds: int) -> None:
    """Run the recipe over and over with few values, now and then in a cache that has no room."""
    shared.WORTH_SECONDS = 0.0
    registry = Registry.from_plugins([gdl_core.builtin, fakes])
    for number in range(rounds):
        results = SharedResults(Path(cache), 10**9 if number % 3 else 2000, "cpu")
        go(registry, Path(folder) / str(number), results, f"n={number % 4 + 1}")
