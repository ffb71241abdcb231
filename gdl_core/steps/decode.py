"""`decode`: points of the latent space as pictures, or whatever the model makes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from gdl_core.arguments import Accepts, StepArguments, makes_of
from gdl_core.specs import Kind
from gdl_core.steps.inputs import DecodingModel
from gdl_core.values import Latents

if TYPE_CHECKING:
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `decode`."""

    model: DecodingModel = Field(description="a model that decodes")
    points: Annotated[Latents | Path, Accepts("latent", files=True)] = Field(description="latent points or a file")
    columns: int = Field(0, ge=0, le=1000, description="pictures to a row of the sheet; 0 for nearly square")

    def gives_kind(self, registry: Registry, kind: Kind) -> Kind | None:
        """Samples are of the model's kind."""
        return makes_of(self.model)


def run(arguments: Arguments, context: StepContext) -> Any:
    """Return one picture, text or tune for each point."""
    from gdl_core.latent.tiles import decode_rows
    from gdl_core.steps.inputs import latent_points, load, ready
    from gdl_core.steps.shown import need_form, show

    trained = arguments.model
    need_form(trained, "decode")
    ready([trained], context)
    points = latent_points(trained, load(arguments.points, context, "latent"), context)
    return show(trained, decode_rows(trained, points), arguments.columns)
