"""Which steps a run has to do, and which are there already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gdl_core.errors import InputError, did_you_mean
from gdl_core.recipe.check import Recipe
from gdl_core.recipe.hashes import FileHashes
from gdl_core.recipe.lock import RunFolder
from gdl_core.recipe.plan import PlannedStep, make_plan
from gdl_core.recipe.report import StepReport
from gdl_core.recipe.shared import SharedResults
from gdl_core.recipe.timing import expected_seconds, spent
from gdl_core.registry import Registry


@dataclass(frozen=True)
class Action:
    """What a run would do with a step, and the seconds that it may take where that is known."""

    planned: PlannedStep
    action: Literal["unchanged", "cached", "continue", "run"]
    seconds: float | None = None


def plan_run(
    recipe: Recipe,
    folder: Path,
    registry: Registry,
    *,
    only: Iterable[str] = (),
    force: Iterable[str] = (),
    shared: SharedResults | None = None,
) -> list[Action]:
    """Return what `run_recipe` would do, without doing or writing anything."""
    only, force = known(recipe, only), known(recipe, force)
    run_folder = RunFolder.open(folder.absolute())
    forced = with_dependents(recipe, force)
    again = forced | uncached(recipe)
    actions = []
    for planned in make_plan(recipe, registry, FileHashes.remembered(leave_out=run_folder.path)):
        step = planned.step
        if step.name not in with_inputs(recipe, only):
            continue
        before = StepReport(step.name, step.spec.name)
        before.recall(run_folder.state(step.name))
        seconds = expected_seconds(before.seconds, before.spent, spent(step.arguments))
        if step.name not in again and run_folder.is_complete(step.name, planned.key, step.save):
            actions.append(Action(planned, "unchanged"))
        elif step.name not in again and shared is not None and shared.has(planned.key):
            actions.append(Action(planned, "cached"))
        elif run_folder.begun(step.name) == planned.key and step.name not in forced:
            actions.append(Action(planned, "continue", seconds))
        else:
            actions.append(Action(planned, "run", seconds))
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
