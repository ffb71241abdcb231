"""`decode`: points of the latent space as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gdl_core.arguments import Accepts, StepArguments
from gdl_core.steps.inputs import DecodingModel
from gdl_core.values import Images, Latents

if TYPE_CHECKING:
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `decode`."""

    model: DecodingModel = Field(description="a model that decodes")
    points: Annotated[Latents | Path, Accepts("latent", files=True)] = Field(description="latent points or a file")
    columns: int = Field(0, ge=0, le=1000, description="pictures to a row of the sheet; 0 for nearly square")


def run(arguments: Arguments, context: StepContext) -> Images:
    """Return one picture for each point."""
    from gdl_core.latent.tiles import decode_rows, to_pixels
    from gdl_core.steps.inputs import latent_points, load, need_pictures, ready

    trained = arguments.model
    need_pictures(trained, "decode")
    ready([trained], context)
    points = latent_points(trained, load(arguments.points, context, Latents), context)
    return Images(to_pixels(decode_rows(trained, points)), columns=arguments.columns)
