"""W and W+ are spaces like any other: the same samples and verbs, and truncation is a line to the mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from latent.models import TinyMlp, TinyStyle, make

from gdl_core.errors import DataError, InputError, RoleError
from gdl_core.latent.space_settings import space_in_words, space_settings
from gdl_core.latent.spaces import in_space, plane_of, styles_of, unwrapped
from gdl_core.latent.tiles import decode_rows, measure_tile, prior_rows, sample_rows
from gdl_core.noise import Noise
from gdl_core.values import TrainedModel

STYLE = replace(make(TinyStyle, latent=3, width=5), tile=8)
NOISE = Noise(3).stream("sample")


def view(which: str = "w", truncation: float = 1.0, layers: int | None = None) -> TrainedModel:
    return in_space(STYLE, space_settings(which, truncation, layers))


def styles(n: int) -> torch.Tensor:
    return prior_rows(view(), n, NOISE)


@pytest.mark.parametrize("which", ["w", "w+"])
def test_without_truncation_the_samples_are_the_model_s(which: str) -> None:
    assert torch.equal(sample_rows(view(which), 20, NOISE), sample_rows(STYLE, 20, NOISE))


@pytest.mark.parametrize("which", ["w", "w+"])
def test_sample_5_alone_is_sample_5_of_many(which: str) -> None:
    whole = sample_rows(view(which, 0.5), 20, NOISE)
    assert torch.equal(sample_rows(view(which, 0.5), 2, NOISE, start=5), whole[5:7])
    points = prior_rows(view(which, 0.5), 20, NOISE)
    assert torch.equal(decode_rows(view(which, 0.5), points), whole)
    assert points.shape == ((20, 5) if which == "w" else (20, 4, 5))


@settings(deadline=None, max_examples=30)
@given(truncation=st.floats(-2, 2))
def test_truncation_goes_along_a_line_from_the_mean_style(truncation: float) -> None:
    mean, whole = STYLE.model.style_mean(), styles(6)
    drawn = prior_rows(view("w", truncation), 6, NOISE)
    assert torch.allclose(drawn - mean, truncation * (whole - mean), atol=1e-5)
    plus = prior_rows(view("w+", truncation, 3), 6, NOISE)
    assert torch.equal(plus[:, :3], drawn[:, None].expand(-1, 3, -1))
    assert torch.equal(plus[:, 3], whole)


def test_no_truncation_at_all_is_the_mean_itself() -> None:
    assert torch.equal(prior_rows(view("w", 0.0), 3, NOISE), STYLE.model.style_mean().expand(3, 5))


def test_a_view_shares_the_weights_and_tells_itself_apart() -> None:
    views = [view(), view("w+"), view("w", 0.5), view("w+", 0.5), view("w+", 0.5, 2)]
    assert len({one.fingerprint for one in (STYLE, *views)}) == 6
    assert all(unwrapped(one.model) is STYLE.model for one in views)
    assert unwrapped(STYLE.model) is STYLE.model
    assert views[0].model.roles() == {"samples", "decodes"}
    assert views[4].space == {"which": "w+", "truncation": 0.5, "layers": 2}
    assert space_in_words(views[4].space) == "w+, truncation 0.5 of the first 2 layers"
    assert views[0].model.training == STYLE.model.training
    assert measure_tile(views[1].model) >= 8


def test_spaces_that_cannot_be() -> None:
    with pytest.raises(RoleError, match="TinyMlp has no space W: the role 'styles' is not filled"):
        in_space(make(TinyMlp), space_settings("w", 1.0, None))
    with pytest.raises(RoleError, match="StyleSpace has no space W"):
        in_space(view(), space_settings("w", 1.0, None))
    with pytest.raises(InputError, match="first 5 layers, but the generator has 4"):
        view("w+", 0.5, 5)
    for wrong, told in (
        (("w", 0.5, 2), "one style for all layers"),
        (("x", 1.0, None), "which: "),
        (("w", float("nan"), None), "truncation: "),
        (("w", 3.0, None), "truncation: "),
    ):
        with pytest.raises(InputError, match=told):
            view(*wrong)


def test_scale_leads_to_the_middle_of_each_space() -> None:
    z = prior_rows(STYLE, 4, NOISE)
    assert torch.equal(STYLE.model.scaled(z, 0.5), z * 0.5)
    mean = STYLE.model.style_mean()
    assert torch.allclose(view().model.scaled(styles(4), 0.5), prior_rows(view("w", 0.5), 4, NOISE), atol=1e-6)
    plus = prior_rows(view("w+"), 4, NOISE)
    assert torch.equal(view("w+").model.scaled(plus, 0.0), mean.expand(4, 4, 5))
    assert torch.equal(view("w+").model.scaled(plus, 1.0), plus)


def test_points_of_either_space_become_styles() -> None:
    z = prior_rows(STYLE, 10, NOISE)
    plus = view("w+", 0.7)
    assert torch.equal(styles_of(plus, z), prior_rows(plus, 10, NOISE))
    given_styles = torch.rand(10, 4, 5)
    assert styles_of(plus, given_styles) is given_styles
    w = torch.rand(10, 5)
    assert torch.equal(styles_of(plus, w, "w"), w[:, None].expand(10, 4, 5))
    with pytest.raises(DataError, match=r"shape \(7,\) are neither of tiny/tinystyle, \(3,\), nor .* \(4, 5\)"):
        styles_of(plus, torch.rand(10, 7))


@pytest.mark.parametrize("which", ["w", "w+"])
def test_the_plane_of_a_view_has_the_main_directions_of_styles(which: str) -> None:
    plane = plane_of(view(which), 0, 1)
    axes = plane.axes.reshape(2, -1).astype(np.float64)
    assert abs(axes[0] @ axes[1]) < 1e-4 * np.linalg.norm(axes, axis=1).prod()
    assert np.linalg.norm(axes[0]) > np.linalg.norm(axes[1])
    drawn = prior_rows(view(which), 2000, Noise(9)).numpy()
    places = plane.places(drawn)
    assert np.abs(places.std(axis=0) - 1).max() < 0.1
    assert np.abs(places.mean(axis=0)).max() < 0.1
    assert plane.names == ("direction 1", "direction 2")
    crossed = plane_of(view(which), 1, 0)
    assert np.array_equal(crossed.axes, plane.axes[::-1])
    with pytest.raises(InputError, match="from 0 to 4, got 0 and 5"):
        plane_of(view(which), 0, 5)
    with pytest.raises(InputError, match="two different dimensions"):
        plane_of(view(which), 1, 1)


def test_the_plane_of_a_tame_view_is_smaller() -> None:
    whole, tame, partly = (plane_of(one, 0, 1) for one in (view("w+"), view("w+", 0.5), view("w+", 0.5, 3)))
    mean = STYLE.model.style_mean().numpy()
    assert np.allclose(tame.axes, whole.axes * 0.5, atol=1e-6)
    assert np.allclose(tame.origin - mean, (whole.origin - mean) * 0.5, atol=1e-5)
    assert np.array_equal(partly.axes[:, :3], tame.axes[:, :3])
    assert np.array_equal(partly.axes[:, 3], whole.axes[:, 3])


def test_a_model_without_styles_has_its_own_dimensions() -> None:
    assert plane_of(make(TinyMlp, latent=4), 2, 0).axes.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]
