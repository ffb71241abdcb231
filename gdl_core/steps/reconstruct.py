"""`reconstruct`: what goes through the bottleneck, originals on top, one row for each model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from gdl_core.steps.arguments import Accepts, StepArguments
from gdl_core.steps.inputs import LatentModel, OneOrMore
from gdl_core.values import Images

if TYPE_CHECKING:
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `reconstruct`."""

    model: Annotated[list[LatentModel], OneOrMore] = Field(min_length=1, description="a model, or several to compare")
    data: Annotated[Any, Accepts("dataset", "image", files=True)] = Field(description="a dataset, pictures or a file")
    n: int = Field(12, ge=1, le=1000, description="how many samples of a dataset")
    held_out: bool = Field(True, description="from the samples that no model was trained on")


def run(arguments: Arguments, context: StepContext) -> Images:
    """Return originals and, under them, what each model makes of their posterior means."""
    from gdl_core.latent.tiles import decode_rows, encode_rows, to_pixels
    from gdl_core.steps.inputs import (
        fit_pictures,
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
    rows = [originals, *(to_pixels(decode_rows(trained, encode_rows(trained, x).mean)) for trained in models)]
    names = ("original", *model_names(models))
    return Images(np.concatenate(rows), columns=len(originals), rows=names)
