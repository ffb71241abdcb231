"""The page about a run, `report.html`: one file that opens from disk, asks nothing of any network and runs nothing.

Whatever comes from recipes, tables and names of files is escaped by the template; what could ask for something outside
is forbidden by the page's own policy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gdl_core.recipe.impersonal import impersonal
from gdl_core.recipe.page_files import MOST_ITEMS, Files, ShownFiles
from gdl_core.recipe.plot_svg import Panel, draw_curves
from gdl_core.recipe.words import duration

if TYPE_CHECKING:
    from jinja2 import Template

    from gdl_core.recipe.report import RunReport, StepReport

_MOST_ROWS = 60
_CUT_ROWS = 20  # of a table that is longer
_OPEN_ROWS = 24  # with a picture of it beside, a longer one waits folded
_TEMPLATE = "page.html"


@dataclass(frozen=True)
class ShownTable:
    """A table as a page shows it: cells as text, which columns hold numbers, how many rows there are in all."""

    title: str
    header: list[str]
    rows: list[list[str]]
    numbers: list[bool]
    count: int
    file: str


@dataclass(frozen=True)
class Section:
    """A step as a page shows it."""

    step: StepReport
    files: ShownFiles
    panels: list[Panel] = field(default_factory=list)
    table: ShownTable | None = None
    folded: bool = False

    @property
    def is_shown(self) -> bool:
        """Whether there is more to show than the step's row in the table of steps."""
        files = self.files
        return bool(self.step.notes or self.panels or self.table or files.shown or files.items or files.links)


def make_page(run: RunReport, folder: Path, base: Path) -> str:
    """Return the page as HTML. The same facts and files give the same page.

    Args:
        run: what is told.
        folder: the run folder, whose pictures and films go into the page.
        base: the recipe's folder; neither is named in the page.
    """
    files = Files(folder)
    sections = [_section(step, files, run) for step in run.steps]
    reached = {step.name for step in run.steps}
    return _template().render(
        run=run,
        hide=impersonal(folder, base),
        sections=[section for section in sections if section.is_shown],
        missing=[name for name in run.planned if name not in reached],
        versions=_versions(run.where.get("versions", {})),
        most=MOST_ITEMS,
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined, pass_context
    from jinja2.runtime import Context
    from markupsafe import Markup

    @pass_context
    def hidden(context: Context, value: Any) -> Any:
        """Take paths of this machine out of every text that is not made here."""
        hide: Callable[[str], str] = context["hide"]
        return hide(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=hidden,
        keep_trailing_newline=True,
    )
    environment.filters |= {"duration": duration, "made_here": Markup}
    return environment.from_string(Path(__file__).with_name(_TEMPLATE).read_text("utf-8"))


def _section(step: StepReport, files: Files, run: RunReport) -> Section:
    shown = files.of_step(step.outputs, run.saves.get(step.name, ()))
    table = _table(step)
    return Section(
        step,
        shown,
        draw_curves(step.history) if step.history and step.history["rows"] else [],
        table,
        folded=bool(table and shown.shown and len(table.rows) > _OPEN_ROWS),
    )


def _table(step: StepReport) -> ShownTable | None:
    facts = step.table
    if facts is None or not facts["header"]:
        return None
    rows = facts["rows"] if len(facts["rows"]) <= _MOST_ROWS else facts["rows"][:_CUT_ROWS]
    numbers = [
        any(row[i] is not None for row in rows) and all(row[i] is None or _is_number(row[i]) for row in rows)
        for i in range(len(facts["header"]))
    ]
    tables = (output for output in step.outputs if output.endswith((".csv", ".md", ".json")))
    file = next((output for output in tables if not output.endswith(".gdl.json")), "")
    header = [str(word) for word in facts["header"]]
    cells = [[_cell(cell) for cell in row] for row in rows]
    return ShownTable(str(facts["title"]), header, cells, numbers, facts["count"], file)


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _cell(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.4g}".replace("-", "−", 1) if cell < 0 else f"{cell:.4g}"
    return str(cell)


def _versions(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    names = {"gdl": "gdl", "torch": "torch", "python": "Python", "rng": "noise"}
    found = [(name, str(told[key])) for key, name in names.items() if told.get(key)]
    return found + [(f"plugin {name}", package) for name, package in told.get("plugins", {}).items() if package]
