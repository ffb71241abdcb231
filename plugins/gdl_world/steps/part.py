"""`part`: the vision or the memory of an agent, as a model of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from gdl_core.arguments import StepArguments
from gdl_core.errors import DataError
from gdl_core.values import Table, TrainedModel
from gdl_world.fit import is_a
from gdl_world.steps.inputs import AgentModel

if TYPE_CHECKING:
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `part`."""

    agent: AgentModel = Field(description="the agent")
    which: Literal["vision", "memory"] = Field(description="what it sees by, or what it remembers by")

    def gives_roles(self, registry: Registry) -> frozenset[str]:
        """A vision encodes and decodes, a memory predicts."""
        return frozenset(registry.find("model", f"world/{self.which}").roles)


def run(arguments: Arguments, context: StepContext) -> TrainedModel:
    """Return the part, with the agent's weights of it."""
    from gdl_core.latent.fingerprint import fingerprint
    from gdl_core.latent.tiles import measure_tile
    from gdl_world.agent import Agent

    agent = is_a(arguments.agent, Agent, "that evolve made")
    model = agent.vision if arguments.which == "vision" else agent.memory
    if model is None:
        raise DataError("this agent has no memory: it knows what it sees, no more")
    config = model.config.model_dump(mode="json")
    return replace(
        arguments.agent,
        model=model,
        name=f"world/{arguments.which}",
        config=config,
        data_shape=tuple(model.data_shape),
        tile=measure_tile(model),
        fingerprint=fingerprint(model, config),
        data={},
        history=Table((), ()),
        training={"part of": arguments.agent.fingerprint},
    )
