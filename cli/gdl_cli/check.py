"""`gdl check`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from gdl_cli.sources import check_named
from gdl_core.errors import Fault, InputError, RecipeError, printable
from gdl_core.recipe import Recipe
from gdl_core.registry import get_registry


@click.command()
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE...")
@click.option("-s", "--set", "overrides", multiple=True, metavar="NAME=VALUE", help="Set a var, or step.key.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, for editors and programs.")
def check(recipes: tuple[str, ...], overrides: tuple[str, ...], as_json: bool) -> int:
    """Find everything wrong with each RECIPE: a .yaml file, or a name from `gdl recipes`.

    Leaves with 2 if anything is.
    """
    wrong: list[Fault] = []
    answers = []
    for word in recipes:
        faults: tuple[Fault, ...] = ()
        recipe: Recipe | None = None
        try:
            recipe = check_named(word, get_registry(), overrides)
        except RecipeError as error:
            faults = error.faults
        except InputError as error:
            faults = (Fault(str(error)),)
        wrong += faults
        told = [asdict(fault) for fault in faults]
        answers.append({"recipe": word, "ok": not faults, "faults": told, **_facts(recipe)})
        if recipe is not None and not as_json:
            click.echo(printable(f"{word}: nothing wrong, {len(recipe.steps)} steps"))
    if as_json:
        click.echo(json.dumps({"ok": not wrong, "recipes": answers}, indent=1, ensure_ascii=False))
        return 2 if wrong else 0
    if wrong:
        raise RecipeError(wrong)
    return 0


def _facts(recipe: Recipe | None) -> dict[str, object]:
    if recipe is None:
        return {}
    steps = [
        {"name": step.name, "do": step.spec.full_name, "gives": step.gives.kind, "save": list(step.save)}
        for step in recipe.steps
    ]
    return {"title": recipe.title, "seed": recipe.seed, "steps": steps}
