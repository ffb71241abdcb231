"""z and p planes, sheets and principal components."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gdl_core.errors import InputError
from gdl_core.latent.planes import Plane, p_to_z, sheet_places, sheet_points, z_to_p
from gdl_core.latent.reduce import fit_pca
from gdl_core.noise import Noise


@given(st.floats(-5, 5))
def test_p_is_the_normal_cdf_and_comes_back(z: float) -> None:
    assert float(z_to_p([z])[0]) == pytest.approx(NormalDist().cdf(z), abs=1e-6)
    shallow = max(min(z, 3.0), -3.0)
    assert float(p_to_z(z_to_p([shallow]))[0]) == pytest.approx(shallow, abs=1e-3)


def test_the_ends_of_p_stay_finite() -> None:
    assert np.isfinite(p_to_z([0.0, 1.0])).all()
    assert p_to_z(0.0) == -p_to_z(1.0)


def test_a_sheet_goes_right_with_z1_and_up_with_z2() -> None:
    places = sheet_places(4).reshape(4, 4, 2)
    assert (np.diff(places[..., 0], axis=1) > 0).all()
    assert (np.diff(places[..., 1], axis=0) < 0).all()
    assert z_to_p(places)[0, 0] == pytest.approx([0.125, 0.875], abs=1e-5)
    assert sheet_places(1).tolist() == [[0, 0]]
    points = sheet_points(3, Plane.of_dimensions((5,), 4, 1))
    assert points.shape == (9, 5)
    assert (points[:, [0, 2, 3]] == 0).all()
    assert points[2, 4] > 0 < points[2, 1]
    with pytest.raises(InputError, match="at least one"):
        sheet_places(0)


def test_places_on_a_plane_come_back() -> None:
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(300, 6)) * [1, 5, 1, 2, 1, 1] + 3
    for plane in (Plane.of_codes(codes), Plane.of_dimensions((6,), 2, 5)):
        places = rng.normal(size=(10, 2)).astype(np.float32)
        assert plane.places(plane.at(places)) == pytest.approx(places, abs=1e-4)


def test_the_plane_of_codes_is_where_they_vary_in_units_of_their_spread() -> None:
    rng = np.random.default_rng(0)
    codes = (rng.normal(size=(4000, 2, 3)) * [[1, 5, 1], [1, 1, 2]] + 3).astype(np.float32)
    plane = Plane.of_codes(codes)
    assert plane.axes.shape == (2, 2, 3)
    assert np.unravel_index(plane.axes[0].argmax(), (2, 3)) == (0, 1)
    assert np.unravel_index(plane.axes[1].argmax(), (2, 3)) == (1, 2)
    assert plane.places(codes).std(axis=0) == pytest.approx([1, 1], abs=1e-3)
    flat = Plane.of_codes(rng.normal(size=(50, 2)))
    assert flat.axes.tolist() == [[1, 0], [0, 1]]
    assert Plane.of_dimensions((1,)).at([[2.0, 7.0]]).tolist() == [[2.0]]
    assert Plane.of_dimensions((4,), 2, 0).names == ("z3", "z1")
    with pytest.raises(InputError, match="from 0 to 3"):
        Plane.of_dimensions((4,), 2, 4)


def test_components_are_those_of_the_covariance() -> None:
    rows = Noise(4).normal(500, (12,)) * torch.linspace(3, 0.3, 12) + 2
    pca = fit_pca(rows, 4)
    eigenvalues = np.linalg.eigvalsh(np.cov(rows.double().numpy().T, bias=True))[::-1][:4]
    assert pca.deviations.numpy() ** 2 == pytest.approx(eigenvalues, rel=1e-4)
    assert torch.allclose(pca.components @ pca.components.T, torch.eye(4), atol=1e-5)
    assert torch.equal(pca.components.abs().amax(1), pca.components.amax(1))
    whole = fit_pca(rows, 99)
    assert len(whole.components) == 12
    assert torch.allclose(whole.restore(whole.project(rows)), rows, atol=1e-4)


def test_many_columns_take_the_randomised_way_to_the_same_result() -> None:
    basis = torch.linalg.qr(Noise(1).normal(2100, (3,)))[0]
    rows = (Noise(2).normal(80, (3,)) * torch.tensor([9.0, 5.0, 3.0])) @ basis.T + 0.01 * Noise(3).normal(80, (2100,))
    state = torch.get_rng_state()
    pca, again = fit_pca(rows, 3), fit_pca(rows, 3)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(pca.components, again.components)
    error = (pca.restore(pca.project(rows)) - rows).square().mean().sqrt()
    best = rows - rows.mean(0)
    left, values, right = torch.linalg.svd(best.double(), full_matrices=False)
    values[3:] = 0
    optimum = ((left * values) @ right - best).square().mean().sqrt()
    assert float(error) == pytest.approx(float(optimum), rel=1e-3)
    with pytest.raises(ValueError, match="no rows"):
        fit_pca(rows[:0], 2)
