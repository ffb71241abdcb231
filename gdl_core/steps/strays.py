"""`strays`: what a model makes of points ever further from the data, and of points where one would sample it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gdl_core.arguments import Accepts, DatasetInput, StepArguments
from gdl_core.steps.inputs import LatentModel, OneOrMore
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
        None, description="a model that classifies, as second judge beside the distance to the nearest training picture"
    )


def run(arguments: Arguments, context: StepContext) -> Figure:
    """Return a block of pictures for each model, and how many of the decoded points could be taken for data.

    A picture is accepted when the nearest training picture is no further, and the probe no less sure, than for 95 % of
    held-out pictures. Each alone is generous: distance to blurred pictures, which are near to everything, and a probe
    to fragments, of which it is sure. The table has the mean picture beside, and the figure says whether it passes.
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
            accepted = int(judge.accepts(badness).sum())
            table.append((name, label, distance, accepted / len(x), *map(float, np.median(badness, axis=1)), len(x)))
            shown.append(to_pixels(x[: arguments.n]))
            told = f"distance {distance:g}" if distance is not None else label
            names.append(f"{told}: {accepted} of {len(x)} accepted")
        grids.append(Grid(np.concatenate(shown), columns=arguments.n, rows=names, title=name))
    title = f"Decoded far from the data; accepted: {judge.words}"
    header = ("model", "where", "distance", "accepted", *judge.units, "n")
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
    """Accepts a picture that is no worse than 95 % of the held-out ones, by each judge.

    Worse is: further (RMSE) from the nearest of up to 5,000 training pictures; and, where a probe judges as well, less
    surely of one category, by the column that it is least sure of. Both judges together accept fewer of the held-out
    pictures than 95 %; the table says how many.
    """

    def __init__(self, data: Dataset, probe: TrainedModel | None, context: StepContext) -> None:
        self.probe = probe
        known, held = (self._some(rows, context) for rows in (data.train, data.held_out))
        self.known = data.tensor(known).flatten(1)
        own = self.badness(data.tensor((held if len(held) else known)[:1000]))
        self.counted, self.typical = own.shape[1], np.median(own, axis=1)
        self.limits = np.quantile(own, 0.95, axis=1, keepdims=True)
        self.share_of_data = float(self.accepts(own).mean())
        self.mean = self.badness(self.known.mean(dim=0).reshape(1, *data.shape))
        self.units = ["RMSE to the nearest picture, median", "doubt of the probe, median"][: len(own)]
        rule = "as near to a training picture as real ones" + (" and as sure for the probe" if probe else "")
        self.words = f"{rule} (the mean picture is{'' if self.accepts(self.mean)[0] else ' not'})"

    def baselines(self) -> list[tuple[Cell, ...]]:
        """Return the rows of real data, and of the mean picture: a judge that accepts it is kind to blur."""
        mean = (float(self.accepts(self.mean)[0]), *map(float, self.mean[:, 0]), 1)
        return [
            ("(held-out data)", "", None, self.share_of_data, *map(float, self.typical), self.counted),
            ("(mean picture)", "", None, *mean),
        ]

    def _some(self, rows: NDArray[np.int64], context: StepContext) -> NDArray[np.int64]:
        order = context.noise.stream("judge").permutation(len(rows)).numpy() if len(rows) else rows
        return np.asarray(rows[order[:5000]])

    def accepts(self, badness: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which of the pictures keep every bound, (n,)."""
        return np.asarray((badness <= self.limits).all(axis=0))

    def badness(self, x: Tensor) -> NDArray[np.float64]:
        """Return how unlike data each picture is, for each judge, (judges, n)."""
        from gdl_core.latent.tiles import classify_rows
        from gdl_core.measures.neighbours import nearest

        flat = x.flatten(1)
        found = [nearest(flat, self.known, 1)[0][:, 0].double().numpy() / flat.shape[1] ** 0.5]
        if self.probe is not None:
            sure = [chances.amax(dim=1) for chances in classify_rows(self.probe, x).values()]
            found.append(1 - np.min([one.double().numpy() for one in sure], axis=0))
        return np.stack(found)
