"""Laws of the split."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gdl_core.data.split import split
from gdl_core.noise import Noise

SIZES = st.integers(0, 400)
SHARES = st.floats(0.0, 0.99)
SEEDS = st.integers(0, 2**32)


@settings(max_examples=40)
@given(SIZES, SHARES, SEEDS)
def test_held_out_are_so_many_different_sorted_indices(n: int, share: float, seed: int) -> None:
    held_out = split(n, share, Noise(seed))
    assert held_out.dtype == np.int64
    assert (np.diff(held_out) > 0).all()
    assert ((held_out >= 0) & (held_out < n)).all()
    assert abs(len(held_out) - n * share) <= 1.0


@settings(max_examples=40)
@given(st.integers(2, 400), st.floats(0.001, 0.99), SEEDS)
def test_neither_side_is_empty(n: int, share: float, seed: int) -> None:
    assert 1 <= len(split(n, share, Noise(seed))) <= n - 1


@settings(max_examples=40)
@given(SIZES, SHARES, SEEDS)
def test_the_same_again(n: int, share: float, seed: int) -> None:
    assert (split(n, share, Noise(seed)) == split(n, share, Noise(seed))).all()


@settings(max_examples=40)
@given(SIZES, SEEDS)
def test_a_larger_share_holds_out_the_same_and_more(n: int, seed: int) -> None:
    assert set(split(n, 0.1, Noise(seed))) <= set(split(n, 0.4, Noise(seed)))


def test_seeds_differ() -> None:
    assert (split(1000, 0.1, Noise(1)) != split(1000, 0.1, Noise(2))).any()


def test_few_change_sides_when_the_set_grows() -> None:
    before, after = split(2000, 0.1, Noise(3)), split(2100, 0.1, Noise(3))
    assert len(set(before) & set(after)) > 180


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_is_below_one(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        split(10, share, Noise(0))
