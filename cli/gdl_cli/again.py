"""`gdl run FILE`: make an output again from its own record."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click

from gdl_cli.display import Display
from gdl_core.errors import printable
from gdl_core.media import may_carry_record
from gdl_core.recipe.again import make_again, read_recorded
from gdl_core.registry import Registry

MISMATCH = "does not match its record: it was changed after it was written"


def is_output(word: str, registry: Registry) -> bool:
    """Return whether a word on the command line is a file that a run may have written, and no recipe."""
    path = Path(word)
    return path.is_file() and path.suffix.lower() not in (".yaml", ".yml") and may_carry_record(path, registry)


def run_again(
    file: Path,
    registry: Registry,
    overrides: tuple[str, ...],
    out: Path | None,
    device: str,
    display: Display,
    cancelled: Callable[[], bool],
    as_json: bool,
) -> int:
    """Make a file again, say how the two compare, and return the exit code: 0 for equal, 1 for different."""
    recorded = read_recorded(file, registry, overrides)
    if recorded.intact is False and not as_json:
        click.echo(printable(f"{file} {MISMATCH}"))
    folder = out or Path("runs") / f"{recorded.recipe.name}-again"
    with display:
        compared = make_again(recorded, folder, registry, device=device, observer=display, cancelled=cancelled)
    if as_json:
        facts = {"event": "compared", "file": str(file), "made": str(compared.made), "equal": not compared.differences}
        click.echo(json.dumps({**facts, "intact": recorded.intact, "differences": compared.differences}))
    elif compared.differences:
        told = f"{file}: made again as {compared.made}, and it differs: {'; '.join(compared.differences)}"
        click.echo(printable(told))
    else:
        click.echo(printable(f"{file}: made again as {compared.made}, equal bit for bit"))
    return 1 if compared.differences else 0
