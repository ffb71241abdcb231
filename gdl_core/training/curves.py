"""Curves of a training: every part of every loss, on training and on held-out samples."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gdl_core.files import cannot_write
from gdl_core.values import Cell, Table


class Curves:
    """Sums of the loss parts since the last point, and the points themselves.

    Losses are kept as tensors and read in blocks, because reading one makes a GPU wait. Sums are taken in the order of
    the steps in float64, so that reading earlier (for a checkpoint) does not change them.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.latest: dict[str, float] = {}
        self._waiting: list[tuple[int, tuple[str, ...], list[Tensor]]] = []

    def add(self, step: int, prefix: str, parts: Mapping[str, Tensor]) -> None:
        """Take in the losses of one turn."""
        names = tuple(prefix + name for name in parts) if prefix else tuple(parts)
        self._waiting.append((step, names, [value.detach() for value in parts.values()]))

    def read(self) -> tuple[int, dict[str, float]] | None:
        """Add up all that is waiting; return step and parts of the first turn that was not finite, if there is one."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return None
        values = iter(torch.stack([value.float() for _, _, parts in waiting for value in parts]).tolist())
        wrong = None
        for step, names, _ in waiting:
            self.latest = {name: next(values) for name in names}
            if wrong is None and not all(map(math.isfinite, self.latest.values())):
                wrong = (step, self.latest)
            for name, value in self.latest.items():
                self.sums[name] = self.sums.get(name, 0.0) + value
                self.counts[name] = self.counts.get(name, 0) + 1
        return wrong

    def point(self, epoch: float, step: int, held_out: Mapping[str, float]) -> dict[str, float]:
        """End the interval: add a point with the means since the last one, and return it."""
        row: dict[str, float] = {"epoch": epoch, "step": step}
        row.update({name: total / self.counts[name] for name, total in self.sums.items()})
        row.update({f"held_out_{name}": value for name, value in held_out.items()})
        self.sums.clear()
        self.counts.clear()
        self.rows.append(row)
        return row

    def state(self) -> dict[str, Any]:
        """Return all that is known, as JSON; nothing may be waiting."""
        return {"rows": self.rows, "sums": self.sums, "counts": self.counts}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.rows, self.sums, self.counts = list(state["rows"]), dict(state["sums"]), dict(state["counts"])

    def table(self) -> Table:
        """Return the points as a table; a part that a point lacks is empty there."""
        header = tuple(dict.fromkeys(name for row in self.rows for name in row))
        rows: list[tuple[Cell, ...]] = [tuple(row.get(name) for name in header) for row in self.rows]
        return Table(header, tuple(rows), title="training")


class Log:
    """The points as lines of JSON in `log.jsonl`, written again from the checkpoint when a training goes on."""

    def __init__(self, path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
        self._path = path
        self._write("w", rows)

    def add(self, row: Mapping[str, Any]) -> None:
        """Append a point, with its notes if it has any; raises StorageError."""
        self._write("a", [row])

    def _write(self, mode: str, rows: Iterable[Mapping[str, Any]]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open(mode) as file:
                file.write("".join(json.dumps(row) + "\n" for row in rows))
        except OSError as error:
            raise cannot_write(self._path, error) from error
