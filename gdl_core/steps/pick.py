"""`pick`: samples out of a dataset, by what its columns say or at random."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic import Field

from gdl_core.arguments import DatasetInput, StepArguments, makes_of
from gdl_core.specs import Kind
from gdl_core.steps.inputs import Where
from gdl_core.values import Images

if TYPE_CHECKING:
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext


class Arguments(StepArguments):
    """Arguments of `pick`."""

    data: DatasetInput = Field(description="the dataset")
    where: Where = Field({}, description="columns and what they should say, like {label: 7}")
    n: int = Field(1, ge=1, le=10_000, description="how many")
    held_out: bool | None = Field(True, description="true: samples never trained on; false: the others; none: any")
    show: str | None = Field(None, description="a column to write under each picture")

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that there are pictures to write under."""
        if self.show is not None and makes_of(self.data) not in ("image", None):
            yield ("show",), "'show' writes under pictures, which these samples are not; leave it out"

    def gives_kind(self, registry: Registry, kind: Kind) -> Kind | None:
        """Samples are of the dataset's kind."""
        return makes_of(self.data)


def run(arguments: Arguments, context: StepContext) -> Any:
    """Return the first n that fit, in an order drawn from the seed."""
    from gdl_core.steps.inputs import some_rows

    data = arguments.data
    rows = some_rows(data, arguments.n, context, arguments.held_out, **arguments.where)
    if data.form is not None:
        return data.form.show(data.tensor(rows).numpy())
    captions: tuple[str, ...] = ()
    if arguments.show is not None:
        column = data.column(arguments.show)
        values = column.values[rows].tolist()
        captions = tuple(column.names[value] if column.names else f"{value:.3g}" for value in values)
    return Images(data.pixels(rows), captions=captions)
