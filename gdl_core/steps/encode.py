"""`encode`: samples as points of the latent space, with their labels beside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import Field

from gdl_core.arguments import StepArguments
from gdl_core.steps.inputs import EncodingModel, SamplesInput
from gdl_core.steps.shown import SAMPLES, samples_wanted
from gdl_core.values import Column, Latents

if TYPE_CHECKING:
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `encode`."""

    model: EncodingModel = Field(description="a model that encodes")
    data: SamplesInput = Field(description="a dataset, samples (pictures, texts) or a file")
    held_out: bool | None = Field(None, description="of a dataset: true for held-out, false for training, none for all")

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that samples are of the model's kind."""
        if message := samples_wanted(self.model, [self.data]):
            yield ("data",), message


def run(arguments: Arguments, context: StepContext) -> Latents:
    """Return posterior means and log-variances."""
    from gdl_core.latent.tiles import encode_rows
    from gdl_core.steps.inputs import as_samples, load, ready

    trained = arguments.model
    ready([trained], context)
    data = load(arguments.data, context, *SAMPLES)
    columns: dict[str, Column] = {}

    def progress(done: int, total: int) -> None:
        context.progress(done, total)
        context.check_cancelled()

    if data.kind in SAMPLES:
        posterior = encode_rows(trained, as_samples(trained, data), progress=progress)
    else:
        rows = data.where(held_out=arguments.held_out)
        posterior = encode_rows(trained, data, rows, progress=progress)
        columns = {name: Column(column.values[rows], column.names) for name, column in data.columns.items()}
    log_var = None if posterior.log_var is None else posterior.log_var.numpy()
    return Latents(posterior.mean.numpy(), log_var, columns)
