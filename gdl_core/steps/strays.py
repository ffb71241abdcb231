"""`strays`: what a model makes of points ever further from the data, and of points where one would sample it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gdl_core.steps.arguments import StepArguments
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


def run(arguments: Arguments, context: StepContext) -> Figure:
    """Return a block of pictures for each model, and how many of the decoded points could be taken for data.

    A picture is accepted when the nearest training picture is no further than it is for 95 % of held-out pictures. That
    is generous to blurred pictures, which are near to everything: look at the pictures too.
    """
    from gdl_core.latent.tiles import decode_rows, to_pixels
    from gdl_core.media.sheet import Grid, draw
    from gdl_core.steps.inputs import model_names, need_pictures, ready, same_shape

    models, data = arguments.model, arguments.data
    same_shape(models)
    need_pictures(models[0], "strays")
    ready(models, context)
    judge = _Nearest(data, context)
    grids: list[Grid] = []
    table = judge.baselines()
    for name, trained in zip(model_names(models), models, strict=True):
        context.check_cancelled()
        shown, names = [], []
        for label, distance, z in _places(trained, data, arguments, context):
            x = decode_rows(trained, z)
            near = judge.distances(x)
            accepted = int((near <= judge.limit).sum())
            table.append((name, label, distance, accepted / len(x), float(np.median(near)), len(x)))
            shown.append(to_pixels(x[: arguments.n]))
            told = f"distance {distance:g}" if distance is not None else label
            names.append(f"{told}: {accepted} of {len(x)} accepted")
        grids.append(Grid(np.concatenate(shown), columns=arguments.n, rows=names, title=name))
    title = "Decoded far from the data"
    header = ("model", "where", "distance", "accepted", "nearest picture, median RMSE", "n")
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


class _Nearest:
    """Judges pictures by the root-mean-square distance to the nearest of up to 5,000 training pictures."""

    def __init__(self, data: Dataset, context: StepContext) -> None:
        known, held = (self._some(rows, context) for rows in (data.train, data.held_out))
        self.known = data.tensor(known).flatten(1)
        own = self.distances(data.tensor(held if len(held) else known[:500])[:1000])
        self.counted = len(own)
        self.limit = float(np.quantile(own, 0.95))
        self.typical = float(np.median(own))
        self.share_of_data = float((own <= self.limit).mean())

    def baselines(self) -> list[tuple[Cell, ...]]:
        """Return the rows of real data, and of the mean picture: a judge that accepts it is kind to blur."""
        mean = float(self.distances(self.known.mean(dim=0, keepdim=True))[0])
        return [
            ("(held-out data)", "", None, self.share_of_data, self.typical, self.counted),
            ("(mean picture)", "", None, float(mean <= self.limit), mean, 1),
        ]

    def _some(self, rows: NDArray[np.int64], context: StepContext) -> NDArray[np.int64]:
        order = context.noise.stream("judge").permutation(len(rows)).numpy() if len(rows) else rows
        return rows[order[:5000]]

    def distances(self, x: Tensor) -> NDArray[np.float64]:
        """Return the distance of each picture to the nearest known one, (n,)."""
        from gdl_core.measures.neighbours import nearest

        flat = x.flatten(1)
        near: NDArray[np.float64] = nearest(flat, self.known, 1)[0][:, 0].double().numpy()
        near /= flat.shape[1] ** 0.5
        return near
