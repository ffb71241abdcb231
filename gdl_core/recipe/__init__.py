"""Recipes: read, check, plan and run them.

The way through the room: `load` reads YAML into nodes that know their line; `document` finds vars and steps in them;
`references` resolves `$name`; `check` finds every fault at once; `plan` gives steps their keys, with `hashes` of files;
`execute` runs what is not there yet, with `compute` for one step, `follow` for what further processes do, `lock` for
what is there, `shared` for what other runs have made, `record` for what outputs carry, `report` for what is told of the
run, `page` for the HTML of it; `sweep` varies a recipe, and `overview` shows what came out.
May import everything in gdl_core; steps never import this room. Checking imports no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gdl_core.recipe.check import CheckedStep, Recipe, check_file, check_text
    from gdl_core.recipe.choose import Action, plan_run
    from gdl_core.recipe.execute import RunResult, run_recipe
    from gdl_core.recipe.observers import Observer
    from gdl_core.recipe.plan import PlannedStep, make_plan
    from gdl_core.recipe.shared import SharedResults

__all__ = [
    "Action",
    "CheckedStep",
    "Observer",
    "PlannedStep",
    "Recipe",
    "RunResult",
    "SharedResults",
    "check_file",
    "check_text",
    "make_plan",
    "plan_run",
    "run_recipe",
]

# Each is loaded on first use: checking needs nothing of what runs.
_HOMES = {
    "Action": "choose",
    "CheckedStep": "check",
    "Observer": "observers",
    "PlannedStep": "plan",
    "Recipe": "check",
    "RunResult": "execute",
    "SharedResults": "shared",
    "check_file": "check",
    "check_text": "check",
    "make_plan": "plan",
    "plan_run": "choose",
    "run_recipe": "execute",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gdl_core.recipe' has no attribute '{name}'")
    return getattr(import_module(f"gdl_core.recipe.{_HOMES[name]}"), name)
