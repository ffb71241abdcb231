"""What samples are asked for by: the wanted categories of the columns that a model was conditioned on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gdl_core.contracts import Model
from gdl_core.errors import InputError, UnknownNameError, did_you_mean
from gdl_core.values import Cell, Column


def check_wanted(model: Model, where: Mapping[str, Cell]) -> None:
    """Look at what is wanted before anything is drawn.

    Args:
        model: a model that samples.
        where: the wanted category of each column, as a person writes it; empty asks for nothing.

    Raises:
        InputError: the model was not conditioned on anything.
        UnknownNameError: it was not conditioned on that column, or the column has no such category.
    """
    known = model.conditions
    for name, value in where.items():
        if not known:
            raise InputError(
                f"where: {type(model).__name__} was trained without labels, so none can be asked for; "
                "train it with a condition, or leave 'where' out"
            )
        if name not in known:
            raise UnknownNameError(
                f"where: the model was not conditioned on '{name}'{did_you_mean(name, known)} "
                f"(it was on: {', '.join(known)})"
            )
        try:
            Column(np.arange(0), known[name]).code(value)
        except KeyError:
            raise UnknownNameError(
                f"where: column '{name}' has no '{value}'{did_you_mean(str(value), known[name])} "
                f"(its categories: {', '.join(known[name])})"
            ) from None
