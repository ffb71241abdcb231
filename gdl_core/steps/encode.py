"""`encode`: samples as points of the latent space, with their labels beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from gdl_core.arguments import Accepts, StepArguments
from gdl_core.steps.inputs import EncodingModel
from gdl_core.values import Column, Images, Latents

if TYPE_CHECKING:
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `encode`."""

    model: EncodingModel = Field(description="a model that encodes")
    data: Annotated[Any, Accepts("dataset", "image", files=True)] = Field(description="a dataset, pictures or a file")
    held_out: bool | None = Field(None, description="of a dataset: true for held-out, false for training, none for all")


def run(arguments: Arguments, context: StepContext) -> Latents:
    """Return posterior means and log-variances."""
    from gdl_core.latent.tiles import encode_rows
    from gdl_core.steps.inputs import fit_pictures, load, need_pictures, ready, to_tensor

    trained = arguments.model
    ready([trained], context)
    data = load(arguments.data, context, Images)
    columns: dict[str, Column] = {}

    def progress(done: int, total: int) -> None:
        context.progress(done, total)
        context.check_cancelled()

    if isinstance(data, Images):
        need_pictures(trained, "encoding pictures")
        posterior = encode_rows(trained, to_tensor(fit_pictures(data.pixels, trained.data_shape)), progress=progress)
    else:
        rows = data.where(held_out=arguments.held_out)
        posterior = encode_rows(trained, data, rows, progress=progress)
        columns = {name: Column(column.values[rows], column.names) for name, column in data.columns.items()}
    log_var = None if posterior.log_var is None else posterior.log_var.numpy()
    return Latents(posterior.mean.numpy(), log_var, columns)
