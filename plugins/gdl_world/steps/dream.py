"""`dream`: what a memory expects of an environment, as an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from gdl_core.arguments import Accepts, StepArguments
from gdl_core.errors import DataError
from gdl_world.environment import Environment
from gdl_world.steps.inputs import MemoryModel, VisionModel

if TYPE_CHECKING:
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `dream`."""

    vision: VisionModel = Field(description="the world/vision by whose numbers the memory goes")
    memory: MemoryModel = Field(description="the world/memory whose expectation is played in")
    starts: Annotated[Any, Accepts("episodes", "dataset")] = Field(
        description="episodes, with whose first frames dreams begin, or their sequences: then dreams begin anywhere in "
        "them, and the memory remembers what came before; short ones from everywhere go less astray than long ones"
    )
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
    from gdl_core.data.episodes import Episodes
    from gdl_world.dream import DreamEnv, dream_of
    from gdl_world.sequences import Sequences

    starts = arguments.starts
    if not isinstance(starts, Episodes | Sequences):
        raise DataError("a dream begins with episodes (do: rollouts) or their sequences (do: sequences)")
    told = starts.about
    dream = dream_of(arguments.vision, arguments.memory, starts, arguments.temperature, arguments.ended, arguments.cap)
    return Environment(
        name=f"a dream of {told.get('name', 'it')}",
        shape=dream.vision.data_shape,  # type: ignore[arg-type]
        actions=dream.actions,
        cap=dream.cap,
        make=lambda rows: DreamEnv(dream, rows),
        about={
            "dream of": told.get("name", ""), "temperature": dream.temperature, "ended": dream.ended,
            "vision": arguments.vision.fingerprint, "memory": arguments.memory.fingerprint,
            "starts": starts.fingerprint,
        },
        dream=dream,
    )  # fmt: skip
