"""Files of some kinds in a folder and all its subfolders, but for what is hidden and what runs have left there."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path


def files_below(folder: Path, suffixes: Collection[str]) -> Iterator[Path]:
    """Yield the files with one of these suffixes, in small letters with their dots, sorted within each folder."""
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and not is_run(here / name))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in suffixes and (here / name).is_file():
                yield here / name


def is_run(folder: Path) -> bool:
    """Return whether a folder is that of a run, with a `.gdl` in it: what it holds was made, and is nothing to learn
    from.
    """
    try:
        return (folder / ".gdl").is_dir()
    except OSError:  # it may not be looked into, and will be passed over
        return False
