"""`gdl schema`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gdl_core.media.atomic import write_bytes
from gdl_core.recipe.schema import FILE, recipe_schema
from gdl_core.registry import Registry, get_registry


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file.")
def schema(out: Path | None) -> None:
    """Print the recipe format as a JSON schema, for editors to complete, explain and underline recipes with.

    The first lines of recipes name it as gdl.schema.json beside them; `gdl new recipe` puts it there.
    """
    if out is None:
        click.echo(schema_text(get_registry()), nl=False)
        return
    write_bytes(out, schema_text(get_registry()).encode())
    click.echo(f"wrote {out}")


def schema_text(registry: Registry) -> str:
    """Return the schema as it is written to a file."""
    return json.dumps(recipe_schema(registry), indent=1, ensure_ascii=False) + "\n"


def keep_schema(folder: Path, registry: Registry) -> str:
    """See to it that a folder has the schema of this gdl; return what was done, in words, or nothing.

    A file of that name which is no such schema stays as it is.
    """
    path, text = folder / FILE, schema_text(registry)
    try:
        before = path.read_text("utf-8")
    except FileNotFoundError:
        write_bytes(path, text.encode())
        return f"wrote {path}, which editors complete and check recipes with"
    except (OSError, UnicodeDecodeError):
        return f"{path} is something else and stays"
    if before == text:
        return ""
    try:
        ours = json.loads(before).get("title") == "gdl recipe"
    except (ValueError, AttributeError, RecursionError):
        ours = False
    if not ours:
        return f"{path} is something else and stays"
    write_bytes(path, text.encode())
    return f"brought {path} up to date"
