"""`gdl cache`: results that runs share, and hashes of files they have read."""

from __future__ import annotations

import json
import time

import click

from gdl_cli.tables import show_table
from gdl_cli.words import duration, size
from gdl_core.files import cache_folder
from gdl_core.recipe.hashes import MEMORY, forget_old
from gdl_core.recipe.shared import DEFAULT_LIMIT, LIMIT, SharedResults, parse_size

_HASH_DAYS = 180


@click.group()
def cache() -> None:
    """Results that runs share, so that what one has trained another need not train again.

    They lie in the user's cache folder (GDL_CACHE), and GDL_CACHE_SIZE bounds them; the least recently used go first.
    """


@cache.command("ls")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_entries(as_json: bool) -> None:
    """List the results, the most recently used first."""
    shared = SharedResults.of_user()
    entries = shared.entries()
    now = time.time()
    for entry in entries if as_json else ():
        facts = {"step": entry.step, "do": entry.do, "seconds": entry.seconds, "size": entry.size, "used": entry.used}
        click.echo(json.dumps({**facts, "name": entry.folder.name}))
    if as_json:
        return
    rows = [
        (
            entry.step or "damaged",
            entry.do,
            duration(entry.seconds),
            size(entry.size),
            f"{duration(now - entry.used)} ago",
        )
        for entry in entries
    ]
    if rows:
        show_table(("step", "does", "took", "size", "used"), rows)
    total = size(sum(entry.size for entry in entries))
    click.echo(f"{len(rows)} results, {total} of {size(shared.limit)} ({LIMIT}), in {shared.folder}")


@cache.command()
@click.option("--size", "limit", metavar="SIZE", help=f"Keep so much. [default: {LIMIT}, or {DEFAULT_LIMIT}]")
@click.option("--days", type=click.FloatRange(min=0), help="Also remove what was not used for so many days.")
@click.option("--all", "everything", is_flag=True, help="Remove all results.")
def prune(limit: str | None, days: float | None, everything: bool) -> None:
    """Remove the least recently used results until the others fit."""
    shared = SharedResults.of_user()
    room = 0 if everything else parse_size(limit) if limit is not None else shared.limit
    gone = shared.prune(room, days)
    forgotten = forget_old(cache_folder() / MEMORY, 0 if everything else _HASH_DAYS)
    left = shared.entries()
    click.echo(f"removed {len(gone)} results, {size(sum(entry.size for entry in gone))}; {len(left)} are left")
    if forgotten:
        click.echo(f"forgot the hashes of {forgotten} files, which are read again when they are met")
