"""CelebA (Liu, Luo, Wang, Tang 2015, "Deep Learning Face Attributes in the Wild") as its authors lay it out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gdl_core.data.building import YES_NO, BuildContext, finish
from gdl_core.data.dataset import Dataset
from gdl_core.data.folder import hash_files, load_pictures
from gdl_core.data.pictures import Framing
from gdl_core.errors import DataError
from gdl_core.values import Column
from gdl_data.config import CelebaConfig

_PICTURES = "img_align_celeba"


def build(config: CelebaConfig, context: BuildContext) -> Dataset:
    """Return CelebA, uint8 (n, 3, size, size) in the order of its list; a yes-or-no column for each of its attributes.

    Where list_eval_partition is there, its validation and test pictures are held out; otherwise a share by noise.

    Raises:
        DataError: the folder lacks the pictures or the list of attributes, or the list cannot be read.
    """
    root = _picture_folder(config.path)
    titles, attributes = _attributes(_table(config.path, "list_attr_celeba"))
    names = [name for name in attributes if (root / name).is_file()][: config.limit]
    missing = 0 if config.limit else len(attributes) - len(names)
    notes = [f"{missing} of {len(attributes)} pictures that the list names are not there"] if missing else []
    if not names:
        raise DataError(f"{root} holds none of the {len(attributes)} pictures that list_attr_celeba names")
    hashes, unreadable = hash_files(root, names, context.progress)
    kept = [name for name in names if name in hashes]
    framing = Framing(config.size, channels=3, window=config.crop)
    loaded = load_pictures("celeba", root, kept, hashes, framing, context.progress)
    truths = np.array([attributes[name] for name in loaded.names], dtype=np.int64)
    columns = {title: Column(truths[:, i], YES_NO) for i, title in enumerate(titles)}

    held_out: float | NDArray[np.int64] = config.held_out
    if any((config.path / f"list_eval_partition{suffix}").is_file() for suffix in (".txt", ".csv")):
        parts = {row[0]: row[1] for row in _table(config.path, "list_eval_partition") if len(row) == 2}
        official = np.array([i for i, name in enumerate(loaded.names) if parts.get(name) in ("1", "2")], dtype=np.int64)
        if 0 < len(official) < len(loaded.names):
            held_out = official
        else:
            notes.append("the official partition has these pictures on one side; the held-out share is drawn by noise")
    return finish(
        "celeba", loaded.pictures, columns, context,
        held_out=held_out, digest=loaded.digest, notes=[*notes, *unreadable, *loaded.notes],
    )  # fmt: skip


def _picture_folder(path: Path) -> Path:
    # Some archives unpack into a folder of the same name within.
    for folder in (path / _PICTURES / _PICTURES, path / _PICTURES):
        if folder.is_dir():
            return folder
    raise DataError(f"{path} has no folder {_PICTURES}; give the folder that CelebA was unpacked in")


def _table(path: Path, stem: str) -> list[list[str]]:
    """Read STEM.txt (blanks between) or STEM.csv (commas) into rows of words."""
    for file, comma in ((path / f"{stem}.txt", False), (path / f"{stem}.csv", True)):
        if file.is_file():
            try:
                lines = file.read_text(encoding="utf-8-sig").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise DataError(f"{file} cannot be read ({error})") from error
            return [[word.strip() for word in line.split("," if comma else None)] for line in lines if line.strip()]
    raise DataError(f"{path} has neither {stem}.txt nor {stem}.csv")


def _attributes(rows: list[list[str]]) -> tuple[list[str], dict[str, list[int]]]:
    """Return the titles, and for each picture 1 or 0 under each title."""
    if rows and len(rows[0]) == 1:
        rows = rows[1:]  # The text form begins with the number of pictures.
    if len(rows) < 2:
        raise DataError("list_attr_celeba names no pictures; copy or download it again")
    width = len(rows[1]) - 1
    titles = rows[0][-width:] if width > 0 else []
    attributes: dict[str, list[int]] = {}
    for number, (name, *marks) in enumerate(rows[1:], 1):
        if len(marks) != width or not set(marks) <= {"1", "-1", "0"} or len(titles) != width:
            raise DataError(f"list_attr_celeba: picture {number} ({name}) does not have {width} marks of 1 or -1")
        attributes[name] = [int(mark == "1") for mark in marks]
    return titles, attributes
