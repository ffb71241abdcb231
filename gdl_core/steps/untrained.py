"""`untrained`: the same model with fresh weights. What is not learned should show no worse with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gdl_core.arguments import Accepts, StepArguments, makes_of
from gdl_core.specs import Kind
from gdl_core.values import Table, TrainedModel

if TYPE_CHECKING:
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `untrained`."""

    model: Annotated[TrainedModel, Accepts("model", roles=("trains",))] = Field(description="a trained model")

    def gives_roles(self, registry: Registry) -> frozenset[str]:
        """Return the roles of the model that is named."""
        from gdl_core.steps.inputs import roles_of

        return roles_of(self.model)

    def makes(self, registry: Registry) -> Kind | None:
        """Return what samples of the model that is named are shown as."""
        return makes_of(self.model)


def run(arguments: Arguments, context: StepContext) -> TrainedModel:
    """Return a model of the same settings, its weights drawn from this step's seed."""
    from gdl_core.latent.fingerprint import fingerprint
    from gdl_core.latent.spaces import unwrapped
    from gdl_core.training.build import build_model

    trained = arguments.model
    old = unwrapped(trained.model)
    model = build_model(type(old), old.config, tuple(trained.data_shape), context.noise).eval()
    return replace(
        trained,
        model=model,
        fingerprint=fingerprint(model, trained.config),
        history=Table((), ()),
        training={"untrained": True, "seed": context.noise.seed},
        space={},
    )
