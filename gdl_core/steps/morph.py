"""`morph`: a film from picture to picture through the latent space; saved as PNG it is a strip."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from gdl_core.arguments import StepArguments
from gdl_core.steps.inputs import DecodingModel, OneOrMore, Point, pictures_want_encoder
from gdl_core.values import Frames

if TYPE_CHECKING:
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `morph`."""

    model: Annotated[list[DecodingModel], OneOrMore] = Field(min_length=1, description="a model, or several to compare")
    through: Annotated[list[Point], OneOrMore] = Field(
        min_length=1, description="pictures, latent points or files; each picture that they hold is a stop"
    )
    frames: int = Field(48, ge=2, le=100_000, description="frames in all")
    path: Literal["slerp", "lerp", "catmull-rom"] = Field(
        "slerp", description="slerp: along arcs; lerp: along straight lines; catmull-rom: smoothly past every stop"
    )
    loop: bool = Field(False, description="go on from the last stop to the first")
    fps: float = Field(24.0, gt=0, le=240, description="frames a second")

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that pictures can be encoded."""
        if message := pictures_want_encoder(self.model, self.through):
            yield ("model",), message


def run(arguments: Arguments, context: StepContext) -> Frames:
    """Return the film; it begins and ends with the reconstructions of the first and the last stop.

    Several models are stacked, each named.
    """
    from gdl_core.errors import InputError
    from gdl_core.latent.paths import through
    from gdl_core.latent.tiles import decode_rows, to_pixels
    from gdl_core.steps.inputs import latent_points, load, model_names, need_pictures, ready, same_shape
    from gdl_core.values import Images, Latents

    models = arguments.model
    same_shape(models)
    need_pictures(models[0], "morph")
    ready(models, context)
    stops = [load(stop, context, Images, Latents) for stop in arguments.through]
    films = []
    for trained in models:
        keyframes = np.concatenate([latent_points(trained, stop, context).numpy() for stop in stops])
        if len(keyframes) < 2:
            raise InputError("morph: 'through' holds one picture only; give it two or more")
        context.check_cancelled()
        path = through(keyframes, arguments.frames, arguments.path, arguments.loop)
        films.append(to_pixels(decode_rows(trained, path)))
    rows = tuple(model_names(models)) if len(models) > 1 else ()
    return Frames(np.concatenate(films, axis=1), arguments.fps, arguments.loop, rows)
