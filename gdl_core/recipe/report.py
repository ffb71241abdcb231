"""What is told of a run: `report.html` and `report.md` for people, `report.json` for programs."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import gdl_core
from gdl_core.media.atomic import write_bytes
from gdl_core.recipe.keep import FACTS
from gdl_core.recipe.timing import spent
from gdl_core.registry import Registry
from gdl_core.values import Cell, Table, TrainedModel

if TYPE_CHECKING:
    from gdl_core.recipe.check import Recipe
    from gdl_core.recipe.plan import PlannedStep

_MOST_FACTS = 500  # rows in report.json; the points of a map are in the map's own file


@dataclass
class StepReport:
    """What is told of one step: `outputs` relative to the run folder, `seconds` of the run that did it, its `key`.

    `spent` is what those seconds went into, where a recipe says how long ("40 epochs"); `history` the training curves.
    """

    name: str
    do: str
    status: Literal["done", "unchanged", "cached", "failed", "stopped"] = "done"
    seconds: float = 0.0
    outputs: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    table: dict[str, Any] | None = None
    spent: str = ""
    history: dict[str, Any] | None = None
    key: str = ""

    @property
    def ends(self) -> dict[str, Cell]:
        """Where the training of a model ended: the last row of its curves."""
        if not self.history or not self.history["rows"]:
            return {}
        return dict(zip(self.history["header"], self.history["rows"][-1], strict=True))

    def tell(self, value: Any, arguments: Any) -> None:
        """Take from a step's result what is told of it."""
        self.table = table_facts(value)
        self.history = _history(value.history) if isinstance(value, TrainedModel) else None
        self.spent = spent(arguments)

    def keep(self, folder: Path) -> None:
        """Write what a later run needs to tell of this step without doing it again."""
        facts = {"seconds": self.seconds, "notes": self.notes, "table": self.table}
        facts |= {"spent": self.spent, "history": self.history}
        write_bytes(folder / FACTS, json.dumps(facts).encode())

    def recall(self, folder: Path) -> None:
        """Read what `keep` wrote, if it is there."""
        try:
            facts = json.loads((folder / FACTS).read_bytes())
            seconds, notes, went_into = (
                float(facts["seconds"]),
                [str(note) for note in facts["notes"]],
                str(facts["spent"]),
            )
            table, history = _as_table(facts["table"]), _as_table(facts["history"])
        except (OSError, ValueError, KeyError, TypeError):
            return
        self.seconds, self.notes, self.spent, self.table, self.history = seconds, notes, went_into, table, history


def _as_table(facts: Any) -> dict[str, Any] | None:
    """Return what `table_facts` made, as it was read; raises ValueError, KeyError or TypeError if it is not that."""
    if facts is None:
        return None
    header, rows = [str(word) for word in facts["header"]], [list(row) for row in facts["rows"]]
    cells = (cell for row in rows for cell in row)
    if any(len(row) != len(header) for row in rows) or not all(isinstance(cell, Cell) for cell in cells):
        raise ValueError
    return {"title": str(facts["title"]), "header": header, "count": int(facts["count"]), "rows": rows}


@dataclass
class RunReport:
    """What is told of a whole run.

    Attributes:
        recipe: its name; `text` is the recipe as run.
        planned: the steps that were to be done, in their order.
        saves: for each step the paths of its `save`.
        started: ISO 8601, UTC. `seconds` is how long the run took.
        where: device, threads and versions, see `machine`.
        error: why it failed or was stopped, in one line.
        each: what was varied, where this is of a whole sweep.
    """

    title: str
    recipe: str
    text: str
    seed: int
    planned: tuple[str, ...]
    saves: Mapping[str, tuple[str, ...]]
    started: str
    seconds: float = 0.0
    status: Literal["done", "failed", "stopped"] = "done"
    error: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)
    steps: list[StepReport] = field(default_factory=list)
    each: tuple[str, ...] = ()

    @classmethod
    def begin(cls, recipe: Recipe, planned: Sequence[PlannedStep], steps: list[StepReport]) -> RunReport:
        """Return the report of a run that starts now; `steps` is filled as it goes on."""
        names = tuple(entry.step.name for entry in planned)
        saves = {entry.step.name: entry.step.save for entry in planned}
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        return cls(recipe.title, recipe.name, recipe.text, recipe.seed, names, saves, now, steps=steps)

    def facts(self) -> dict[str, Any]:
        """Return what `report.json` holds."""
        facts = {name: getattr(self, name) for name in ("title", "recipe", "status", "error", "started", "seconds")}
        facts |= {"seed": self.seed, "gdl": gdl_core.__version__, **self.where, "planned": list(self.planned)}
        return facts | {"steps": [asdict(step) for step in self.steps]}


def table_facts(value: Any) -> dict[str, Any] | None:
    """Return the numbers of a table or of a figure as JSON, None for other values."""
    table = getattr(value, "data", None) if getattr(value, "kind", "") == "figure" else value
    if not isinstance(table, Table):
        return None
    rows = [list(row) for row in table.rows] if len(table.rows) <= _MOST_FACTS else []
    return {"title": table.title, "header": list(table.header), "count": len(table.rows), "rows": rows}


def _history(table: Table) -> dict[str, Any] | None:
    """Return training curves; of very many points every so manieth and the last."""
    every = -(-len(table.rows) // (_MOST_FACTS - 1))
    rows = table.rows if len(table.rows) <= _MOST_FACTS else (*table.rows[:-1:every], table.rows[-1])
    facts = table_facts(replace(table, rows=rows))
    return facts and {**facts, "count": len(table.rows)}


def machine(device: str, folder: Path, registry: Registry) -> dict[str, Any]:
    """Return the device that `auto` means here, the number of threads, and versions.

    What only torch could tell is what the last report said if torch rested.
    """
    plugins = {info.name: f"{info.package} {info.version}".strip() for info in registry.plugins if info.ok}
    torch = sys.modules.get("torch")
    if torch is None:
        from gdl_core.recipe.record import torch_version

        facts: dict[str, Any] = {"device": device, "threads": None}
        told: dict[str, Any] = {"gdl": gdl_core.__version__, "torch": torch_version(), "rng": None}
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            before = json.loads((folder / "report.json").read_bytes())
            facts = {"device": str(before["device"]), "threads": before["threads"]}
            told["rng"] = before.get("versions", {}).get("rng")
    else:
        from gdl_core.recipe.record import versions

        name = device
        if device == "auto":
            name = "cuda" if torch.cuda.is_available() else "cpu"
        if name.startswith("cuda"):
            name += f" ({torch.cuda.get_device_name(name)})"
        facts, told = {"device": name, "threads": torch.get_num_threads()}, {**versions()}
    return {**facts, "versions": {**told, "python": platform.python_version(), "plugins": plugins}}


def write_report(folder: Path, run: RunReport, base: Path) -> None:
    """Write `report.json`, `report.md` and `report.html` into the run folder; `base` is the folder of the recipe."""
    from gdl_core.recipe.page import make_page
    from gdl_core.recipe.page_markdown import make_markdown

    write_bytes(folder / "report.json", (json.dumps(run.facts(), indent=1) + "\n").encode())
    write_bytes(folder / "report.md", make_markdown(run).encode())
    write_bytes(folder / "report.html", make_page(run, folder, base).encode())
