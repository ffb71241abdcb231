"""`reconstruct`: what goes through the bottleneck, originals on top, one row for each model.

A model without an encoder shows what it decodes from points that were found for the pictures (`invert`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from gdl_core.arguments import Accepts, StepArguments
from gdl_core.steps.inputs import DecodingModel, OneOrMore, roles_of
from gdl_core.values import Images, Latents

if TYPE_CHECKING:
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `reconstruct`."""

    model: Annotated[list[DecodingModel], OneOrMore] = Field(min_length=1, description="a model, or several to compare")
    data: Annotated[Any, Accepts("dataset", "image", files=True)] = Field(description="a dataset, pictures or a file")
    n: int = Field(12, ge=1, le=1000, description="how many samples of a dataset")
    held_out: bool = Field(True, description="from the samples that no model was trained on")
    codes: Annotated[list[Annotated[Latents | Path, Accepts("latent", files=True)]], OneOrMore] = Field(
        [], description="for each model that does not encode, the points of the pictures (do: invert), in their order"
    )

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that each model encodes or has codes, and that the codes are of pictures that are named."""
        lacking = [model for model in self.model if "encodes" not in roles_of(model)]
        if lacking and not self.codes:
            yield ("model",), "this model does not encode; give its points of the pictures as 'codes' (do: invert)"
        elif len(self.codes) != len(lacking):
            told = f"there are {len(self.codes)} of them for {len(lacking)} such models"
            yield ("codes",), f"'codes' are for models that do not encode, one for each; {told}"
        if self.codes and getattr(self.data, "kind", "") == "dataset":
            yield ("data",), "'codes' belong to pictures; give the pictures that were inverted (do: pick) as 'data'"


def run(arguments: Arguments, context: StepContext) -> Images:
    """Return originals and, under them, what each model makes of their posterior means, or of their codes."""
    from gdl_core.errors import DataError
    from gdl_core.latent.tiles import decode_rows, encode_rows, to_pixels
    from gdl_core.steps.inputs import (
        fit_pictures,
        latent_points,
        load,
        model_names,
        need_pictures,
        ready,
        same_shape,
        some_rows,
        to_tensor,
    )

    models = arguments.model
    shape = same_shape(models)
    need_pictures(models[0], "reconstruct")
    ready(models, context)
    data = load(arguments.data, context, Images)
    if isinstance(data, Images):
        originals = fit_pictures(data.pixels, shape)
    else:
        there = len(data.where(held_out=arguments.held_out))
        if there < arguments.n:
            context.note(f"{data.name} has only {there} of the {arguments.n} samples asked for")
        originals = data.pixels(some_rows(data, max(1, min(arguments.n, there)), context, arguments.held_out))
    x = to_tensor(originals)
    codes = iter(arguments.codes)
    rows = [originals]
    for trained in models:
        encodes = "encodes" in trained.model.roles()
        z = encode_rows(trained, x).mean if encodes else latent_points(trained, next(codes), context)
        if len(z) != len(x):
            raise DataError(f"reconstruct: {len(z)} codes for {len(x)} pictures; give the pictures that were inverted")
        rows.append(to_pixels(decode_rows(trained, z)))
    names = ("original", *model_names(models))
    return Images(np.concatenate(rows), columns=len(originals), rows=names)
