"""The page about a run as Markdown, `report.md`: for terminals and for places that show no HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gdl_core
from gdl_core.errors import printable
from gdl_core.media.tables import markdown_cell

if TYPE_CHECKING:
    from gdl_core.recipe.report import RunReport, StepReport

_PICTURES = (".png", ".gif", ".webp", ".jpg", ".jpeg", ".svg")
_MOST_ROWS = 60
_MOST_LINKS = 12


def make_markdown(run: RunReport) -> str:
    """Return the page as Markdown."""
    threads = f", {run.where['threads']} threads" if run.where.get("threads") else ""
    where = f"Seed {run.seed}, on {run.where['device']}{threads}, gdl {gdl_core.__version__}."
    lines = [f"# {run.title}", "", where, ""]
    lines += [f"{run.status.capitalize()}: {run.error}", ""] if run.error else []
    lines += ["| step | does | | seconds |", "| --- | --- | --- | ---: |"]
    lines += [f"| {step.name} | {step.do} | {step.status} | {step.seconds:.1f} |" for step in run.steps]
    for step in run.steps:
        if step.outputs or step.notes or (step.table and _shows(step)):
            lines += ["", f"## {step.name}", ""]
            lines += [f"- {printable(note)}" for note in step.notes]
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
    header = [markdown_cell(word) for word in table["header"]]
    numbers = [
        all(isinstance(row[i], int | float) or row[i] is None for row in table["rows"]) for i in range(len(header))
    ]
    lines = ["| " + " | ".join(header) + " |", "| " + " | ".join("---:" if n else "---" for n in numbers) + " |"]
    return lines + ["| " + " | ".join(markdown_cell(cell) for cell in row) + " |" for row in table["rows"]]
