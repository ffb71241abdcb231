"""`gdl check`."""

from __future__ import annotations

import click

from gdl_cli.sources import check_named
from gdl_core.errors import Fault, InputError, RecipeError
from gdl_core.registry import get_registry


@click.command()
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE...")
@click.option("-s", "--set", "overrides", multiple=True, metavar="NAME=VALUE", help="Set a var, or step.key.")
def check(recipes: tuple[str, ...], overrides: tuple[str, ...]) -> None:
    """Find everything wrong with each RECIPE: a .yaml file, or a name from `gdl recipes`."""
    wrong: list[Fault] = []
    for word in recipes:
        try:
            recipe = check_named(word, get_registry(), overrides)
        except RecipeError as error:
            wrong += error.faults
        except InputError as error:
            wrong.append(Fault(str(error)))
        else:
            click.echo(f"{word}: nothing wrong, {len(recipe.steps)} steps")
    if wrong:
        raise RecipeError(wrong)
