"""`strays`: what a model makes of points ever further from the data, and of points where one would sample it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gdl_core.steps.arguments import Accepts, StepArguments
from gdl_core.steps.inputs import DatasetInput, LatentModel, OneOrMore
from gdl_core.values import Cell, Figure, Table, TrainedModel

if TYPE_CHECKING:
    from torch import Tensor

    from gdl_core.data.dataset import Dataset
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `strays`."""

    model: Annotated[list[LatentModel], OneOrMore] = Field(min_length=1, description="a model, or several to compare")
    data: DatasetInput = Field(description="the dataset that they were trained on")
    distances: list[float] = Field(
        [0.5, 1, 2, 4, 8, 16], min_length=1, description="from the middle of the codes; 1 is their own mean distance"
    )
    n: int = Field(12, ge=1, le=100, description="pictures shown at each distance")
    counted: int = Field(200, ge=10, le=10_000, description="points that the shares are counted over")
    probe: Annotated[TrainedModel | None, Accepts("model", roles=("classifies",))] = Field(
        None, description="a model that classifies, as judge; left out: the distance to the nearest training picture"
    )


def run(arguments: Arguments, context: StepContext) -> Figure:
    """Return a block of pictures for each model, and how many of the decoded points could be taken for data.

    A picture is accepted when the nearest training picture is no further than it is for 95 % of held-out pictures, or
    when the probe is as sure of it as of 95 % of them. Both are generous, the first to blurred pictures, which are near
    to everything: the table has the mean picture beside, and the figure says what the judge makes of it.
    """
    from gdl_core.latent.tiles import decode_rows, to_pixels
    from gdl_core.media.sheet import Grid, draw
    from gdl_core.steps.inputs import model_names, need_pictures, ready, same_shape

    models, data = arguments.model, arguments.data
    same_shape(models)
    need_pictures(models[0], "strays")
    ready([*models, *([arguments.probe] if arguments.probe else [])], context)
    judge = _Judge(data, arguments.probe, context)
    grids: list[Grid] = []
    table = judge.baselines()
    for name, trained in zip(model_names(models), models, strict=True):
        context.check_cancelled()
        shown, names = [], []
        for label, distance, z in _places(trained, data, arguments, context):
            x = decode_rows(trained, z)
            badness = judge.badness(x)
            accepted = int((badness <= judge.limit).sum())
            table.append((name, label, distance, accepted / len(x), float(np.median(badness)), len(x)))
            shown.append(to_pixels(x[: arguments.n]))
            told = f"distance {distance:g}" if distance is not None else label
            names.append(f"{told}: {accepted} of {len(x)} accepted")
        grids.append(Grid(np.concatenate(shown), columns=arguments.n, rows=names, title=name))
    title = f"Decoded far from the data; accepted: {judge.words}"
    header = ("model", "where", "distance", "accepted", judge.unit, "n")
    return Figure(_colour(draw(grids, title)), Table(header, tuple(table), title))


def _colour(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels if pixels.shape[-1] == 3 else pixels.repeat(3, axis=-1)


def _places(
    trained: TrainedModel, data: Dataset, arguments: Arguments, context: StepContext
) -> list[tuple[str, float | None, NDArray[np.float32]]]:
    """Return the latent points to decode: samples of the prior where there is one, the box of the codes, rings."""
    from gdl_core.latent.strays import at_distances, in_box
    from gdl_core.latent.tiles import encode_rows, inference

    codes = encode_rows(trained, data, data.train).mean.numpy()
    noise, n = context.noise.stream("strays"), max(arguments.n, arguments.counted)
    found: list[tuple[str, float | None, NDArray[np.float32]]] = []
    if "samples" in trained.model.roles():
        with inference(trained.model):
            prior = trained.model.prior(n, noise.stream("prior")).float().cpu().numpy()
        found.append(("from the prior", None, prior))
    found.append(("even in the box of codes", None, in_box(codes, n, noise.stream("box"))))
    rings = at_distances(codes, arguments.distances, n, noise.stream("rings"))
    return found + [("ring", distance, ring) for distance, ring in zip(arguments.distances, rings, strict=True)]


class _Judge:
    """Accepts a picture that is no worse than 95 % of the held-out ones.

    Worse is: further (RMSE) from the nearest of up to 5,000 training pictures; or less surely of one category, where a
    probe judges, by the column that it is least sure of.
    """

    def __init__(self, data: Dataset, probe: TrainedModel | None, context: StepContext) -> None:
        self.probe = probe
        known, held = (self._some(rows, context) for rows in (data.train, data.held_out))
        self.known = data.tensor(known).flatten(1)
        own = self.badness(data.tensor((held if len(held) else known)[:1000]))
        self.counted, self.typical = len(own), float(np.median(own))
        self.limit = float(np.quantile(own, 0.95))
        self.share_of_data = float((own <= self.limit).mean())
        mean = self.known.mean(dim=0).reshape(1, *data.shape)
        self.mean = float(self.badness(mean)[0])
        self.unit = "doubt of the probe, median" if probe else "RMSE to the nearest picture, median"
        rule = "as sure for the probe as real ones" if probe else "as near to a training picture as real ones"
        self.words = f"{rule} (the mean picture is{'' if self.mean <= self.limit else ' not'})"

    def baselines(self) -> list[tuple[Cell, ...]]:
        """Return the rows of real data, and of the mean picture: a judge that accepts it is kind to blur."""
        return [
            ("(held-out data)", "", None, self.share_of_data, self.typical, self.counted),
            ("(mean picture)", "", None, float(self.mean <= self.limit), self.mean, 1),
        ]

    def _some(self, rows: NDArray[np.int64], context: StepContext) -> NDArray[np.int64]:
        order = context.noise.stream("judge").permutation(len(rows)).numpy() if len(rows) else rows
        return np.asarray(rows[order[:5000]])

    def badness(self, x: Tensor) -> NDArray[np.float64]:
        """Return how unlike data each picture is, (n,)."""
        from gdl_core.latent.tiles import classify_rows
        from gdl_core.measures.neighbours import nearest

        if self.probe is not None:
            sure = [chances.amax(dim=1) for chances in classify_rows(self.probe, x).values()]
            return np.asarray(1 - np.min([one.double().numpy() for one in sure], axis=0))
        flat = x.flatten(1)
        return np.asarray(nearest(flat, self.known, 1)[0][:, 0].double().numpy() / flat.shape[1] ** 0.5)
