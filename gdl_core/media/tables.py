"""Tables as CSV, JSON and Markdown. JSON carries the record itself; the others have it beside them."""

from __future__ import annotations

import csv
import json
import math
from io import StringIO
from pathlib import Path
from typing import Any

from gdl_core.errors import MediaError, printable
from gdl_core.media.atomic import write_bytes
from gdl_core.media.record import Record, digest, from_text, with_content, write_sidecar
from gdl_core.values import Cell, Column, Figure, Latents, Table, Text


def to_table(value: Any) -> Table:
    """Return the numbers of a table, of a figure, or of latent points (z1, z2, …, and their columns)."""
    if isinstance(value, Table):
        return value
    if isinstance(value, Figure):
        return value.data
    if isinstance(value, Latents):
        flat = value.mean.reshape(len(value.mean), -1)
        header = (*(f"z{index + 1}" for index in range(flat.shape[1])), *value.columns)
        columns = [_cells(column) for column in value.columns.values()]
        rows = tuple((*map(float, point), *(column[row] for column in columns)) for row, point in enumerate(flat))
        return Table(header, rows)
    raise MediaError(f"a {getattr(value, 'kind', type(value).__name__)} is no table")


def _cells(column: Column) -> list[Cell]:
    return [column.names[int(code)] if column.names else code for code in column.values.tolist()]


def write_csv(value: Any, path: Path, record: Record | None) -> list[Path]:
    """Write comma-separated values in UTF-8 with a header; numbers in full precision, nothing for an empty cell."""
    table = to_table(value)
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.header)
    writer.writerows([_csv_cell(cell) for cell in row] for row in table.rows)
    write_bytes(path, text.getvalue().encode())
    return _beside(path, with_content(record, read_csv(path)))


def _csv_cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return repr(cell) if isinstance(cell, float) else str(cell)


def read_csv(path: Path) -> Table:
    """Read comma-separated values; what looks like a number is one, an empty cell is None.

    Raises:
        MediaError: it is not UTF-8 text, has no header, or its rows differ in length.
    """
    try:
        lines = list(csv.reader(StringIO(_text(path), newline="")))
    except csv.Error as error:
        raise MediaError(f"{path.name} is no table: {error}") from error
    if not lines:
        raise MediaError(f"{path.name} is empty; a table needs a header")
    header, *rows = lines
    rows = [row for row in rows if row]
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise MediaError(f"{path.name} row {number} has {len(row)} cells, the header has {len(header)}")
    return Table(tuple(header), tuple(tuple(_parse(cell) for cell in row) for row in rows))


def _parse(text: str) -> Cell:
    if text in ("", "true", "false"):
        return {"": None, "true": True, "false": False}[text]
    for kind in (int, float):
        try:
            return kind(text) if "_" not in text else text
        except ValueError:
            continue
    return text


def write_json(value: Any, path: Path, record: Record | None) -> list[Path]:
    """Write title, header and rows; a number that is not finite becomes null."""
    table = to_table(value)
    rows = [[_json_cell(cell) for cell in row] for row in table.rows]
    told = with_content(record, Table(table.header, tuple(tuple(row) for row in rows)))
    content: dict[str, Any] = {"title": table.title, "header": list(table.header), "rows": rows}
    if told is not None:
        content["record"] = told
    lines = [f" {json.dumps(name)}: {_pretty(part)}" for name, part in content.items()]
    write_bytes(path, ("{\n" + ",\n".join(lines) + "\n}\n").encode())
    return [path]


def _json_cell(cell: Cell) -> Cell:
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def _pretty(part: Any) -> str:
    if isinstance(part, list) and part and isinstance(part[0], list):
        return "[\n" + ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in part) + "\n ]"
    return json.dumps(part, ensure_ascii=False, sort_keys=True)


def read_json(path: Path) -> Table:
    """Read a table that `write_json` wrote.

    Raises:
        MediaError: it is no table.
    """
    content = from_text(_text(path)) or {}
    title, header, rows = content.get("title", ""), content.get("header"), content.get("rows")
    names = isinstance(header, list) and all(isinstance(name, str) for name in header)
    if not isinstance(title, str) or not names or not isinstance(rows, list):
        raise MediaError(f"{path.name} is no table: it needs 'header', a list of names, and 'rows'")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list) or len(row) != len(header or ()):
            raise MediaError(f"{path.name}: row {number} is no list of {len(header or ())} cells, as the header has")
        if not all(isinstance(cell, str | int | float | None) for cell in row):
            raise MediaError(f"{path.name}: row {number} has a cell that is neither a number nor a text")
    return Table(tuple(header or ()), tuple(map(tuple, rows)), title)


def read_json_record(path: Path) -> dict[str, Any] | None:
    """Return the record of a JSON table, None where it has none."""
    record = (from_text(_text(path)) or {}).get("record")
    return record if isinstance(record, dict) else None


def write_markdown(value: Any, path: Path, record: Record | None) -> list[Path]:
    """Write a Markdown table for a person: numbers with four significant digits, at the right."""
    table = to_table(value)
    cells = [[markdown_cell(cell) for cell in row] for row in table.rows]
    names = [markdown_cell(name) for name in table.header]
    widths = [max([3, len(name), *(len(row[i]) for row in cells)]) for i, name in enumerate(names)]
    numbers = [any(_is_number(row[i]) for row in table.rows) for i in range(len(names))]
    rule = [("-" * (width - 1) + ":") if number else "-" * width for width, number in zip(widths, numbers, strict=True)]
    lines = [f"# {printable(table.title)}", ""] if table.title else []
    for row in (names, rule, *cells):
        padded = (c.rjust(w) if n else c.ljust(w) for c, w, n in zip(row, widths, numbers, strict=True))
        lines.append(f"| {' | '.join(padded)} |")
    text = "\n".join(lines) + "\n"
    write_bytes(path, text.encode())
    return _beside(path, with_content(record, Text((text,))))


def verify_markdown(path: Path, record: Record) -> bool | None:
    """Return whether a Markdown table is the text that its record vouches for; None where the record says nothing."""
    return None if "content" not in record else bool(digest(Text((_text(path),))) == record["content"])


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def markdown_cell(cell: Cell) -> str:
    """Return a cell of a Markdown table: numbers with four significant digits, texts as nothing but texts."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.4g}"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return printable(" ".join(str(cell).split())).replace("|", "\\|").replace("<", "&lt;")


def _beside(path: Path, record: Record | None) -> list[Path]:
    return [path] if record is None else [path, write_sidecar(path, record)]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise MediaError(f"no such file: {path}") from error
    except UnicodeDecodeError as error:
        raise MediaError(f"{path.name} is not UTF-8 text") from error
    except OSError as error:
        raise MediaError(f"{path.name} cannot be read: {error.strerror or error}") from error
