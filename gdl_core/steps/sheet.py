"""`sheet`: the latent plane as a grid at the inverse CDF, where each picture stands for an equal share of the prior."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from gdl_core.arguments import Accepts, StepArguments
from gdl_core.steps.inputs import DrawingModel, data_wants_encoder
from gdl_core.values import Images, TrainedModel

if TYPE_CHECKING:
    from gdl_core.latent.planes import Plane
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext

_MANY = 10_000  # training samples by whose codes main directions are found


class Arguments(StepArguments):
    """Arguments of `sheet`."""

    model: DrawingModel = Field(description="a model that decodes")
    n: int = Field(20, ge=1, le=200, description="pictures to a side")
    dims: tuple[int, int] = Field(
        (1, 2),
        description="the two dimensions to vary, counted from 1; the others are 0. In W and W+ its main directions",
    )
    data: Annotated[Any, Accepts("dataset")] = Field(
        None, description="vary along the two main directions of this dataset's codes instead of along dims"
    )
    span: float = Field(1.0, gt=0, le=100, description="enlarges the region; 1 is the standard normal prior")

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that a dataset can be encoded."""
        if message := data_wants_encoder(self.model, self.data):
            yield ("model",), message


def run(arguments: Arguments, context: StepContext) -> Images:
    """Return n × n pictures; the first dimension grows to the right, the second upwards, as on a map."""
    from gdl_core.latent.planes import sheet_places
    from gdl_core.latent.tiles import decode_rows, to_pixels
    from gdl_core.steps.inputs import need_pictures, ready

    trained = arguments.model
    need_pictures(trained, "sheet")
    ready([trained], context)
    plane = choose_plane(trained, arguments.dims, arguments.data)
    z = plane.at(sheet_places(arguments.n).astype(np.float64) * arguments.span)
    return Images(to_pixels(decode_rows(trained, z)), columns=arguments.n)


def choose_plane(trained: TrainedModel, dims: tuple[int, int], data: Any) -> Plane:
    """Return the plane of two dimensions, counted from 1, or that of the main directions of a dataset's codes: those of
    its training samples, or of some evenly among them where there are very many.
    """
    from gdl_core.latent.planes import Plane
    from gdl_core.latent.spaces import plane_of
    from gdl_core.latent.tiles import encode_rows

    if data is None:
        return plane_of(trained, dims[0] - 1, dims[1] - 1)
    some = data.train[:: -(-len(data.train) // _MANY)]
    return Plane.of_codes(encode_rows(trained, data, some).mean.numpy())
