"""`attribute`: the direction of latent space along which an attribute grows, from the means of labelled samples.

A model that encodes is shown labelled data. Of one that does not, its own samples are labelled by a probe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from gdl_core.arguments import Accepts, StepArguments
from gdl_core.steps.inputs import roles_of
from gdl_core.steps.shown import data_wanted
from gdl_core.values import Cell, Column, TrainedModel, Vector

if TYPE_CHECKING:
    from gdl_core.data.dataset import Dataset
    from gdl_core.latent.judged import Judged
    from gdl_core.noise import Noise
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext

_Value = str | int | float | bool
_Flags = NDArray[np.bool_]


class Arguments(StepArguments):
    """Arguments of `attribute`."""

    model: Annotated[TrainedModel, Accepts("model")] = Field(
        description="a model that encodes, or with a probe one that samples and decodes"
    )
    data: Annotated[Any, Accepts("dataset")] = Field(
        None, description="a dataset with labels; its training samples are used"
    )
    probe: Annotated[TrainedModel | None, Accepts("model", roles=("classifies",))] = Field(
        None, description="instead of data: a model that classifies, to label samples of the model"
    )
    n: int = Field(4000, ge=10, le=1_000_000, description="with a probe: samples of the model")
    sure: float = Field(
        0.9, ge=0.5, le=1, description="with a probe: it must give this chance to what it says, or a sample is left out"
    )
    where: str | dict[str, _Value] = Field(
        description="a yes-or-no column, a column of numbers (upper half against lower), or {column: value}"
    )
    against: _Value | None = Field(None, description="the other value of the column; left out: all the rest")
    method: Literal["means", "regression"] = Field(
        "means", description="means: difference of means; regression: with the other columns held still"
    )
    hold: list[str] = Field([], description="columns that regression holds still; left out: all others")
    limit: int = Field(
        20_000,
        ge=10,
        le=10_000_000,
        description="with data: samples at most, chosen by the seed, half of each kind if there are so many",
    )

    @model_validator(mode="after")
    def _one_column(self) -> Arguments:
        if isinstance(self.where, dict) and len(self.where) != 1:
            raise ValueError("'where' should be one column and its value, like {label: 7}")
        if self.hold and self.method != "regression":
            raise ValueError("'hold' is for method: regression")
        return self

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that there is one source of labels, and that the model can use it."""
        roles = roles_of(self.model)
        if self.data is not None and self.probe is not None:
            yield ("probe",), "give 'data' or 'probe', not both: labels of samples, or a judge of the model's own"
        elif self.data is None and self.probe is None:
            yield (), "attribute needs labels: 'data' of a model that encodes, or 'probe', to label the model's samples"
        elif "limit" in self.model_fields_set and self.data is None:
            yield ("limit",), "'limit' is of data; of samples that a probe labels, n says how many, so leave it out"
        elif message := data_wanted(self.model, self.data):
            yield ("data",), message
        elif self.probe is None and "encodes" not in roles:
            told = "'data' needs a model that encodes, which this one does not"
            yield ("model",), f"{told}; give a 'probe' instead, to label its own samples"
        elif self.probe is not None and not {"samples", "decodes"} <= roles:
            yield ("model",), "'probe' needs a model that samples and decodes, which this one does not"


def run(arguments: Arguments, context: StepContext) -> Vector:
    """Return the vector; adding it once leads from samples without the attribute to samples with it."""
    from gdl_core.latent.directions import attribute_vector
    from gdl_core.latent.judged import judged_samples
    from gdl_core.latent.spaces import space_of
    from gdl_core.latent.tiles import encode_rows
    from gdl_core.steps.inputs import ready

    trained, data, probe = arguments.model, arguments.data, arguments.probe

    def progress(done: int, total: int) -> None:
        context.progress(done, total)
        context.check_cancelled()

    ready([trained, *([probe] if probe else [])], context)
    look_up: Callable[[str], Column]
    facts: dict[str, Cell] = {}
    if probe is None:
        column, name, rows, has = _labels(arguments, data)
        if len(rows) > arguments.limit:
            some = _some(has, arguments.limit, context.noise.stream("limit"))
            rows, has = rows[some], has[some]
        codes = encode_rows(trained, data, rows, progress=progress).mean.numpy()
        look_up, known = data.column, list(data.columns)
    else:
        judged = judged_samples(trained, probe, arguments.n, context.noise.stream("sample"), progress)
        column, name, rows, has = _judgements(arguments, judged)
        codes, look_up, known = judged.codes[rows], judged.column, list(judged.chances)
        facts = {"samples": arguments.n, "sure": arguments.sure}
    others = None
    if arguments.method == "regression":
        held = arguments.hold or [other for other in known if other != column]
        others = {key: Column(look_up(key).values[rows], look_up(key).names) for key in held}
    vector = attribute_vector(codes, has, others, arguments.method, name)
    vector = replace(vector, facts={**vector.facts, **facts}, space=space_of(trained))
    _tell(vector, context)
    return vector


