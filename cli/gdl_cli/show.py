"""`gdl show`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from gdl_cli.again import MISMATCH
from gdl_core import media
from gdl_core.errors import CheckpointError, GdlError, InputError, MediaError, MissingExtraError
from gdl_core.explain import printable
from gdl_core.latent.space_settings import space_in_words
from gdl_core.registry import Registry, get_registry


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show(file: Path, as_json: bool) -> int:
    """Show the record inside FILE: what made it, from which recipe and seed. Of a model, also what it is.

    Leaves with 1 if the file does not match its record, or cannot be compared with it.
    """
    if not file.is_file():
        raise InputError(f"no such file: {file}")
    registry = get_registry()
    if file.suffix.lower() == ".gdl":
        return _show_model(file, registry, as_json)
    record = media.read_record(file, registry)
    if record is None:
        raise InputError(f"{file} carries no record; gdl writes one into everything that it makes")
    if as_json:
        click.echo(_json(record))
        return 0
    _show_record(record)
    return _show_content(file, registry)


def _show_content(file: Path, registry: Registry) -> int:
    """Say whether a file matches its record; 1 if it does not, or cannot be read."""
    try:
        same = media.verify(file, registry)
    except MissingExtraError as error:
        click.echo(f"content: not checked: {printable(str(error))}")
        return 0
    except (MediaError, CheckpointError) as error:
        click.echo(f"content: cannot be checked against its record: {printable(str(error))}")
        return 1
    if same is None:
        click.echo("content: the record does not vouch for it")
    else:
        click.echo(f"content: {'as written' if same else MISMATCH}")
    return 1 if same is False else 0


def _show_model(file: Path, registry: Registry, as_json: bool) -> int:
    from gdl_core.model_file import read_header

    header = read_header(file)
    if as_json:
        click.echo(_json(header))
        return 0
    parameters = sum(_count(tensor["shape"]) for tensor in header["tensors"].values())
    try:
        roles = ", ".join(registry.find("model", header["model"]).roles)
    except GdlError as error:
        roles = f"not known here: {error}"
    training, data, space = header["training"], header["data"], header.get("space", {})
    if space:
        roles = "decodes, samples"
    facts = {
        "model": f"{header['model']} ({header['package']} {header['version']})",
        "space": space and space_in_words(space),
        "roles": roles,
        "numbers": f"{parameters:,}",
        "samples": "x".join(str(side) for side in header["data_shape"]),
        "data": data.get("name", "") and f"{data['name']}, {data.get('samples', '?')} samples",
        "columns": ", ".join(data.get("columns", {})),
        "settings": _pairs(header["config"]),
        "training": _pairs(training),
        "fingerprint": header["fingerprint"],
    }
    for key, value in facts.items():
        if value:
            click.echo(f"{key}: {printable(str(value))}")
    if header["record"]:
        click.echo()
        _show_record(header["record"])
    return _show_content(file, registry)


def _json(value: dict[str, Any]) -> str:
    """Return JSON whose letters are readable and whose control characters are escaped, those above 127 too."""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _count(shape: list[int]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total


def _pairs(facts: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in facts.items() if not isinstance(value, dict | list))


def _show_record(record: dict[str, Any]) -> None:
    for key, value in record.items():
        if key == "versions" and isinstance(value, dict):
            click.echo(f"versions: {printable(_pairs(value))}")
        elif key != "recipe":
            click.echo(f"{printable(key)}: {printable(value) if isinstance(value, str) else json.dumps(value)}")
    if isinstance(record.get("recipe"), str):
        click.echo("recipe:\n")
        click.echo("\n".join(f"    {printable(line)}" for line in record["recipe"].split("\n")))
        click.echo()
