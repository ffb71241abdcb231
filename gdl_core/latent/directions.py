"""Attribute vectors: which way a latent space goes from pictures without something to pictures with it.

The posterior means of labelled samples are used, never one random draw of each. The simple difference of means
carries along whatever else differs between the two groups (bearded faces are mostly male ones); `regression` estimates
the effect of the attribute with the other columns held still.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gdl_core.errors import DataError, InputError, did_you_mean
from gdl_core.values import Cell, Column, Vector

Method = Literal["means", "regression"]
METHODS: tuple[Method, ...] = ("means", "regression")

Floats = NDArray[np.float64]


def attribute_vector(
    codes: ArrayLike,
    has: ArrayLike,
    others: Mapping[str, Column] | None = None,
    method: Method = "means",
    name: str = "",
) -> Vector:
    """Return the vector that leads from samples without an attribute to samples with it.

    Args:
        codes: posterior means, (n, *latent shape).
        has: (n,) true where the attribute is there.
        others: further columns, each of n values, that `regression` holds still.
        method: "means" is mean(with) − mean(without). "regression" is the coefficient of the attribute when the codes
            are fitted by least squares on it, on the other columns (categories as indicators) and on a constant; with
            no other columns the two are the same.
        name: name of the vector.

    The facts of the vector are the two counts, its `length`, the method, and `split_half_cosine`: how well vectors
    from two disjoint halves of the samples agree (1 is perfectly).

    Raises:
        DataError: no sample has the attribute or all have it, or the lengths of the inputs differ.
        InputError: the method is not known, or the other columns already say all that the attribute says.
    """
    points = np.asarray(codes, np.float64)
    flat = points.reshape(len(points), -1)
    flags = np.asarray(has).astype(bool)
    if method not in METHODS:
        raise InputError(f"unknown method '{method}'{did_you_mean(method, METHODS)}; it is means or regression")
    if flags.shape != (len(flat),):
        raise DataError(f"attribute '{name}': {len(flat)} codes but labels of shape {flags.shape}")
    _refuse_one_sided(flags, name)
    held_still = _design(others or {}, len(flat)) if method == "regression" else np.zeros((len(flat), 0))
    direction = _direction(flat, flags, held_still)
    if direction is None:
        raise InputError(
            f"attribute '{name}' cannot be told from the other columns, which determine it; "
            "use the method means, or fewer columns"
        )
    facts: dict[str, Cell] = {
        "method": method,
        "with": int(flags.sum()),
        "without": int((~flags).sum()),
        "length": float(np.linalg.norm(direction)),
        "split_half_cosine": _split_half_cosine(flat, flags, held_still),
    }
    return Vector(direction.reshape(points.shape[1:]).astype(np.float32), name, facts)


def _refuse_one_sided(flags: NDArray[np.bool_], name: str) -> None:
    if not flags.any():
        raise DataError(f"no sample has the attribute '{name}', so there is no direction to it")
    if flags.all():
        raise DataError(f"every sample has the attribute '{name}', so there is no direction to it")


def _direction(codes: Floats, flags: NDArray[np.bool_], held_still: Floats) -> Floats | None:
    """Return the partial effect of the flags on the codes, or None where the other columns determine the flags."""
    if held_still.shape[1] == 0:
        difference: Floats = codes[flags].mean(axis=0) - codes[~flags].mean(axis=0)
        return difference
    # Frisch, Waugh and Lovell: the coefficient is that of the part of the flags that the other columns do not explain.
    rest = _unexplained(flags.astype(np.float64), held_still)
    strength = float(rest @ rest)
    if strength <= 1e-9 * len(rest):
        return None
    effect: Floats = rest @ codes / strength
    return effect


def _unexplained(target: Floats, columns: Floats) -> Floats:
    design = np.column_stack([np.ones(len(columns)), columns])
    coefficients, *_ = np.linalg.lstsq(design, target, rcond=None)
    rest: Floats = target - design @ coefficients
    return rest


def _split_half_cosine(codes: Floats, flags: NDArray[np.bool_], held_still: Floats) -> float | None:
    """Return the cosine between the vectors of two halves, dealt out in turns among those with and those without."""
    half = np.zeros(len(flags), bool)
    for side in (flags, ~flags):
        half[np.flatnonzero(side)[::2]] = True
    vectors = []
    for part in (half, ~half):
        if not flags[part].any() or flags[part].all():
            return None
        vectors.append(_direction(codes[part], flags[part], held_still[part]))
    first, second = vectors
    if first is None or second is None:
        return None
    product = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / product if product > 0 else None


def _design(others: Mapping[str, Column], n: int) -> Floats:
    """Return the other columns as numbers (n, columns): indicators of all categories but the first, scaled numbers."""
    parts: list[Floats] = []
    for name, column in others.items():
        values = np.asarray(column.values)
        if values.shape != (n,):
            raise DataError(f"column '{name}' has {values.shape} values for {n} codes")
        if column.names:
            parts += [(values == code).astype(np.float64) for code in range(1, len(column.names))]
            continue
        numbers = values.astype(np.float64)
        spread = float(numbers.std())
        parts.append((numbers - numbers.mean()) / spread if spread > 0 else np.zeros(n))
    varying = [part for part in parts if part.std() > 0]
    return np.column_stack(varying) if varying else np.zeros((n, 0))
