"""`mix`: pictures that take the styles of some layers from one source and the rest from another."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from gdl_core.arguments import Accepts, StepArguments
from gdl_core.latent.space_settings import SpaceSettings, Truncation
from gdl_core.steps.space import StyleModel
from gdl_core.values import Images, Latents, TrainedModel

if TYPE_CHECKING:
    from torch import Tensor

    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext

_THIRDS = ("coarse", "middle", "fine")


class Arguments(StepArguments):
    """Arguments of `mix`."""

    model: StyleModel = Field(description="a model that samples and has styles")
    rows: int = Field(5, ge=1, le=100, description="sources on the left, which give all other layers")
    columns: int = Field(6, ge=1, le=100, description="sources at the top, which give the layers that are named")
    layers: Literal["coarse", "middle", "fine"] | tuple[int, int] = Field(
        "coarse", description="a third of the layers by name, or [first, last], counted from 1"
    )
    truncation: Truncation = 1.0
    points: Annotated[Latents | Path | None, Accepts("latent", files=True)] = Field(
        None, alias="from",
        description="latent points to take as sources, those on the left first: of the model's latent space, or of w "
        "or w+; left out: drawn",
    )  # fmt: skip

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that the layers are in order."""
        if not isinstance(self.layers, str) and not 1 <= self.layers[0] <= self.layers[1]:
            yield ("layers",), f"'layers' should be [first, last], counted from 1, got {list(self.layers)}"


def run(arguments: Arguments, context: StepContext) -> Images:
    """Return the sheet: the top row and the left column are the sources (Karras et al. 2019, figure 3)."""
    import torch

    from gdl_core.latent.spaces import in_space
    from gdl_core.latent.tiles import decode_rows, to_pixels
    from gdl_core.steps.inputs import need_pictures, ready

    need_pictures(arguments.model, "mix")
    ready([arguments.model], context)
    view = in_space(arguments.model, SpaceSettings(which="w+", truncation=arguments.truncation))
    down, across = arguments.rows, arguments.columns
    first, last = _layers(arguments, view)
    styles = _sources(arguments, view, context)
    left, top = styles[:down], styles[down : down + across]
    mixed = left[:, None].repeat(1, across, 1, 1)
    mixed[:, :, first - 1 : last] = top[None, :, first - 1 : last]
    context.check_cancelled()
    pixels = to_pixels(decode_rows(view, torch.cat([top, left, mixed.flatten(0, 1)])))
    heads, names, cells = pixels[:across], pixels[across : across + down], pixels[across + down :]
    grid = np.full((down + 1, across + 1, *pixels.shape[1:]), 255, dtype=np.uint8)
    grid[0, 1:], grid[1:, 0] = heads, names
    grid[1:, 1:] = cells.reshape(down, across, *pixels.shape[1:])
    layers = f"layer{'s' * (last > first)} {first}" + (f" to {last}" if last > first else "")
    context.note(f"mix: {layers} of {len(left[0])} from the top row, the others from the left column")
    return Images(
        grid.reshape(-1, *pixels.shape[1:]), columns=across + 1, rows=(f"{layers} of", *["the rest of"] * down)
    )


def _layers(arguments: Arguments, view: TrainedModel) -> tuple[int, int]:
    """Return the first and the last layer that come from the top, counted from 1."""
    from gdl_core.errors import InputError

    count = int(view.model.latent_shape[0])
    if not isinstance(arguments.layers, str):
        first, last = arguments.layers
        if last > count:
            raise InputError(f"mix: layers {first} to {last} asked for, but {view.name} has {count}")
        return first, last
    if count < len(_THIRDS):
        raise InputError(f"mix: {view.name} has {count} layers, too few for thirds; name them, like layers: [1, 1]")
    third = _THIRDS.index(arguments.layers)
    return round(count * third / 3) + 1, round(count * (third + 1) / 3)


def _sources(arguments: Arguments, view: TrainedModel, context: StepContext) -> Tensor:
    """Return the styles of the sources, (rows + columns or more, layers, width)."""
    import torch

    from gdl_core.errors import DataError
    from gdl_core.latent.spaces import styles_of
    from gdl_core.latent.tiles import prior_rows
    from gdl_core.steps.inputs import load

    wanted = arguments.rows + arguments.columns
    if arguments.points is None:
        return prior_rows(view, wanted, context.noise.stream("sample"))
    given = load(arguments.points, context, "latent")
    points = torch.from_numpy(given.mean.copy())
    if len(points) < wanted:
        raise DataError(
            f"mix: {arguments.rows} rows and {arguments.columns} columns need {wanted} points, 'from' has {len(points)}"
        )
    return styles_of(view, points[:wanted], given.space)
