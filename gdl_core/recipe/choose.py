"""Which steps a run has to do, and which are there already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gdl_core.errors import InputError, did_you_mean
from gdl_core.recipe.check import Recipe
from gdl_core.recipe.lock import RunFolder
from gdl_core.recipe.plan import PlannedStep, make_plan
from gdl_core.registry import Registry


@dataclass(frozen=True)
class Action:
    """What a run would do with a step."""

    planned: PlannedStep
    action: Literal["unchanged", "continue", "run"]


def plan_run(
    recipe: Recipe, folder: Path, registry: Registry, *, only: Iterable[str] = (), force: Iterable[str] = ()
) -> list[Action]:
    """Return what `run_recipe` would do, without doing or writing anything."""
    only, force = known(recipe, only), known(recipe, force)
    run_folder = RunFolder.open(folder.absolute())
    again = with_dependents(recipe, force) | uncached(recipe)
    actions = []
    for planned in make_plan(recipe, registry, run_folder.file_hashes(recipe.base)):
        step = planned.step
        if step.name not in with_inputs(recipe, only):
            continue
        if step.name not in again and run_folder.is_complete(step.name, planned.key, step.save):
            actions.append(Action(planned, "unchanged"))
        elif run_folder.begun(step.name) == planned.key and step.name not in with_dependents(recipe, force):
            actions.append(Action(planned, "continue"))
        else:
            actions.append(Action(planned, "run"))
    return actions


def known(recipe: Recipe, wanted: Iterable[str]) -> tuple[str, ...]:
    """Return names of steps; raises InputError for one that the recipe does not have."""
    names = [step.name for step in recipe.steps]
    for name in (wanted := tuple(wanted)):
        if name not in names:
            raise InputError(
                f"the recipe has no step '{name}'{did_you_mean(name, names) or '; it has: ' + ', '.join(names)}"
            )
    return wanted


def uncached(recipe: Recipe) -> set[str]:
    """Return the steps that run every time: those with `cache: false` and what depends on them."""
    return with_dependents(recipe, [step.name for step in recipe.steps if not step.cache])


def with_inputs(recipe: Recipe, names: Iterable[str]) -> set[str]:
    """Return these steps and all that they need; all steps if none is named."""
    wanted = set(names) or {step.name for step in recipe.steps}
    for step in reversed(recipe.steps):
        if step.name in wanted:
            wanted.update(step.inputs)
    return wanted


def with_dependents(recipe: Recipe, names: Iterable[str]) -> set[str]:
    """Return these steps and all that need them."""
    found = set(names)
    for step in recipe.steps:
        if found.intersection(step.inputs):
            found.add(step.name)
    return found
