"""`prior`: points of a model's prior, to be decoded, morphed or blended. Point 5 alone is point 5 of 64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gdl_core.arguments import Accepts, StepArguments
from gdl_core.steps.inputs import Where
from gdl_core.values import Latents, TrainedModel

if TYPE_CHECKING:
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `prior`."""

    model: Annotated[TrainedModel, Accepts("model", roles=("samples", "decodes"))] = Field(
        description="a model that samples by decoding latent points"
    )
    n: int = Field(64, ge=1, le=1_000_000, description="how many")
    start: int = Field(0, ge=0, description="number of the first one; 5 with n 1 gives the sixth point alone")
    scale: float = Field(
        1.0, ge=0, le=10, description="how far from the middle of the latent space; below 1 tamer, above 1 wilder"
    )
    where: Where = Field({}, description="of a conditional model: the wanted category, like {label: 7}")


def run(arguments: Arguments, context: StepContext) -> Latents:
    """Return the points that `sample` would decode in a step of this name and seed."""
    from gdl_core.latent.spaces import space_of
    from gdl_core.latent.tiles import prior_rows
    from gdl_core.steps.inputs import ready

    trained = arguments.model
    ready([trained], context)
    points = prior_rows(trained, arguments.n, context.noise.stream("sample"), arguments.start, arguments.where)
    return Latents(trained.model.scaled(points, arguments.scale).numpy(), space=space_of(trained))
