"""`morph`: from sample to sample through the latent space. Of pictures it is a film, as PNG a strip; of texts each step
is a text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from gdl_core.arguments import StepArguments, makes_of
from gdl_core.specs import Kind
from gdl_core.steps.inputs import DecodingModel, OneOrMore, Point
from gdl_core.steps.shown import SAMPLES, samples_wanted
from gdl_core.values import Frames

if TYPE_CHECKING:
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `morph`."""

    model: Annotated[list[DecodingModel], OneOrMore] = Field(min_length=1, description="a model, or several to compare")
    through: Annotated[list[Point], OneOrMore] = Field(
        min_length=1, description="samples, latent points or files; each sample that they hold is a stop"
    )
    frames: int = Field(48, ge=2, le=100_000, description="frames, or texts, in all")
    path: Literal["slerp", "lerp", "catmull-rom"] = Field(
        "slerp", description="slerp: along arcs; lerp: along straight lines; catmull-rom: smoothly past every stop"
    )
    loop: bool = Field(False, description="go on from the last stop to the first")
    fps: float = Field(24.0, gt=0, le=240, description="frames a second")

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that samples can be encoded."""
        if message := samples_wanted(self.model, self.through):
            yield ("model",), message

    def gives_kind(self, registry: Registry, kind: Kind) -> Kind | None:
        """Of pictures it gives a film, of other samples their own kind."""
        makes = makes_of(self.model)
        return kind if makes == "image" else makes


def run(arguments: Arguments, context: StepContext) -> Any:
    """Return the way; it begins and ends with the reconstructions of the first and the last stop.

    Several models are stacked, each named.
    """
    from gdl_core.errors import InputError
    from gdl_core.latent.paths import through
    from gdl_core.latent.tiles import decode_rows, to_pixels
    from gdl_core.steps.inputs import latent_points, load, model_names, ready, same_shape
    from gdl_core.steps.shown import beside, form_of, need_form

    models = arguments.model
    same_shape(models)
    need_form(models[0], "morph")
    ready(models, context)
    stops = [load(stop, context, *SAMPLES, "latent") for stop in arguments.through]
    ways = []
    for trained in models:
        keyframes = np.concatenate([latent_points(trained, stop, context).numpy() for stop in stops])
        if len(keyframes) < 2:
            raise InputError("morph: 'through' holds one picture only; give it two or more")
        context.check_cancelled()
        path = through(keyframes, arguments.frames, arguments.path, arguments.loop)
        ways.append(decode_rows(trained, path))
    form = form_of(models[0])
    rows = tuple(model_names(models)) if len(models) > 1 else ()
    if form is not None:
        shown = [form.show(way.numpy()) for way in ways]
        return beside(form, shown, rows) if rows else shown[0]
    return Frames(np.concatenate([to_pixels(way) for way in ways], axis=1), arguments.fps, arguments.loop, rows)
