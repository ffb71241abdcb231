"""`dream`: what a memory expects of an environment, as an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from gdl_core.arguments import StepArguments
from gdl_world.environment import Environment
from gdl_world.steps.inputs import EpisodesInput, MemoryModel, VisionModel, is_a, need_fit

if TYPE_CHECKING:
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `dream`."""

    vision: VisionModel = Field(description="the world/vision by whose numbers the memory goes")
    memory: MemoryModel = Field(description="the world/memory whose expectation is played in")
    starts: EpisodesInput = Field(description="episodes whose first frames dreams begin with")
    temperature: float = Field(1.0, ge=0, le=10, description="how uncertain the dream is; 1 as it was learned")
    ended: float = Field(0.5, gt=0, lt=1, description="probability of the end from which on a dream has ended")
    cap: int | None = Field(None, ge=1, le=1_000_000, description="steps at most; left out: those of the environment")


def run(arguments: Arguments, context: StepContext) -> Environment:
    """Return the dream, in which whatever plays in environments can play."""
    import numpy as np

    from gdl_core.latent.tiles import encode_rows
    from gdl_world.dream import Dream, DreamEnv
    from gdl_world.environment import Actions
    from gdl_world.memory import Memory
    from gdl_world.vision import Vision

    vision = is_a(arguments.vision, Vision, "world/vision")
    memory = is_a(arguments.memory, Memory, "world/memory")
    episodes = arguments.starts
    told = episodes.about["actions"]
    actions = Actions(choices=told["choices"], numbers=told["numbers"])
    need_fit("vision and memory", vision.latent_shape, memory.latent_shape)
    need_fit("the vision and the episodes", tuple(vision.data_shape), tuple(episodes.shape))
    need_fit("the memory's actions and those of the episodes", memory.config.actions, actions.width)
    training = np.setdiff1d(np.arange(len(episodes.seeds)), episodes.held_out_episodes())
    posterior = encode_rows(arguments.vision, episodes, episodes.starts[training])
    assert posterior.log_var is not None
    dream = Dream(
        vision, memory, actions, posterior.mean, posterior.log_var,
        arguments.temperature, arguments.ended, arguments.cap or int(episodes.about["cap"]),
    )  # fmt: skip
    return Environment(
        name=f"a dream of {episodes.about.get('name', 'it')}",
        shape=vision.data_shape,  # type: ignore[arg-type]
        actions=actions,
        cap=dream.cap,
        make=lambda rows: DreamEnv(dream, rows),
        about={
            "dream of": episodes.about.get("name", ""), "temperature": dream.temperature, "ended": dream.ended,
            "vision": arguments.vision.fingerprint, "memory": arguments.memory.fingerprint,
        },
        dream=dream,
    )  # fmt: skip
