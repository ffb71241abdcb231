"""`attribute`: the direction of latent space along which an attribute grows, from the means of labelled samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from gdl_core.steps.arguments import StepArguments
from gdl_core.steps.inputs import DatasetInput, EncodingModel
from gdl_core.values import Vector

if TYPE_CHECKING:
    from gdl_core.data.dataset import Dataset
    from gdl_core.steps.context import StepContext

_Value = str | int | float | bool


class Arguments(StepArguments):
    """Arguments of `attribute`."""

    model: EncodingModel = Field(description="a model that encodes")
    data: DatasetInput = Field(description="a dataset with labels; its training samples are used")
    where: str | dict[str, _Value] = Field(
        description="a yes-or-no column, a column of numbers (upper half against lower), or {column: value}"
    )
    against: _Value | None = Field(None, description="the other value of the column; left out: all the rest")
    method: Literal["means", "regression"] = Field(
        "means", description="means: difference of means; regression: with the other columns held still"
    )
    hold: list[str] = Field([], description="columns that regression holds still; left out: all others")

    @model_validator(mode="after")
    def _one_column(self) -> Arguments:
        if isinstance(self.where, dict) and len(self.where) != 1:
            raise ValueError("'where' should be one column and its value, like {label: 7}")
        if self.hold and self.method != "regression":
            raise ValueError("'hold' is for method: regression")
        return self


def run(arguments: Arguments, context: StepContext) -> Vector:
    """Return the vector; adding it once leads from samples without the attribute to samples with it."""
    from gdl_core.latent.directions import attribute_vector
    from gdl_core.latent.tiles import encode_rows
    from gdl_core.steps.inputs import ready

    trained, data = arguments.model, arguments.data
    ready([trained], context)
    column, name, rows, has = _labels(arguments, data)

    def progress(done: int, total: int) -> None:
        context.progress(done, total)
        context.check_cancelled()

    codes = encode_rows(trained, data, rows, progress=progress).mean.numpy()
    others = None
    if arguments.method == "regression":
        from gdl_core.values import Column

        held = arguments.hold or [other for other in data.columns if other != column]
        others = {key: Column(data.column(key).values[rows], data.column(key).names) for key in held}
    vector = attribute_vector(codes, has, others, arguments.method, name)
    facts = vector.facts
    context.note(
        f"{name}: {facts['with']} samples with, {facts['without']} without; length {facts['length']:.3g}, "
        f"cosine of two halves {facts['split_half_cosine'] or float('nan'):.3f}"
    )
    return vector


def _labels(arguments: Arguments, data: Dataset) -> tuple[str, str, NDArray[np.int64], NDArray[np.bool_]]:
    """Return the column, the attribute's name, the rows that count, and which of them have the attribute."""
    from gdl_core.errors import InputError

    train = data.train
    if isinstance(arguments.where, dict):
        ((name, value),) = arguments.where.items()
        column = data.column(name)
    else:
        name, value = arguments.where, None
        column = data.column(name)
        if column.names == ("no", "yes"):
            value = "yes"
        elif column.names:
            told = f"attribute: column '{name}' has {len(column.names)} categories; say which, like"
            raise InputError(f"{told} where: {{{name}: {column.names[-1]}}}")
    values = column.values[train]
    if value is None:
        return name, name, train, values > np.median(values)
    has = np.zeros(len(data), dtype=bool)
    has[_rows(data, name, value)] = True
    told = name if (column.names, value) == (("no", "yes"), "yes") else f"{name} {value}"
    if arguments.against is not None:
        rest = np.zeros(len(data), dtype=bool)
        rest[_rows(data, name, arguments.against)] = True
        train = train[has[train] | rest[train]]
    return name, told, train, has[train]


def _rows(data: Dataset, column: str, value: _Value) -> NDArray[np.int64]:
    wanted: dict[str, Any] = {column: value}
    return data.where(**wanted)
