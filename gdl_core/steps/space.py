"""`space`: a model of styles as one whose latent space is W or W+, tamed by truncation; other steps work in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from gdl_core.arguments import Accepts, StepArguments, makes_of
from gdl_core.latent.space_settings import Layers, SpaceSettings, Truncation, Which, refuse_layers_of_w
from gdl_core.specs import Kind
from gdl_core.values import TrainedModel

if TYPE_CHECKING:
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext

StyleModel = Annotated[TrainedModel, Accepts("model", roles=("samples", "styles"))]


class Arguments(StepArguments):
    """Arguments of `space`."""

    model: StyleModel = Field(description="a model that samples and has styles")
    which: Which = "w"
    truncation: Truncation = 1.0
    layers: Layers = None

    @model_validator(mode="after")
    def _fits(self) -> Arguments:
        refuse_layers_of_w(self.which, self.layers)
        return self

    def gives_roles(self, registry: Registry) -> frozenset[str]:
        """Return the roles of a view: it samples and decodes."""
        return frozenset({"samples", "decodes"})

    def makes(self, registry: Registry) -> Kind | None:
        """Return what samples of the model that is named are shown as."""
        return makes_of(self.model)


def run(arguments: Arguments, context: StepContext) -> TrainedModel:
    """Return the view; it shares the weights of the model."""
    from gdl_core.latent.spaces import in_space

    settings = SpaceSettings(which=arguments.which, truncation=arguments.truncation, layers=arguments.layers)
    return in_space(arguments.model, settings)
