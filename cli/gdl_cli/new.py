"""`gdl new recipe` and `gdl new plugin`."""

from __future__ import annotations

import re
from pathlib import Path

import click

from gdl_cli.schema import keep_schema
from gdl_cli.sources import read_shipped
from gdl_core.errors import InputError, StorageError
from gdl_core.registry import get_registry


@click.group()
def new() -> None:
    """Begin a recipe or a plugin."""


@new.command()
@click.argument("name")
@click.option("--like", default="digits", show_default=True, metavar="RECIPE", help="A name from `gdl recipes`.")
def recipe(name: str, like: str) -> None:
    """Write NAME.yaml, a copy of a recipe to change."""
    path = Path(name if name.endswith((".yaml", ".yml")) else f"{name}.yaml")
    text = read_shipped(get_registry().find("recipe", like))
    text = re.sub(rf"\A# gdl run {re.escape(like)}\b", f"# gdl run {path}", text)
    _write(path, text)
    click.echo(f"wrote {path}; run it with: gdl run {path}")
    if told := keep_schema(path.parent, get_registry()):
        click.echo(told)


@new.command()
@click.argument("name")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder. [default: gdl-NAME]")
def plugin(name: str, out: Path | None) -> None:
    """Write a working plugin with a model, a recipe and tests, to change."""
    plain = name.removeprefix("gdl-").removeprefix("gdl_").replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", plain):
        raise InputError(f"'{name}' cannot be a plugin's name: use lower-case letters, digits and '_'")
    if plain in {info.name for info in get_registry().plugins}:
        raise InputError(f"there is a plugin '{plain}' already (see: gdl plugins); choose another name")
    folder = out or Path(f"gdl-{plain.replace('_', '-')}")
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is there already; choose another --out")
    words = {"__NAME__": plain, "__DASHED__": plain.replace("_", "-"), "__CLASS__": plain.title().replace("_", "")}
    template = Path(__file__).parent / "templates" / "plugin"
    for source in sorted(template.rglob("*.txt")):
        text = source.read_text("utf-8")
        path = source.relative_to(template).as_posix().removesuffix(".txt")
        for word, value in words.items():
            text, path = text.replace(word, value), path.replace(word, value)
        _write(folder / path, text)
    click.echo(f"wrote {folder}; install it with: pip install -e {folder}, then: gdl run {plain}")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"{path} is there already; choose another name") from None
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from None
