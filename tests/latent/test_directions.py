"""Attribute vectors point where they say, and arithmetic on them is arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdl_core.errors import DataError, InputError
from gdl_core.latent.algebra import add, apply, cosine, length, orthogonalise, random_like, scale, subtract
from gdl_core.latent.directions import attribute_vector
from gdl_core.noise import Noise
from gdl_core.values import Column, Vector

A = Vector(np.array([3.0, 0.0, 4.0], np.float32), "a")
B = Vector(np.array([0.0, 2.0, 0.0], np.float32), "b")


def faces(n: int = 4000) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Codes in which `male`, `beard` and `age` move a number each; most beards are male."""
    rng = np.random.default_rng(3)
    male = rng.random(n) < 0.5
    beard = rng.random(n) < np.where(male, 0.8, 0.05)
    age = rng.normal(40, 10, n)
    codes = np.stack([2.0 * male, 1.0 * beard, 0.1 * age, np.zeros(n)], axis=1) + 0.3 * rng.normal(size=(n, 4))
    return codes.astype(np.float32), male, beard, age


def test_the_difference_of_means() -> None:
    codes, _, beard, _ = faces()
    vector = attribute_vector(codes, beard, name="beard")
    assert vector.direction == pytest.approx(codes[beard].mean(0) - codes[~beard].mean(0), abs=1e-5)
    assert vector.facts["with"] == int(beard.sum())
    assert vector.facts["without"] == int((~beard).sum())
    assert vector.facts["length"] == pytest.approx(length(vector), rel=1e-5)
    half = vector.facts["split_half_cosine"]
    assert isinstance(half, float)
    assert half > 0.99
    assert vector.direction[0] > 1.0  # the talk's way: the vector of the beard is also that of the man


def test_regression_takes_the_side_effects_out() -> None:
    codes, male, beard, age = faces()
    others = {"male": Column(male.astype(np.int64), ("no", "yes")), "age": Column(age)}
    vector = attribute_vector(codes, beard, others, "regression", "beard")
    assert vector.direction == pytest.approx([0, 1, 0, 0], abs=0.06)
    least_squares = np.linalg.lstsq(
        np.column_stack([beard, np.ones(len(age)), male, age]), codes.astype(float), rcond=None
    )[0][0]
    assert vector.direction == pytest.approx(least_squares, abs=1e-4)
    alone = attribute_vector(codes, beard, {}, "regression")
    assert (alone.direction == attribute_vector(codes, beard).direction).all()


def test_noise_has_no_stable_direction() -> None:
    rng = np.random.default_rng(0)
    vector = attribute_vector(rng.normal(size=(200, 64)), rng.random(200) < 0.5)
    half = vector.facts["split_half_cosine"]
    assert isinstance(half, float)
    assert abs(half) < 0.5


def test_the_shape_of_the_latent_space_is_kept() -> None:
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(20, 2, 3))
    vector = attribute_vector(codes, np.arange(20) < 1, name="rare")
    assert vector.direction.shape == (2, 3)
    assert vector.facts["split_half_cosine"] is None


def test_what_gives_no_direction_is_said() -> None:
    codes, male, beard, _ = faces(100)
    with pytest.raises(DataError, match="no sample has the attribute 'hat'"):
        attribute_vector(codes, np.zeros(100, bool), name="hat")
    with pytest.raises(DataError, match="every sample"):
        attribute_vector(codes, np.ones(100, bool), name="hat")
    with pytest.raises(DataError, match="100 codes"):
        attribute_vector(codes, beard[:50])
    with pytest.raises(InputError, match="did you mean 'means'"):
        attribute_vector(codes, beard, method="mean")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="cannot be told from the other columns"):
        attribute_vector(codes, male, {"sex": Column((~male).astype(int), ("m", "f"))}, "regression")


@given(strength=st.floats(-5, 5))
def test_there_and_back_again(strength: float) -> None:
    z = Noise(2).normal(4, (3,)).numpy()
    assert apply(apply(z, A, strength), A, -strength) == pytest.approx(z, abs=1e-5)
    assert apply(z, add(A, B), strength) == pytest.approx(apply(apply(z, A, strength), B, strength), abs=1e-4)
    assert apply(z, scale(A, 2.0), strength) == pytest.approx(apply(z, A, 2 * strength), abs=1e-4)


def test_algebra() -> None:
    assert (subtract(add(A, B), B).direction == A.direction).all()
    assert add(A, B).name == "a + b"
    assert length(A) == 5
    assert cosine(A, B) == 0
    assert cosine(A, scale(A, -3)) == -1
    assert cosine(A, scale(A, 0)) == 0
    assert apply(np.zeros((2, 3)), A, [0, 1, 2]).shape == (3, 2, 3)
    assert (apply(np.zeros((2, 3)), A, 0.0) == 0).all()
    with pytest.raises(InputError, match="use vectors with the model"):
        apply(np.zeros((2, 4)), A)
    with pytest.raises(InputError, match="finite"):
        apply(np.zeros((2, 3)), A, float("inf"))
    with pytest.raises(InputError, match="different shapes"):
        add(A, Vector(np.zeros(2, np.float32)))


def test_orthogonalising_leaves_nothing_along_the_others() -> None:
    others = [Vector(Noise(seed).normal(1, (6,))[0].numpy(), str(seed)) for seed in range(3)]
    vector = Vector(Noise(9).normal(1, (6,))[0].numpy(), "v")
    rest = orthogonalise(vector, others)
    assert [cosine(rest, other) for other in others] == pytest.approx([0, 0, 0], abs=1e-6)
    kept = rest.facts["kept"]
    assert isinstance(kept, float)
    assert 0 < kept < 1
    assert orthogonalise(vector, []) is vector
    with pytest.raises(InputError, match="nothing of its own"):
        orthogonalise(add(others[0], others[1]), others)


def test_the_control_is_as_long_and_repeats() -> None:
    control = random_like(A, Noise(1))
    assert length(control) == pytest.approx(5.0)
    assert (control.direction == random_like(A, Noise(1)).direction).all()
    assert (control.direction != random_like(A, Noise(2)).direction).any()
