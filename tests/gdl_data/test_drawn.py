"""Datasets that are drawn: sample i is one thing, and what is said of it is true."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from data.fakes import Context
from hypothesis import given, settings
from hypothesis import strategies as st

from gdl_core.errors import MissingExtraError
from gdl_core.noise import Noise
from gdl_data import cylinders, faces, points
from gdl_data.config import CylindersConfig, FacesConfig, PointsConfig
from gdl_data.density import Density, Land, Mixture, get_density

SHAPES = ("land", "ring", "grid", "moons")


@pytest.mark.parametrize("shape", SHAPES)
def test_point_i_is_the_same_for_any_n(shape: str) -> None:
    few, many = (points.build(PointsConfig(n=n, shape=shape), Context()) for n in (37, 500))
    assert (few.data == many.data[:37]).all()
    assert (few.columns["part"].values == many.columns["part"].values[:37]).all()
    assert few.shape == (2,)
    assert few.data.dtype == np.float32


@pytest.mark.parametrize("shape", SHAPES)
def test_the_density_integrates_to_one_and_fits_its_samples(shape: str) -> None:
    density: Density = get_density(shape)
    line = np.linspace(-1.6, 1.6, 281)
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    cell = (line[1] - line[0]) ** 2
    heights = np.exp(density.log_density(grid)) * cell
    assert heights.sum() == pytest.approx(1.0, abs=0.005)
    drawn = points.build(PointsConfig(n=4000, shape=shape), Context()).data
    assert np.isfinite(density.log_density(drawn)).all()
    for low, high in (((-1.0, -1.0), (0.1, 0.2)), ((-0.3, -1.5), (0.9, 0.4)), ((-5.0, -5.0), (5.0, 5.0))):
        inside = ((grid >= low) & (grid <= high)).all(axis=1)
        assert density.mass(low, high) == pytest.approx(heights[inside].sum(), abs=0.015)
        share = ((drawn >= low) & (drawn <= high)).all(axis=1).mean()
        assert density.mass(low, high) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_set_holds_nearly_all_samples_and_its_area_is_what_lies_inside(shape: str) -> None:
    density = get_density(shape)
    drawn = points.build(PointsConfig(n=8000, shape=shape), Context())
    assert drawn.truth is not None
    share = drawn.truth.inside(drawn.data).mean()
    if shape == "land":
        assert share == 1.0
    else:
        assert 0.985 < share < (0.995 if shape in ("ring", "grid") else 1.0)  # the discs of moons overlap
    rng = np.random.default_rng(0)
    for low, high in (((-1.5, -1.5), (1.5, 1.5)), ((-0.4, -0.9), (0.8, 0.5))):
        thrown = rng.uniform(low, high, (10_000, 2))
        whole = (high[0] - low[0]) * (high[1] - low[1])
        assert density.area(low, high) == pytest.approx(density.inside(thrown).mean() * whole, abs=0.015 * whole)
    assert (density.inside(thrown) <= np.isfinite(density.log_density(thrown))).all()
    if isinstance(density, Mixture):  # of Gaussians apart, the discs are the points of highest density
        least = density.log_density(drawn.data[density.inside(drawn.data)]).min()
        outside = density.log_density(drawn.data[~density.inside(drawn.data)]).max()
        assert outside < least + (0.02 if shape in ("ring", "grid") else 2.0)


@given(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5), st.floats(-1.5, 1.5), st.sampled_from(SHAPES))
@settings(max_examples=40)
def test_mass_adds_up(left: float, cut: float, right: float, shape: str) -> None:
    left, cut, right = sorted((left, cut, right))
    density = get_density(shape)
    halves = density.mass((left, -1.0), (cut, 0.7)) + density.mass((cut, -1.0), (right, 0.7))
    assert halves == pytest.approx(density.mass((left, -1.0), (right, 0.7)), abs=1e-9)


def test_the_land_is_three_islands_apart_in_their_box() -> None:
    land = get_density("land")
    assert isinstance(land, Land)
    for i, polygon in enumerate(land.polygons):
        assert abs(polygon).max() < 1.0
        assert (land.part(polygon.mean(axis=0)[None]) == i).all()
        others = np.concatenate([other for j, other in enumerate(land.polygons) if j != i])
        assert (Land((polygon,), ("one",)).part(others) == -1).all()
    assert land.log_density(np.array([[-0.6, -0.8], [0.9, 0.9]])).tolist() == [-np.log(land.whole_area), -np.inf]


def test_a_mixture_of_one_is_a_gaussian() -> None:
    one = Mixture(np.zeros((1, 2)), 2.0, ("1",), np.zeros(1, dtype=np.int64))
    at = np.array([[0.0, 0.0], [2.0, -4.0]])
    expected = -np.log(2 * np.pi * 4.0) - (at**2).sum(axis=1) / 8.0
    assert one.log_density(at) == pytest.approx(expected)


def test_cylinder_i_is_the_same_for_any_n() -> None:
    few, many = (cylinders.build(CylindersConfig(n=n), Context()) for n in (11, 300))
    assert (few.data == many.data[:11]).all()
    assert few.shape == (1, 32, 32)
    for name, (low, high) in {"height": cylinders.HEIGHT, "width": cylinders.WIDTH}.items():
        values = many.columns[name].values
        assert values.min() >= low
        assert values.max() <= high
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.04)


@given(st.floats(*cylinders.HEIGHT), st.floats(*cylinders.WIDTH))
def test_a_cylinder_measures_what_it_is_said_to(height: float, width: float) -> None:
    size = 64
    picture = cylinders.draw(np.array([height]), np.array([width]), size)[0] / 255.0
    lit = picture > 0
    across = np.flatnonzero(lit.any(axis=0))
    down = np.flatnonzero(lit.any(axis=1))
    assert len(across) == pytest.approx(width * size, abs=2.01)
    assert len(down) == pytest.approx((height + 0.32 * width) * size, abs=2.01)
    assert across[0] + across[-1] == pytest.approx(size - 1, abs=1)
    assert down[0] + down[-1] == pytest.approx(size - 1, abs=1)
    assert not lit[:, [0, -1]].any()
    assert not lit[[0, -1]].any()


def test_more_of_a_factor_is_more_picture() -> None:
    steps = np.linspace(0.2, 0.7, 12)
    half = np.full(12, 0.4)
    for grown in (cylinders.draw(steps, half, 32), cylinders.draw(half, steps, 32)):
        assert (np.diff(grown.astype(float).sum(axis=(1, 2))) > 0).all()


@given(st.integers(0, 2**32), st.integers(1, 150))
@settings(max_examples=15)
def test_kinds_of_faces_are_balanced(seed: int, n: int) -> None:
    chosen = faces.choose(n, Noise(seed))
    assert len(chosen) == n
    truths = np.array([face.attributes() for face in faces.choose(96, Noise(seed))])
    male, beard = truths[:, 3], truths[:, 4]
    assert truths.mean(axis=0).tolist() == [0.5, 0.5, 0.5, 0.5, 0.25]
    assert not (beard & ~male).any()
    assert np.allclose(np.corrcoef(truths[:, :4].T), np.eye(4))
    assert beard[male].mean() == 0.5
    assert chosen == faces.choose(200, Noise(seed))[:n]


@pytest.fixture
def drawn() -> None:
    pytest.importorskip("python_avatars")
    pytest.importorskip("resvg_py")


@pytest.mark.usefixtures("drawn")
def test_face_i_is_the_same_for_any_n_and_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    few = faces.build(FacesConfig(n=4, size=32), Context())
    many = faces.build(FacesConfig(n=9, size=32), Context())
    assert (few.data == many.data[:4]).all()
    assert few.shape == (3, 32, 32)
    monkeypatch.setattr(faces, "draw", None)
    again = faces.build(FacesConfig(n=9, size=32), Context())
    assert again.fingerprint == many.fingerprint
    assert (again.data == many.data).all()


@pytest.mark.usefixtures("drawn")
def test_every_part_is_really_drawn() -> None:
    """Some hair has no place for glasses or a beard, or no colour of its own: labels of such faces would lie."""
    base = faces.Face(
        hair="BOB", hair_colour="#231815", brows="DEFAULT", eyes="DEFAULT", glasses="", nose="DEFAULT", mouth="SERIOUS",
        beard="", skin="#E8AE82", clothes="RED", background="#E6E6E6",
    )  # fmt: skip

    def differs(one: faces.Face, **changes: str) -> float:
        other = faces.Face(**{**one.__dict__, **changes})
        return float((faces.draw(one, 64).astype(int) != faces.draw(other, 64)).any(axis=0).mean())

    for hair in (*faces._SHORT_HAIR, *faces._LONG_HAIR):
        head = faces.Face(**{**base.__dict__, "hair": hair})
        assert differs(head, hair_colour="#F5D14F") > 0.02, hair
        assert differs(head, glasses="ROUND") > 0.02, hair
        if hair in faces._SHORT_HAIR:
            assert differs(head, beard="BEARD_LIGHT") > 0.02, hair
            dark, fair = (
                faces.Face(**{**head.__dict__, "beard": "BEARD_LIGHT", "hair_colour": colour})
                for colour in ("#231815", "#F5D14F")
            )
            chin = (faces.draw(dark, 64) != faces.draw(fair, 64)).any(axis=0)[44:, 20:44]
            assert chin.mean() > 0.2, hair
    for part in faces._GLASSES:
        assert differs(base, glasses=part) > 0.02, part
    for part in faces._BEARDS:
        assert differs(base, hair="SHORT_FLAT", beard=part) > 0.02, part
        for smile in faces._SMILES:
            bearded = faces.Face(**{**base.__dict__, "hair": "SHORT_FLAT", "beard": part})
            assert differs(bearded, mouth=smile) > 0.004, (part, smile)


def test_without_the_libraries_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(MissingExtraError, match=r"gdl-toolkit\[faces\]"):
        faces.build(FacesConfig(n=2), Context())
