"""`walk`: a path through the latent space. Of pictures it is a film with the moving dot beside it; of texts each step
is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gdl_core.arguments import Accepts, StepArguments, makes_of
from gdl_core.specs import Kind
from gdl_core.steps.inputs import DecodingModel, data_wants_encoder
from gdl_core.values import Frames

if TYPE_CHECKING:
    from gdl_core.latent.planes import Plane
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `walk`."""

    model: DecodingModel = Field(description="a model that decodes")
    path: Literal["circle", "line", "lissajous", "points"] = Field("circle", description="shape of the path")
    radius: float = Field(1.5, gt=0, le=1000, description="how far the path goes from the middle")
    frames: int = Field(120, ge=2, le=100_000, description="frames, or texts, in all")
    points: list[tuple[float, float]] = Field(
        [], description="for path 'points': the places of the plane to go through"
    )
    loop: bool = Field(False, description="for path 'points': return to the first")
    dims: tuple[int, int] = Field(
        (1, 2), description="the two dimensions of the plane, counted from 1; in W and W+ its main directions"
    )
    data: Annotated[Any, Accepts("dataset")] = Field(
        None, description="walk in the plane of the main directions of this dataset's codes, and show them in the inset"
    )
    inset: bool = Field(True, description="show the plane and the moving dot beside a picture")
    fps: float = Field(24.0, gt=0, le=240, description="frames a second")

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that a dataset can be encoded."""
        if message := data_wants_encoder(self.model, self.data):
            yield ("model",), message

    def gives_kind(self, registry: Registry, kind: Kind) -> Kind | None:
        """Of pictures it gives a film, of other samples their own kind."""
        makes = makes_of(self.model)
        return kind if makes == "image" else makes


def run(arguments: Arguments, context: StepContext) -> Any:
    """Return the film, or the texts; circles and Lissajous figures are loops, a line goes there and back."""
    from gdl_core.latent.tiles import decode_rows, encode_rows, to_pixels
    from gdl_core.media.inset import beside
    from gdl_core.steps.inputs import ready
    from gdl_core.steps.sheet import choose_plane
    from gdl_core.steps.shown import form_of, need_form

    trained = arguments.model
    need_form(trained, "walk")
    ready([trained], context)
    plane = choose_plane(trained, arguments.dims, arguments.data)
    z = _path(arguments, plane)

    def progress(done: int, total: int) -> None:
        context.progress(done, total)
        context.check_cancelled()

    x, form = decode_rows(trained, z, progress=progress), form_of(trained)
    if form is not None:
        return form.show(x.numpy())
    pixels = to_pixels(x)
    loop = arguments.path != "points" or arguments.loop
    if arguments.inset:
        known = None
        if arguments.data is not None:
            known = plane.places(encode_rows(trained, arguments.data, arguments.data.held_out).mean.numpy())
        pixels = beside(pixels, plane.places(z), plane.names, known, loop)
    return Frames(pixels, arguments.fps, loop)


def _path(arguments: Arguments, plane: Plane) -> NDArray[np.float32]:
    from gdl_core.errors import InputError
    from gdl_core.latent import paths

    if arguments.path == "circle":
        return paths.circle(plane, arguments.frames, arguments.radius)
    if arguments.path == "lissajous":
        return paths.lissajous(plane, arguments.frames, arguments.radius)
    if arguments.path == "line":
        ends = [(-arguments.radius, 0.0), (arguments.radius, 0.0)]
        return paths.track(plane, ends, arguments.frames, loop=True)
    if len(arguments.points) < 2:
        raise InputError("walk: path 'points' needs two or more places, like points: [[0, 0], [1, 1.5]]")
    return paths.track(plane, arguments.points, arguments.frames, loop=arguments.loop)