def _some(has: _Flags, limit: int, noise: Noise) -> NDArray[np.int64]:
    """Return the places of so many samples, of both kinds half where there are enough: what is rare stays."""
    order = noise.permutation(len(has)).numpy()
    kinds = sorted((order[has[order]], order[~has[order]]), key=len)
    rare = kinds[0][: limit // 2]
    return np.sort(np.concatenate([rare, kinds[1][: limit - len(rare)]]))


def _tell(vector: Vector, context: StepContext) -> None:
    facts = vector.facts
    of = f"of {facts['samples']} samples, those that the probe is sure of: " if "samples" in facts else ""
    context.note(
        f"{vector.name}: {of}{facts['with']} samples with, {facts['without']} without; length {facts['length']:.3g}, "
        f"cosine of two halves {facts['split_half_cosine'] or float('nan'):.3f}"
    )


def _wanted(arguments: Arguments, column: Column) -> _Value | None:
    """Return the value of the column that is meant, None for the upper half of a column of numbers.

    Raises:
        InputError: the column has several categories and none is named.
    """
    from gdl_core.errors import InputError

    if isinstance(arguments.where, dict):
        return next(iter(arguments.where.values()))
    if column.names == ("no", "yes"):
        return "yes"
    if column.names:
        told = f"attribute: column '{arguments.where}' has {len(column.names)} categories; say which, like"
        raise InputError(f"{told} where: {{{arguments.where}: {column.names[-1]}}}")
    return None


def _name(column: str, names: tuple[str, ...], value: _Value) -> str:
    return column if (names, value) == (("no", "yes"), "yes") else f"{column} {value}"


def _labels(arguments: Arguments, data: Dataset) -> tuple[str, str, NDArray[np.int64], _Flags]:
    """Return the column, the attribute's name, the rows that count, and which of them have the attribute."""
    from gdl_core.errors import InputError

    train = data.train
    name = arguments.where if isinstance(arguments.where, str) else next(iter(arguments.where))
    column = data.column(name)
    value = _wanted(arguments, column)
    if value is None and arguments.against is not None:
        raise InputError(f"attribute: '{name}' holds numbers, the upper half against the lower; leave 'against' out")
    if value is None:
        values = column.values[train]
        return name, name, train, values > np.median(values)
    has = np.zeros(len(data), dtype=bool)
    has[_rows(data, name, value)] = True
    if arguments.against is not None:
        rest = np.zeros(len(data), dtype=bool)
        rest[_rows(data, name, arguments.against)] = True
        train = train[has[train] | rest[train]]
    return name, _name(name, column.names, value), train, has[train]


def _rows(data: Dataset, column: str, value: _Value) -> NDArray[np.int64]:
    wanted: dict[str, Any] = {column: value}
    return data.where(**wanted)


def _judgements(arguments: Arguments, judged: Judged) -> tuple[str, str, NDArray[np.int64], _Flags]:
    """Return the same of samples that a probe has judged, of those that it is sure of.

    Raises:
        DataError: it is sure of no sample with the attribute, or of none without.
    """
    from gdl_core.errors import DataError

    name = arguments.where if isinstance(arguments.where, str) else next(iter(arguments.where))
    names = judged.column(name).names
    value = _wanted(arguments, judged.column(name))
    assert value is not None  # a probe has categories alone
    has, has_not = judged.sure(name, value, arguments.sure)
    if arguments.against is not None:
        has_not, _ = judged.sure(name, arguments.against, arguments.sure)
        has_not &= ~has
    told = _name(name, names, value)
    if not (has.any() and has_not.any()):
        raise DataError(
            f"attribute: of {len(has)} samples the probe is sure ({arguments.sure:g}) of {int(has.sum())} with "
            f"'{told}' and {int(has_not.sum())} without; ask for more samples (n), or for less certainty (sure)"
        )
    rows = np.flatnonzero(has | has_not)
    return name, told, rows, has[rows]
