"""`gdl cache`: results that runs share, pictures decoded once, and hashes of files that were read."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import click

from gdl_cli.tables import show_table
from gdl_cli.words import duration, size
from gdl_core.data.cache import PictureSet, picture_sets
from gdl_core.files import cache_folder
from gdl_core.recipe.hashes import MEMORY, forget_old
from gdl_core.recipe.shared import DEFAULT_LIMIT, LIMIT, Entry, SharedResults, beyond, parse_size

_HASH_DAYS = 180


@dataclass(frozen=True)
class _Item:
    """A line of the list."""

    what: Entry | PictureSet

    @property
    def size(self) -> int:
        return self.what.size

    @property
    def used(self) -> float:
        return self.what.used

    @property
    def path(self) -> Path:
        return self.what.folder if isinstance(self.what, Entry) else self.what.path

    def cells(self, now: float) -> tuple[str, ...]:
        """What it is, what made it, how long that took, its size, and when it was used."""
        about = (size(self.size), f"{duration(max(0.0, now - self.used))} ago")
        if isinstance(self.what, Entry):
            return self.what.step or "damaged", self.what.do, duration(self.what.seconds), *about
        return "pictures", self.what.kind, "", *about

    def remove(self, shared: SharedResults) -> bool:
        """Take it away; return whether that could be."""
        return shared.remove(self.path) if isinstance(self.what, Entry) else self.what.remove()


def _items(shared: SharedResults) -> list[_Item]:
    items = [*map(_Item, shared.entries()), *map(_Item, picture_sets())]
    return sorted(items, key=lambda item: -item.used)


@click.group()
def cache() -> None:
    """What gdl keeps so as not to do it again: results that runs share, and decoded pictures.

    It lies in the user's cache folder (GDL_CACHE). GDL_CACHE_SIZE bounds the results, of which the least recently used
    go first; 0 keeps none.
    """


@cache.command("ls")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_items(as_json: bool) -> None:
    """List what is kept, the most recently used first."""
    shared = SharedResults.of_user()
    items = _items(shared)
    now = time.time()
    if as_json:
        for item in items:
            step, do, *_ = item.cells(now)
            facts = {"step": step, "do": do, "size": item.size, "used": item.used}
            click.echo(json.dumps({**facts, "name": item.path.relative_to(cache_folder()).as_posix()}))
        return
    if items:
        show_table(("of", "made by", "took", "size", "used"), [item.cells(now) for item in items])
    total = size(sum(item.size for item in items))
    click.echo(f"{total} in {cache_folder()}; results may take {size(shared.limit)} ({LIMIT})")


@cache.command()
@click.option("--size", "limit", metavar="SIZE", help=f"Keep so much. [default: {LIMIT}, or {DEFAULT_LIMIT}]")
@click.option("--days", type=click.FloatRange(min=0), help="Also remove what was not used for so many days.")
@click.option("--all", "everything", is_flag=True, help="Remove everything.")
def prune(limit: str | None, days: float | None, everything: bool) -> None:
    """Remove what was used least recently until the rest fits."""
    shared = SharedResults.of_user()
    room = 0 if everything else parse_size(limit) if limit is not None else shared.limit
    gone = [item for item in beyond(_items(shared), room, days) if item.remove(shared)]
    forgotten = forget_old(cache_folder() / MEMORY, 0 if everything else _HASH_DAYS)
    left = size(sum(item.size for item in _items(shared)))
    click.echo(f"removed {len(gone)}, {size(sum(item.size for item in gone))}; {left} are left")
    if forgotten:
        click.echo(f"forgot the hashes of {forgotten} files, which are read again when they are met")
