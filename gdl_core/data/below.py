"""Files of some kinds in a folder and all its subfolders, but for what is hidden and what runs have left there."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path


def files_below(folder: Path, suffixes: Collection[str]) -> Iterator[Path]:
    """Yield the files with one of these suffixes, in small letters with their dots, sorted within each folder.

    A folder with a `.gdl` in it is that of a run: what it holds was made, and is nothing to learn from.
    """
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and not (here / name / ".gdl").is_dir()
        )
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in suffixes and (here / name).is_file():
                yield here / name
