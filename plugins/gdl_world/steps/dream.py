"""`dream`: what a memory expects of an environment, as an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from gdl_core.arguments import StepArguments
from gdl_world.environment import Environment
from gdl_world.steps.inputs import EpisodesInput, MemoryModel, VisionModel

if TYPE_CHECKING:
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `dream`."""

    vision: VisionModel = Field(description="the world/vision by whose numbers the memory goes")
    memory: MemoryModel = Field(description="the world/memory whose expectation is played in")
    starts: EpisodesInput = Field(description="episodes whose first frames dreams begin with")
    temperature: float = Field(1.0, ge=0, le=10, description="how uncertain the dream is; 1 as it was learned")
    ended: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="what the memory has to say of the end for a dream to end; it overrates it, by its ended_weight",
    )
    cap: int | None = Field(None, ge=1, le=1_000_000, description="steps at most; left out: those of the environment")


def run(arguments: Arguments, context: StepContext) -> Environment:
    """Return the dream, in which whatever plays in environments can play."""
    from gdl_world.dream import DreamEnv, dream_of

    episodes, told = arguments.starts, arguments.starts.about
    dream = dream_of(
        arguments.vision, arguments.memory, episodes, arguments.temperature, arguments.ended, arguments.cap
    )
    return Environment(
        name=f"a dream of {told.get('name', 'it')}",
        shape=dream.vision.data_shape,  # type: ignore[arg-type]
        actions=dream.actions,
        cap=dream.cap,
        make=lambda rows: DreamEnv(dream, rows),
        about={
            "dream of": told.get("name", ""), "temperature": dream.temperature, "ended": dream.ended,
            "vision": arguments.vision.fingerprint, "memory": arguments.memory.fingerprint,
        },
        dream=dream,
    )  # fmt: skip
