"""Values to write, a registry of the built-in formats, and a record."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from gdl_core import builtin
from gdl_core.specs import FormatSpec
from gdl_core.values import Images

RECORD: dict[str, Any] = {
    "recipe": 'steps:\n  a: {do: sample}  # <ü> & "quotes" ]]> -->',
    "seed": 7,
    "step": "a",
    "versions": {"gdl": "0.1.0", "rng": 1},
}


class Formats:
    """The built-in formats, without a registry."""

    formats: tuple[FormatSpec, ...] = tuple(builtin.gdl_formats())


FORMATS = Formats()


_FEW = st.integers(1, 5)


def pictures(n: Any = _FEW, sides: Any = _FEW) -> st.SearchStrategy[NDArray[np.uint8]]:
    """Pictures (n, height, width, 1, 3 or 4), with little colour, much colour and much repetition."""
    shapes = st.tuples(n, sides, sides, st.sampled_from((1, 3, 4)))
    values = st.one_of(st.integers(0, 255), st.sampled_from((0, 255)))
    return shapes.flatmap(lambda shape: arrays.arrays(np.uint8, shape, elements=values))


def some(n: int = 6, side: int = 8, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, channels)).astype(np.uint8)


def one(side: int = 8, channels: int = 3) -> Images:
    return Images(some(1, side, channels))
