"""`curves`: how the losses fell, on training and on held-out samples; of a game, what both players lost and judged;
of a search, what its candidates earned.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import compress
from math import isnan
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gdl_core.arguments import Accepts, StepArguments
from gdl_core.media.extras import has_extra
from gdl_core.steps.inputs import OneOrMore
from gdl_core.values import Cell, Figure, Table, TrainedModel

if TYPE_CHECKING:
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext

HELD_OUT = "held_out_"
FIRST = ("loss", "rmse", "reconstruction", "kl")
_SHARED = {"_loss": "losses", "_accuracy": "accuracies", "_penalty": "penalties"}
"""Parts of several players that share a panel, by how their names end."""
TIMES = ("generation", "round", "epoch", "step")
"""What a curve goes along."""
_EARNED = (("mean", "best", "worst", "watched"), ("earned", "strayed"))
"""Parts of a search, and of rounds, that share a panel."""
_GUESSED = ("accuracies", "_real_accuracy", "_fake_accuracy")
"""Panels of what is right half the time by guessing."""


class Arguments(StepArguments):
    """Arguments of `curves`."""

    model: Annotated[list[Annotated[TrainedModel, Accepts("model")]], OneOrMore] = Field(
        min_length=1, description="a model, or several to compare"
    )
    of: list[str] = Field([], description="parts of the loss to draw; left out: all, the loss first")
    log: bool = Field(False, description="logarithmic scale")

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that the plotting library is there."""
        if not has_extra("plots"):
            yield (), "curves needs the extra 'plots': pip install 'gdl-toolkit[plots]'"


def run(arguments: Arguments, context: StepContext) -> Figure:
    """Return one panel for each part of the loss, with the numbers drawn.

    Of a single game, the losses of all players share a panel, and so do the accuracies, beside the level of guessing.
    """
    from gdl_core.errors import DataError, UnknownNameError, did_you_mean
    from gdl_core.media.plots import Line, line_panels
    from gdl_core.steps.inputs import model_names

    names = model_names(arguments.model)
    histories = [trained.history for trained in arguments.model]
    parts = _parts(histories)
    time = next((name for name in TIMES if name in histories[0].header), "epoch")
    if not parts:
        raise DataError(
            f"{' and '.join(names)}: fitted at once, so that there are no curves; draw those of other models"
        )
    if any(time not in history.header for history in histories):
        raise DataError(
            f"{' and '.join(names)}: generations, rounds and epochs have no axis in common; draw them apart"
        )
    for part in arguments.of:
        if part not in parts:
            known = ", ".join(parts)
            raise UnknownNameError(f"no model has a curve '{part}'{did_you_mean(part, parts)}; there are {known}")
    panels: dict[str, list[Line]] = {}
    rows: list[tuple[Cell, ...]] = []
    shared = {} if arguments.of or len(names) > 1 else _shared(parts)
    for part in arguments.of or parts:
        panel, short = shared.get(part, (part, ""))
        lines = panels.setdefault(panel, [])
        colour = len({line.part for line in lines})
        for index, (name, trained) in enumerate(zip(names, arguments.model, strict=True)):
            history = trained.history
            if not {part, HELD_OUT + part} & set(history.header):
                continue
            shade = colour if short else index
            x = [float(value or 0) for value in history.column(time)]
            kinds = ((part, "training", True), (HELD_OUT + part, "held-out", False))
            for key, told, dashed in kinds if time == "epoch" else ((part, "", False),):
                if key in history.header:
                    y = [float("nan") if value is None else float(value) for value in history.column(key)]
                    label = ", ".join(word for word in (name if len(names) > 1 else "", told) if word)
                    seen = [not isnan(value) for value in y]  # a lazy penalty is not known at every point
                    places, values = list(compress(x, seen)), list(compress(y, seen))
                    lines.append(Line(label, places, values, colour=shade, dashed=dashed, part=short))
                    rows += [(name, part, told, epoch, value) for epoch, value in zip(x, y, strict=True)]
    marks = {panel: 0.5 for panel in panels if panel.endswith(_GUESSED)} | {"diversity": 1.0}
    pixels = line_panels(panels, time, arguments.log, marks=marks, shares=("accuracies",))
    return Figure(pixels, Table(("model", "part", "samples", time, "value"), tuple(rows), "Training curves"))


def _shared(parts: list[str]) -> dict[str, tuple[str, str]]:
    """Return panel and short name of parts that share a panel: those of a search, or of a game if two players lose."""
    for earned in _EARNED:
        if set(earned[:2]) <= set(parts):
            return {part: ("earned", part) for part in earned if part in parts}
    if sum(part.endswith("_loss") for part in parts) < 2:
        return {}
    found = {}
    for end, panel in _SHARED.items():
        family = [part for part in parts if part.endswith(end)]
        if len(family) > 1:
            found.update({part: (panel, part.removesuffix(end).replace("_", " ")) for part in family})
    return found


def _parts(histories: list[Table]) -> list[str]:
    names = [name for history in histories for name in history.header if name not in TIMES]
    found = dict.fromkeys(name.removeprefix(HELD_OUT) for name in names)
    return sorted(found, key=_rank)


def _rank(part: str) -> int:
    """Say how early a part is drawn: losses, then accuracies, then the others in the order of the curve."""
    if part in FIRST:
        return FIRST.index(part)
    ends = ("_loss", "_accuracy", "")
    return len(FIRST) + next(rank for rank, end in enumerate(ends) if part.endswith(end))
