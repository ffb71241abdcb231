"""Tables: drawn by rich on a terminal, aligned columns elsewhere, so that other programs can read them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click


def show_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their headings."""
    if sys.stdout.isatty():
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(*header, box=box.SIMPLE_HEAD, pad_edge=False)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        Console().print(table)
        return
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
