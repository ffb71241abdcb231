"""The step `still`: one swirl at a place that the recipe names."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gdl_core import Accepts, Images, StepArguments, TrainedModel


class Arguments(StepArguments):
    model: Annotated[TrainedModel, Accepts("model", roles=("decodes",))]
    at: tuple[float, float] = Field((0.0, 0.0), description="turn and winding")


def run(arguments, context):
    import torch

    from gdl_core.latent.tiles import decode_rows, to_pixels

    return Images(to_pixels(decode_rows(arguments.model, torch.tensor([arguments.at]))))
