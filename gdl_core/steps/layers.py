"""`layers`: the layers of a model's parts, with what they put out and their parameters; of two, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gdl_core.arguments import Accepts, StepArguments
from gdl_core.steps.inputs import OneOrMore
from gdl_core.values import Cell, Table, TrainedModel

if TYPE_CHECKING:
    from gdl_core.latent.layers import Layer
    from gdl_core.steps.context import StepContext

_COLUMNS = ("layer", "output", "parameters", "count")
_EMPTY: tuple[Cell, ...] = ("", "", "", None)


class Arguments(StepArguments):
    """Arguments of `layers`."""

    model: Annotated[list[Annotated[TrainedModel, Accepts("model")]], OneOrMore] = Field(
        min_length=1, max_length=2, description="a model, or two to lay side by side"
    )


def run(arguments: Arguments, context: StepContext) -> Table:
    """Return a row for each layer and one for each part as a whole.

    Of two models, each part stands beside the part of the other that has most layers of the same parameters in the same
    order, and layers of the same parameters share a row; `equal` says whether all parameters of the two have one shape.
    """
    from gdl_core.latent.layers import parts_of, side_by_side
    from gdl_core.steps.inputs import model_names, ready

    ready(arguments.model, context)
    names = model_names(arguments.model)
    found = [parts_of(trained) for trained in arguments.model]
    rows: list[tuple[Cell, ...]] = []
    if len(found) == 1:
        for part, layers in found[0].items():
            rows += [(part, *_told(layer)) for layer in layers]
            rows.append((part, "all", "", "", _total(layers)))
        return Table(("part", *_COLUMNS), tuple(rows), f"Layers of {names[0]}")
    for first, second, pairs in side_by_side(*found):
        rows += [
            (first, *_told(one), second, *_told(other), _equal([one], [other]))
            for one, other in pairs
        ]  # fmt: skip
        ones, others = ([layer for layer in side if layer is not None] for side in zip(*pairs, strict=True))
        whole = (("all", "", "", _total(side)) if side else _EMPTY for side in (ones, others))
        rows.append((first, *next(whole), second, *next(whole), _equal(ones, others)))
    header = tuple(f"{name} {column}" for name in names for column in ("part", *_COLUMNS))
    return Table((*header, "equal"), tuple(rows), f"Layers of {names[0]} and {names[1]}")


def _told(layer: Layer | None) -> tuple[Cell, ...]:
    if layer is None:
        return _EMPTY
    output = "?" if layer.output is None else _shape(layer.output)
    parameters = ", ".join(f"{name} {_shape(shape)}" for name, shape in layer.parameters.items())
    return (layer.kind, output, parameters, layer.count)


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "1"


def _total(layers: list[Layer]) -> int:
    return sum(layer.count for layer in layers)


def _equal(ones: list[Layer | None] | list[Layer], others: list[Layer | None] | list[Layer]) -> str:
    """Say whether two lists of layers have parameters of the same shapes in the same order, if they have any."""
    shapes = [
        [shape for layer in side if layer is not None for shape in layer.parameters.values()]
        for side in (ones, others)
    ]  # fmt: skip
    return "" if shapes == [[], []] else "yes" if shapes[0] == shapes[1] else "no"
