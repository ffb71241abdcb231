"""`curious`: an environment, real or dreamt, whose reward is what a memory does not know yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from gdl_core.arguments import Accepts, StepArguments
from gdl_core.errors import DataError
from gdl_world.environment import Environment
from gdl_world.fit import is_a, need_fit
from gdl_world.steps.inputs import EnvironmentInput, MemoryModel, VisionModel

if TYPE_CHECKING:
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `curious`."""

    env: EnvironmentInput = Field(description="the environment, real or a dream")
    vision: VisionModel = Field(description="the world/vision by whose numbers the memory goes")
    memory: MemoryModel = Field(description="the world/memory whose ignorance is looked for")
    known: Annotated[Any, Accepts("dataset")] = Field(
        description="sequences that the memory knows; worth is counted from what is usual there"
    )
    by: Literal["surprise", "disagreement"] = Field(
        "disagreement", description="how unlikely the next frame was, or how much the memory's ensemble disagrees"
    )
    own: float = Field(0.0, ge=0, le=1e6, description="how much of the environment's own reward is added")


def run(arguments: Arguments, context: StepContext) -> Environment:
    """Return the environment; whatever plays or evolves in environments does so in it."""
    from dataclasses import replace

    from gdl_world.curiosity import CuriousEnv, calibrated
    from gdl_world.dream import DreamEnv
    from gdl_world.memory import Memory
    from gdl_world.sequences import Sequences
    from gdl_world.vision import Vision

    env: Environment = arguments.env
    vision = is_a(arguments.vision, Vision, "world/vision")
    memory = is_a(arguments.memory, Memory, "world/memory")
    known = arguments.known
    if not isinstance(known, Sequences):
        raise DataError("known needs the sequences that the memory was trained on: do: sequences")
    need_fit("vision and memory", vision.latent_shape, memory.latent_shape)
    need_fit("the vision and the environment", tuple(vision.data_shape), tuple(env.shape))
    need_fit("the memory's actions and those of the environment", memory.config.actions, env.actions.width)
    seen = (memory.config.latent, memory.config.actions)
    need_fit("the memory and the sequences", seen, (known.latent, known.actions))
    curiosity = calibrated(memory, known, arguments.by, arguments.own, context.noise.stream("usual"))
    about = {
        **env.about, "curious by": arguments.by, "own": arguments.own, "vision": arguments.vision.fingerprint,
        "memory": arguments.memory.fingerprint, "known": known.fingerprint,
    }  # fmt: skip
    name = f"{env.name}, by {arguments.by}"
    if env.dream is None:
        return replace(
            env,
            name=name,
            about=about,
            make=lambda rows: CuriousEnv(env.make(rows), vision, curiosity, env.actions),
            unseen=None,
        )
    if arguments.by == "surprise":
        raise DataError("nothing surprises a memory in its own dream: by: disagreement")
    need_fit("the dream's memory and this one", env.about.get("memory"), arguments.memory.fingerprint)
    need_fit("the dream's vision and this one", env.about.get("vision"), arguments.vision.fingerprint)
    dream = replace(env.dream, curiosity=curiosity)
    return replace(env, name=name, about=about, dream=dream, make=lambda rows: DreamEnv(dream, rows))
