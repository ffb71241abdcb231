"""`curves`: how the losses fell, on training and on held-out samples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gdl_core.media.extras import has_extra
from gdl_core.steps.arguments import Accepts, StepArguments
from gdl_core.steps.inputs import OneOrMore
from gdl_core.values import Cell, Figure, Table, TrainedModel

if TYPE_CHECKING:
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext

_HELD_OUT = "held_out_"
_FIRST = ("loss", "rmse", "reconstruction", "kl")


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
    """Return one panel for each part of the loss, with the numbers drawn."""
    from gdl_core.errors import DataError, UnknownNameError, did_you_mean
    from gdl_core.media.plots import Line, line_panels
    from gdl_core.steps.inputs import model_names

    names = model_names(arguments.model)
    parts = _parts([trained.history for trained in arguments.model])
    if not parts:
        raise DataError(
            f"{' and '.join(names)}: fitted at once, so that there are no curves; draw those of other models"
        )
    for part in arguments.of:
        if part not in parts:
            known = ", ".join(parts)
            raise UnknownNameError(f"no model has a curve '{part}'{did_you_mean(part, parts)}; there are {known}")
    panels: dict[str, list[Line]] = {}
    rows: list[tuple[Cell, ...]] = []
    for part in arguments.of or parts:
        lines = panels.setdefault(part, [])
        for index, (name, trained) in enumerate(zip(names, arguments.model, strict=True)):
            history = trained.history
            if not {part, _HELD_OUT + part} & set(history.header):
                continue
            x = [float(value or 0) for value in history.column("epoch")]
            for key, told, dashed in ((part, "training", True), (_HELD_OUT + part, "held-out", False)):
                if key in history.header:
                    y = [float("nan") if value is None else float(value) for value in history.column(key)]
                    label = f"{name}, {told}" if len(names) > 1 else told
                    lines.append(Line(label, x, y, colour=index, dashed=dashed))
                    rows += [(name, part, told, epoch, value) for epoch, value in zip(x, y, strict=True)]
    pixels = line_panels(panels, x_label="epoch", log=arguments.log)
    return Figure(pixels, Table(("model", "part", "samples", "epoch", "value"), tuple(rows), "Training curves"))


def _parts(histories: list[Table]) -> list[str]:
    names = [name for history in histories for name in history.header if name not in ("epoch", "step")]
    found = dict.fromkeys(name.removeprefix(_HELD_OUT) for name in names)
    return [*(part for part in _FIRST if part in found), *(part for part in found if part not in _FIRST)]
