"""Recipes: read, check, plan and run them.

The way through the room: `load` reads YAML into nodes that know their line, `document` makes vars and steps of them;
`references` resolves `$name`; `check` finds every fault at once; `plan` gives each step its key, `hashes` of files;
`execute` runs what is not there yet, with `lock` for what is, `shared` for what other runs have made, `record` for what
outputs carry, `report` for what is told of the run, `page` for the HTML of it; `sweep` varies a recipe, and `overview`
shows what came out.
May import everything in gdl_core; steps never import this room. Checking imports no torch.
"""

from __future__ import annotations

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
