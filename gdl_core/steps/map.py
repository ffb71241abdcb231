"""`map`: where the samples lie in the latent plane, coloured by a column that the model was never shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from gdl_core.arguments import DatasetInput, StepArguments
from gdl_core.media.extras import has_extra
from gdl_core.steps.inputs import EncodingModel, OneOrMore
from gdl_core.steps.shown import data_wanted
from gdl_core.values import Cell, Column, Figure, Table

if TYPE_CHECKING:
    from gdl_core.media.plots import Cloud
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `map`."""

    model: Annotated[list[EncodingModel], OneOrMore] = Field(min_length=1, description="a model, or several to compare")
    data: DatasetInput = Field(description="the dataset")
    colour: str = Field(description="column that gives the colour")
    planes: Annotated[list[Literal["z", "p"]], OneOrMore] = Field(
        ["z"],
        min_length=1,
        description="z: the latent plane itself; p: through the normal CDF, where the prior is even",
    )
    held_out: bool | None = Field(None, description="true: held-out samples; false: training samples; none: all")
    limit: int = Field(5000, ge=10, le=1_000_000, description="samples at most, chosen by the seed")
    title: str = Field("", description="a line above; left out: one that says what is shown")

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that the plotting library is there, and that the data are of the models' kind."""
        if not has_extra("plots"):
            yield (), "map needs the extra 'plots': pip install 'gdl-toolkit[plots]'"
        if message := data_wanted(self.model, self.data):
            yield ("data",), message


def run(arguments: Arguments, context: StepContext) -> Figure:
    """Return a row of panels for each model; more than two dimensions are shown along the first two of PCA."""
    from gdl_core.latent.planes import Plane, z_to_p
    from gdl_core.latent.tiles import encode_rows
    from gdl_core.media.plots import Cloud, scatter_panels
    from gdl_core.steps.inputs import model_names, ready

    data = arguments.data
    column: Column = data.column(arguments.colour)
    ready(arguments.model, context)
    rows = data.where(held_out=arguments.held_out)
    if len(rows) > arguments.limit:
        order = context.noise.stream("map").permutation(len(rows)).numpy()
        rows = np.sort(rows[order[: arguments.limit]])
    values = column.values[rows]
    clouds: list[Cloud] = []
    table: list[tuple[Cell, ...]] = []
    for name, trained in zip(model_names(arguments.model), arguments.model, strict=True):
        context.check_cancelled()
        codes = encode_rows(trained, data, rows).mean.numpy()
        plane = Plane.of_codes(codes)
        for kind in arguments.planes:
            points = plane.places(codes) if kind == "z" else z_to_p(plane.places(codes))
            labels = plane.names if kind == "z" else (f"Φ({plane.names[0]})", f"Φ({plane.names[1]})")
            clouds.append(Cloud(f"{name}, plane {kind}", points, values, labels[0], labels[1], kind == "p"))
            told = [column.names[int(value)] if column.names else value for value in values.tolist()]
            table += [(name, kind, x, y, label) for (x, y), label in zip(points.tolist(), told, strict=True)]
    across = len(arguments.planes) if len(arguments.model) > 1 else len(clouds)
    which = {True: "held-out ", False: "training ", None: ""}[arguments.held_out]
    title = arguments.title or f"{len(rows):,} {which}{data.name}, coloured by {arguments.colour}"
    pixels = scatter_panels(clouds, across, title, arguments.colour, column.names)
    return Figure(pixels, Table(("model", "plane", "x", "y", arguments.colour), tuple(table), title))
