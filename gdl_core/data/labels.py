"""Labels of pictures: from class folders, or from a CSV keyed by file name."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from gdl_core.data.building import YES_NO
from gdl_core.errors import DataError
from gdl_core.values import Column

_TRUE = {"yes": 1, "true": 1, "no": 0, "false": 0}
# Whole numbers with no more different values than this are taken for categories.
_FEW = 20


@dataclass(frozen=True)
class Labels:
    """A CSV of labels: the names of its columns, and for each file the cells."""

    path: Path
    header: tuple[str, ...]
    rows: dict[str, tuple[str, ...]]

    def match(self, names: Sequence[str]) -> dict[str, str]:
        """Return for each file that has a row the row's name: the same path, or else the same file name if unique."""
        plain = Counter(PurePosixPath(name).name for name in names)
        found = {}
        for name in names:
            short = PurePosixPath(name).name
            if name in self.rows:
                found[name] = name
            elif short in self.rows and plain[short] == 1:
                found[name] = short
        return found


def class_folders(names: Sequence[str]) -> dict[str, Column]:
    """Return the column `label` of the first folder in each name, or nothing where there are not two folders."""
    folders = [parts[0] if len(parts := PurePosixPath(name).parts) > 1 else "none" for name in names]
    kinds = sorted(set(folders))
    if len(kinds) < 2:
        return {}
    return {"label": Column(np.array([kinds.index(folder) for folder in folders], dtype=np.int64), tuple(kinds))}


def read_labels(path: Path) -> Labels:
    """Read a CSV (comma, semicolon or tab) whose first row names the columns and whose first column names the files.

    Raises:
        DataError: it is not such a file; the message names the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            delimiter = max(",;\t", key=first.count)
            lines = [(number, row) for number, row in enumerate(csv.reader(stream, delimiter=delimiter), 1) if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a table of labels ({error})") from error
    if len(lines) < 2 or len(lines[0][1]) < 2:
        raise DataError(f"{path}: wanted a header, a column of file names and at least one column of labels")
    header = tuple(cell.strip() for cell in lines[0][1])
    if len(set(header)) < len(header) or not all(header[1:]):
        raise DataError(f"{path}:1 the columns need different names, got {', '.join(header)}")
    rows: dict[str, tuple[str, ...]] = {}
    for number, row in lines[1:]:
        if len(row) != len(header):
            raise DataError(f"{path}:{number} has {len(row)} cells where the header has {len(header)}")
        name = PurePosixPath(row[0].strip().replace("\\", "/")).as_posix()
        if name in rows:
            raise DataError(f"{path}:{number} names '{name}' a second time; leave one row for each file")
        rows[name] = tuple(cell.strip() for cell in row[1:])
    return Labels(path, header[1:], rows)


def columns_of(labels: Labels, rows: Sequence[str]) -> tuple[dict[str, Column], list[str]]:
    """Return the columns for these rows in this order, and notes about columns that are left out.

    yes/no, true/false: an attribute. Numbers: numbers, or categories where they are few and whole. Words: categories.
    """
    columns: dict[str, Column] = {}
    notes: list[str] = []
    for position, title in enumerate(labels.header):
        cells = [labels.rows[row][position] for row in rows]
        column = _column(cells)
        if column is None:
            notes.append(f"left out column '{title}' of {labels.path.name}: too many different words to be categories")
        else:
            columns[title] = column
    return columns, notes


def _column(cells: Sequence[str]) -> Column | None:
    if all(cell.lower() in _TRUE for cell in cells):
        return Column(np.array([_TRUE[cell.lower()] for cell in cells], dtype=np.int64), YES_NO)
    numbers = _numbers(cells)
    different = sorted(set(cells))
    if numbers is not None and not (all(number.is_integer() for number in numbers) and len(set(numbers)) <= _FEW):
        return Column(np.array(numbers, dtype=np.float32))
    if numbers is not None:
        kinds = sorted(set(numbers))
        names = tuple(str(int(kind)) for kind in kinds)
        return Column(np.array([kinds.index(number) for number in numbers], dtype=np.int64), names)
    if len(different) > max(_FEW, len(cells) // 2):
        return None
    codes = {word: code for code, word in enumerate(different)}
    return Column(np.array([codes[cell] for cell in cells], dtype=np.int64), tuple(different))


def _numbers(cells: Sequence[str]) -> list[float] | None:
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        return None
    return numbers if all(math.isfinite(number) for number in numbers) else None
