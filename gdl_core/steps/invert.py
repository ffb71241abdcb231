"""`invert`: the latent points that a model without an encoder decodes to given pictures, found by gradient descent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from gdl_core.arguments import Accepts, StepArguments
from gdl_core.values import Column, Images, Latents, TrainedModel

if TYPE_CHECKING:
    from gdl_core.latent.inversion import Inverted
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `invert`."""

    model: Annotated[TrainedModel, Accepts("model", roles=("samples", "decodes"), makes="image")] = Field(
        description="a model that samples and decodes, or a space of it (do: space)"
    )
    input: Annotated[Images | Path, Accepts("image", files=True)] = Field(description="pictures, or a file of them")
    steps: int = Field(300, ge=1, le=100_000, description="steps of the search from each start")
    start: Literal["nearest", "mean"] = Field(
        "nearest", description="nearest: from the draws of the prior whose pictures are nearest; mean: from the middle"
    )
    draws: int = Field(256, ge=1, le=100_000, description="draws of the prior, to start from and to compare with")
    tries: int = Field(4, ge=1, le=256, description="starts of each picture, of which the best end is kept")
    rate: float = Field(0.1, gt=0, le=10, description="learning rate, in units of the spread of the prior's draws")
    loss: Literal["squared", "absolute"] = Field("squared", description="differences of pixels that are made small")
    features: Annotated[TrainedModel | None, Accepts("model", roles=("classifies",))] = Field(
        None, description="a probe, in whose features pictures are compared beside their pixels"
    )
    feature_weight: float = Field(1.0, ge=0, le=1000, description="weight of the features beside the pixels")
    prior: float = Field(
        0.01, ge=0, le=1000, description="weight of the points' own unlikeliness under the prior; none in W and W+"
    )


def run(arguments: Arguments, context: StepContext) -> Latents:
    """Return a point for each picture, with its error (RMSE) beside those of the nearest draw and the mean picture."""
    from gdl_core.errors import DataError
    from gdl_core.latent.inversion import Search, invert_rows
    from gdl_core.latent.spaces import space_of
    from gdl_core.steps.inputs import fit_pictures, load, need_pictures, ready, to_tensor

    trained, probe = arguments.model, arguments.features
    need_pictures(trained, "invert")
    if probe is not None and tuple(probe.data_shape) != tuple(trained.data_shape):
        raise DataError(
            f"invert: the features are of a model for samples of shape {tuple(probe.data_shape)}, those of "
            f"{trained.name} have {tuple(trained.data_shape)}; take a probe of the same set"
        )
    ready([trained, *([probe] if probe else [])], context)
    pictures = load(arguments.input, context, "image")
    x = to_tensor(fit_pictures(pictures.pixels, trained.data_shape))

    def progress(done: int, total: int) -> None:
        context.progress(done, total)
        context.check_cancelled()

    search = Search(
        arguments.steps, arguments.rate, arguments.start, arguments.draws, arguments.tries, arguments.loss,
        arguments.feature_weight, arguments.prior,
    )  # fmt: skip
    found = invert_rows(trained, x, context.noise, search, probe, progress)
    _tell(found, arguments, context)
    errors = {"residual": found.error, "nearest_draw": found.nearest, "mean_picture": found.mean}
    columns = {name: Column(values.numpy()) for name, values in errors.items()}
    return Latents(found.points.numpy(), columns=columns, space=space_of(trained))


def _tell(found: Inverted, arguments: Arguments, context: StepContext) -> None:
    count = len(found.error)
    told = f"{count} pictures, mean" if count > 1 else "one picture,"
    context.note(
        f"invert: {told} RMSE {float(found.error.mean()):.3f} (worst {float(found.error.max()):.3f}); nearest of "
        f"{arguments.draws} draws {float(found.nearest.mean()):.3f}, mean picture {float(found.mean.mean()):.3f}"
    )
