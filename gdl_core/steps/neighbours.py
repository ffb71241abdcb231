"""`neighbours`: samples beside the training samples that they are nearest to, so that copies can be seen."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from gdl_core.arguments import Accepts, DatasetInput, StepArguments
from gdl_core.values import Images, TrainedModel

if TYPE_CHECKING:
    from gdl_core.steps.context import StepContext

_NUMBERS = 1 << 24  # of training samples held at once


class Arguments(StepArguments):
    """Arguments of `neighbours`."""

    model: Annotated[TrainedModel, Accepts("model", roles=("samples",), makes="image")] = Field(
        description="a model that samples"
    )
    data: DatasetInput = Field(description="the dataset that it was trained on")
    n: int = Field(12, ge=1, le=1000, description="how many samples, the first of the step's seed")
    k: int = Field(1, ge=1, le=20, description="how many neighbours of each, the nearest first")
    features: Annotated[TrainedModel | None, Accepts("model", roles=("classifies",))] = Field(
        None, description="a probe in whose features they are nearest; left out: pixel by pixel"
    )


def run(arguments: Arguments, context: StepContext) -> Images:
    """Return the samples, and under each its nearest training samples."""
    from gdl_core.latent.tiles import feature_rows, sample_rows, to_pixels
    from gdl_core.measures.neighbours import nearest_of_parts
    from gdl_core.measures.subject import chunks
    from gdl_core.steps.inputs import need_pictures, ready, same_shape

    trained, data, probe = arguments.model, arguments.data, arguments.features
    need_pictures(trained, "neighbours")
    _refuse_other_shape(arguments)
    ready([trained, *filter(None, [probe])], context)
    if probe is not None:
        same_shape([trained, probe])
    made = sample_rows(trained, arguments.n, context.noise.stream("sample"))
    asked = made.flatten(1) if probe is None else feature_rows(probe, made)
    at_once = max(arguments.k, _NUMBERS // prod(data.shape))
    parts = (
        data.tensor(rows).flatten(1) if probe is None else feature_rows(probe, data, rows)
        for rows in chunks(data.train, at_once)
    )  # fmt: skip
    apart, found = nearest_of_parts(asked, parts, arguments.k)
    rows = [data.pixels(data.train[found[:, rank].numpy()]) for rank in range(found.shape[1])]
    far = ", ".join(f"{distance:.3g}" for distance in apart[:, 0].tolist())
    context.note(f"distance of each sample to its nearest of {len(data.train)} training samples: {far}")
    names = ("sample", *("nearest" if rank == 0 else f"{rank + 1}." for rank in range(len(rows))))
    return Images(np.concatenate([to_pixels(made), *rows]), columns=arguments.n, rows=names)


def _refuse_other_shape(arguments: Arguments) -> None:
    from gdl_core.errors import DataError

    if tuple(arguments.data.shape) != tuple(arguments.model.data_shape):
        raise DataError(
            f"{arguments.model.name} makes samples of shape {tuple(arguments.model.data_shape)}, those of "
            f"{arguments.data.name} have {tuple(arguments.data.shape)}; give the dataset that it was trained on"
        )
