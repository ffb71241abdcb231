"""`sample`: new pictures, texts, notes. Sample 5 alone is sample 5 of 64."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from gdl_core.arguments import Accepts, StepArguments, makes_of
from gdl_core.specs import Kind
from gdl_core.steps.inputs import Where, roles_of
from gdl_core.values import TrainedModel

if TYPE_CHECKING:
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `sample`."""

    model: Annotated[TrainedModel, Accepts("model", roles=("samples",))] = Field(description="a model that samples")
    n: int = Field(64, ge=1, le=100_000, description="how many")
    start: int = Field(0, ge=0, description="number of the first one; 5 with n 1 gives the sixth sample alone")
    scale: float = Field(
        1.0, ge=0, le=10, description="how far from the middle of the latent space; below 1 tamer, above 1 wilder"
    )
    where: Where = Field({}, description="of a conditional model: the wanted category, like {label: 7}")
    columns: int = Field(0, ge=0, le=1000, description="pictures to a row of the sheet; 0 for nearly square")

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that there is a latent space to be scaled."""
        if self.scale != 1.0 and "decodes" not in roles_of(self.model):
            yield ("scale",), "'scale' is of latent points, and this model samples without any; leave it out"

    def gives_kind(self, registry: Registry, kind: Kind) -> Kind | None:
        """Samples are of the model's kind."""
        return makes_of(self.model)


def run(arguments: Arguments, context: StepContext) -> Any:
    """Return the samples `start` … `start + n − 1` of this step's seed, never a choice of them."""
    from gdl_core.latent.tiles import decode_rows, prior_rows, sample_rows
    from gdl_core.steps.inputs import ready
    from gdl_core.steps.shown import need_form, show

    trained = arguments.model
    need_form(trained, "sample")
    ready([trained], context)
    noise = context.noise.stream("sample")
    if arguments.scale == 1.0:
        x = sample_rows(trained, arguments.n, noise, start=arguments.start, where=arguments.where)
    else:
        z = prior_rows(trained, arguments.n, noise, arguments.start, arguments.where)
        z = trained.model.scaled(z, arguments.scale)
        x = decode_rows(trained, z, start=arguments.start)
    return show(trained, x, arguments.columns)
