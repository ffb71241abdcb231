"""The page about a run: `report.md` for people, `report.json` for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import gdl_core
from gdl_core.media.atomic import write_bytes
from gdl_core.recipe.keep import FACTS
from gdl_core.recipe.timing import spent
from gdl_core.values import Cell, Table, TrainedModel

_PICTURES = (".png", ".gif", ".webp", ".jpg", ".jpeg", ".svg")
_MOST_ROWS = 60
_MOST_FACTS = 500  # rows in report.json; the points of a map are in the map's own file
_MOST_LINKS = 12


@dataclass
class StepReport:
    """What is told of one step: `outputs` relative to the run folder, `seconds` of the run that did it.

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

    @property
    def ends(self) -> dict[str, Cell]:
        """Where the training of a model ended: the last row of its curves."""
        if not self.history or not self.history["rows"]:
            return {}
        return dict(zip(self.history["header"], self.history["rows"][-1], strict=True))

    def tell(self, value: Any, arguments: Any) -> None:
        """Take from a step's result what is told of it."""
        self.table = table_facts(value)
        self.history = table_facts(value.history) if isinstance(value, TrainedModel) else None
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
            self.seconds, self.notes = float(facts["seconds"]), [str(note) for note in facts["notes"]]
            self.table, self.history = facts["table"], facts["history"]
            self.spent = str(facts["spent"])
        except (OSError, ValueError, KeyError, TypeError):
            return


def table_facts(value: Any) -> dict[str, Any] | None:
    """Return the numbers of a table or of a figure as JSON, None for other values."""
    table = getattr(value, "data", None) if getattr(value, "kind", "") == "figure" else value
    if not isinstance(table, Table):
        return None
    rows = [list(row) for row in table.rows] if len(table.rows) <= _MOST_FACTS else []
    return {"title": table.title, "header": list(table.header), "count": len(table.rows), "rows": rows}


def machine(device: str, folder: Path) -> dict[str, Any]:
    """Return the device that `auto` means here and the number of threads; what the last report said if torch rested."""
    torch = sys.modules.get("torch")
    if torch is None:
        try:
            before = json.loads((folder / "report.json").read_bytes())
            return {"device": str(before["device"]), "threads": before["threads"]}
        except (OSError, ValueError, KeyError, TypeError):
            return {"device": device, "threads": None}
    name = device
    if device == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda"):
        name += f" ({torch.cuda.get_device_name(name)})"
    return {"device": name, "threads": torch.get_num_threads()}


def write_report(folder: Path, title: str, seed: int, where: Mapping[str, Any], steps: Sequence[StepReport]) -> None:
    """Write `report.md` and `report.json` into the run folder."""
    facts = {"title": title, "seed": seed, "gdl": gdl_core.__version__, **where, "steps": [asdict(s) for s in steps]}
    write_bytes(folder / "report.json", (json.dumps(facts, indent=1) + "\n").encode())
    write_bytes(folder / "report.md", _markdown(title, seed, where, steps).encode())


def _markdown(title: str, seed: int, where: Mapping[str, Any], steps: Sequence[StepReport]) -> str:
    threads = f", {where['threads']} threads" if where.get("threads") else ""
    lines = [f"# {title}", "", f"Seed {seed}, on {where['device']}{threads}, gdl {gdl_core.__version__}.", ""]
    lines += ["| step | does | | seconds |", "| --- | --- | --- | ---: |"]
    lines += [f"| {step.name} | {step.do} | {step.status} | {step.seconds:.1f} |" for step in steps]
    for step in steps:
        if step.outputs or step.notes or (step.table and _shows(step)):
            lines += ["", f"## {step.name}", ""]
            lines += [f"- {note}" for note in step.notes]
            lines += [""] if step.notes else []
            lines += _links(step)
            if step.table and _shows(step):
                lines += ["", *_table(step.table)]
    return "\n".join(lines) + "\n"


def _shows(step: StepReport) -> bool:
    """A figure's numbers can be thousands; only tables a person would read are shown."""
    return step.table is not None and 0 < len(step.table["rows"]) <= _MOST_ROWS


def _links(step: StepReport) -> list[str]:
    shown = [output for output in step.outputs if not output.endswith(".gdl.json")]
    more = f"and {len(shown) - _MOST_LINKS} more\n"
    return [_link(output, step.name) for output in shown[:_MOST_LINKS]] + [more] * (len(shown) > _MOST_LINKS)


def _link(output: str, name: str) -> str:
    target = output.replace(" ", "%20").replace("(", "%28").replace(")", "%29")
    if output.lower().endswith(_PICTURES):
        return f"![{name}]({target})\n"
    return f"[{output}]({target})\n"


def _table(table: Mapping[str, Any]) -> list[str]:
    header = [_cell(word) for word in table["header"]]
    numbers = [
        all(isinstance(row[i], int | float) or row[i] is None for row in table["rows"]) for i in range(len(header))
    ]
    lines = ["| " + " | ".join(header) + " |", "| " + " | ".join("---:" if n else "---" for n in numbers) + " |"]
    return lines + ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in table["rows"]]


def _cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.4g}"
    return str(cell).replace("|", "\\|").replace("\n", " ")
