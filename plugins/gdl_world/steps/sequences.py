"""`sequences`: episodes as a memory learns them, each frame put into numbers by a vision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from gdl_core.arguments import StepArguments
from gdl_world.fit import is_a, need_fit
from gdl_world.steps.inputs import EpisodesInput, VisionModel

if TYPE_CHECKING:
    from gdl_core.steps.context import StepContext
    from gdl_world.sequences import Sequences


class Arguments(StepArguments):
    """Arguments of `sequences`."""

    episodes: EpisodesInput = Field(description="episodes that were played")
    vision: VisionModel = Field(description="a world/vision that was trained on such frames")
    length: int = Field(64, ge=2, le=10_000, description="steps of a window; longer episodes are cut into several")


def run(arguments: Arguments, context: StepContext) -> Sequences:
    """Return windows of posteriors, actions, rewards and ends."""
    from gdl_world.codes import encoded
    from gdl_world.sequences import action_vectors, cut
    from gdl_world.vision import Vision

    episodes, trained = arguments.episodes, arguments.vision
    vision = is_a(trained, Vision, "world/vision")
    need_fit("the vision and the episodes", tuple(vision.data_shape), tuple(episodes.shape))
    mean, log_var = encoded(
        trained, episodes, context.folder, context.device, context.progress, context.check_cancelled
    )
    return cut(episodes, mean, log_var, action_vectors(episodes), arguments.length, trained.fingerprint)
