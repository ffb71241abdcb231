"""`regions`: both errors of models of a set in the plane, where the truth is known: wrongly made, and never made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gdl_core.arguments import Accepts, DatasetInput, StepArguments
from gdl_core.errors import DataError
from gdl_core.media.extras import has_extra
from gdl_core.steps.inputs import OneOrMore
from gdl_core.values import Cell, Figure, Table, TrainedModel

if TYPE_CHECKING:
    from torch import Tensor

    from gdl_core.data.dataset import Dataset
    from gdl_core.data.truth import Truth
    from gdl_core.measures.precision_recall import Scores
    from gdl_core.measures.support import Frame
    from gdl_core.media.region_plots import Region
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext

    Points = NDArray[np.float32]
    Mask = NDArray[np.bool_]

_HEADER = (
    "model", "wrongly made", "never made", "wrongly made, exact", "never made, exact", "precision", "recall",
    "samples", "compared",
)  # fmt: skip
_FEWEST = 10


class Arguments(StepArguments):
    """Arguments of `regions`."""

    model: Annotated[list[Annotated[TrainedModel, Accepts("model", roles=("samples",), makes="image")]], OneOrMore] = (
        Field(min_length=1, description="a model, or several to compare")
    )
    data: DatasetInput = Field(description="points whose distribution is known, like those of the dataset points")
    n: int = Field(50_000, ge=1000, le=1_000_000, description="samples that the shares are counted over")
    shown: int = Field(500, ge=0, le=20_000, description="samples drawn, the first of the seed")
    compared: int = Field(2000, ge=_FEWEST, le=20_000, description="held-out points that precision and recall compare")
    title: str = Field("", description="a line above; left out: one that says what is shown")

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that the plotting library is there."""
        if not has_extra("plots"):
            yield (), "regions needs the extra 'plots': pip install 'gdl-toolkit[plots]'"


def run(arguments: Arguments, context: StepContext) -> Figure:
    """Return a panel of the data, one of the truth, and one for each model, with the shares of both errors.

    Wrongly made is the share of samples that do not belong to the set. Never made is the share of the true distribution
    that lies outside what the model makes, which `gdl_core.measures.support` estimates by many samples. Of a model that
    fills a box evenly both are known exactly, and stand beside. Precision and recall are those of the measure
    `precision_recall`, by neighbours, which knows no truth and is generous by the width of its balls along every edge.
    What is marked is the first sample, and the first held-out point, that lies clearly in the region of its error.
    """
    from gdl_core.latent.tiles import sample_rows
    from gdl_core.measures.support import HELD, Frame
    from gdl_core.media.region_plots import region_panels
    from gdl_core.steps.inputs import model_names, ready

    data = arguments.data
    truth = _truth(data, arguments.model)
    ready(arguments.model, context)
    frame = Frame.around(data.data)
    judge = _Judge(data, truth, frame, arguments)
    order = context.noise.stream("shown").permutation(len(data.train)).numpy()
    train = data.data[data.train[order]]
    regions = judge.truths(train)
    rows = [judge.row("(training samples)", train[: arguments.n], None)[0]]
    for name, trained in zip(model_names(arguments.model), arguments.model, strict=True):
        context.check_cancelled()
        made = sample_rows(trained, arguments.n, context.noise.stream("sample")).numpy()
        row, makes = judge.row(name, made, trained)
        rows.append(row)
        regions.append(judge.region(row, made, makes, trained))
    context.note(f"a point belongs to the set if it lies {truth.rule}")
    context.note(f"never made: outside the cells of highest density that hold {100 * HELD:g} % of a model's samples")
    title = arguments.title or "Two errors of a model: what it wrongly makes, and what it never makes"
    return Figure(region_panels(regions, frame.low, frame.side, title), Table(_HEADER, tuple(rows), title))


def _truth(data: Dataset, models: list[TrainedModel]) -> Truth:
    """Return what is known of the data's distribution.

    Raises:
        DataError: nothing is known, or a model is of other samples than points in the plane.
    """
    if data.truth is None or data.shape != (2,):
        raise DataError(
            f"regions needs points in the plane whose distribution is known, and of {data.name} it is not; "
            "take the dataset points"
        )
    if len(data.held_out) < _FEWEST:
        raise DataError(f"regions needs {_FEWEST} held-out points or more, and {data.name} has {len(data.held_out)}")
    for trained in models:
        if trained.data_shape != (2,):
            raise DataError(f"{trained.name} makes samples of shape {trained.data_shape}, regions draws points (2,)")
    return data.truth


def _place(corner: Tensor) -> tuple[float, float]:
    x, y = corner.tolist()
    return x, y


class _Judge:
    """Holds samples against the truth."""

    def __init__(self, data: Dataset, truth: Truth, frame: Frame, arguments: Arguments) -> None:
        self.truth, self.frame, self.arguments = truth, frame, arguments
        self.held_out: Points = data.data[data.held_out]
        self.cells = frame.grid(truth.inside(frame.centres))
        self.density = frame.grid(np.exp(truth.log_density(frame.centres)))

    def truths(self, train: Points) -> list[Region]:
        """Return the panels that come first: samples, as all that a model sees, and the rule that they follow."""
        from gdl_core.media.region_plots import Region

        shown = train[: self.arguments.shown]
        right = np.ones(len(shown), dtype=np.bool_)
        told = f"{len(shown):,} of {len(train):,} training samples"
        return [
            Region("What a model sees", told, shown, right),
            Region("The rule that it does not know", self.truth.rule, shown[:0], right[:0], self.cells),
        ]

    def row(self, name: str, made: Points, trained: TrainedModel | None) -> tuple[tuple[Cell, ...], Mask]:
        """Return the row of the table for samples (n, 2) of a model, or of the data, and the cells that they make."""
        from gdl_core.measures.support import exact_shares, made_region, share_missed

        wrong = 1.0 - float(self.truth.inside(made).mean())
        makes = made_region(made, self.frame)
        missed = share_missed(self.density, makes)
        exact = exact_shares(trained.model, self.truth) if trained is not None else None
        scores, compared = self._scores(made)
        shares = (wrong, missed, *(exact or (None, None)))
        return (name, *shares, scores.precision, scores.recall, len(made), compared), makes

    def _scores(self, made: Points) -> tuple[Scores, int]:
        import torch

        from gdl_core.measures.precision_recall import compare

        n = min(self.arguments.compared, len(self.held_out), len(made))
        return compare(torch.from_numpy(self.held_out[:n].copy()), torch.from_numpy(made[:n].copy())), n

    def region(self, row: tuple[Cell, ...], made: Points, makes: Mask, trained: TrainedModel) -> Region:
        """Return the panel of a model."""
        from gdl_core.measures.support import first_clear
        from gdl_core.media.region_plots import Region

        frame, shown = self.frame, made[: self.arguments.shown]
        lacking = self.held_out[self.truth.inside(self.held_out) & ~frame.at(makes, self.held_out)]
        corners = trained.model.uniform_box()
        return Region(
            str(row[0]),
            f"{100 * float(row[1] or 0):.1f} % wrongly made, {100 * float(row[2] or 0):.1f} % never made",
            shown,
            self.truth.inside(shown),
            self.cells,
            makes,
            first_clear(made[~self.truth.inside(made)], self.cells, frame),
            first_clear(lacking, makes, frame),
            (_place(corners[0]), _place(corners[1])) if corners is not None else None,
        )
