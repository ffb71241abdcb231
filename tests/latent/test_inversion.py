"""A point that was found decodes to its picture: least squares where that is known, and alone as in company."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from latent.models import TinyConfig, TinyMlp, TinyProbe, TinyStyle, make
from torch import Tensor, nn

from gdl_core.contracts import Model
from gdl_core.errors import CancelledError, DataError
from gdl_core.latent.inversion import Search, invert_rows
from gdl_core.latent.space_settings import space_settings
from gdl_core.latent.spaces import in_space
from gdl_core.latent.tiles import decode_rows, feature_rows, prior_rows
from gdl_core.noise import Noise
from gdl_core.values import TrainedModel

NOISE = Noise(5)
QUICK = Search(steps=120, draws=64, tries=2)


class Linear(Model):
    """Decodes along a matrix, so that the nearest point is known."""

    def __init__(self, config: TinyConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = (config.latent,)
        self.layer = nn.Linear(config.latent, data_shape[0])

    def prior(self, n: int, noise: Noise) -> Tensor:
        return noise.normal(n, self.latent_shape)

    def decode(self, z: Tensor) -> Tensor:
        return self.layer(z)


class Broken(Linear):
    """Decodes to nothing that is a number."""

    def decode(self, z: Tensor) -> Tensor:
        return self.layer(z) * float("nan")


class Dark(Linear):
    """Decodes everything to one thing."""

    def decode(self, z: Tensor) -> Tensor:
        return self.layer(z) * 0


class Cliff(Linear):
    """Squares, of which the way down on one side ends in no numbers."""

    def decode(self, z: Tensor) -> Tensor:
        return torch.where(z.sum(1, keepdim=True) > 6, torch.nan, self.layer(z) * 0 + z.sum(1, keepdim=True) ** 2)


def linear(kind: type[Model] = Linear) -> TrainedModel:
    return make(kind, (6,), latent=3)


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 1000), weight=st.sampled_from([0.0, 0.1, 1.0]))
def test_of_a_linear_decoder_it_is_least_squares(seed: int, weight: float) -> None:
    trained = linear()
    x = Noise(seed).normal(2, (6,))
    found = invert_rows(trained, x, NOISE, replace(QUICK, steps=800, prior_weight=weight))
    layer = trained.model.layer
    matrix, offset = layer.weight.detach().double(), layer.bias.detach().double()
    draws = decode_rows(trained, prior_rows(trained, QUICK.draws, NOISE.stream("starts"))).double()
    variance = float(draws.var(dim=0, correction=0).mean())
    # |Az + b - x|² / (6 σ²) + weight · |z|² / (2 · 3) is least where its gradient is nothing.
    ridge = torch.eye(3).double() * weight * variance
    known = torch.linalg.solve(matrix.T @ matrix + ridge, matrix.T @ (x.double() - offset).T).T
    assert torch.allclose(found.points.double(), known, atol=0.02 * max(1.0, float(known.abs().max())))
    left = decode_rows(trained, found.points) - x
    assert torch.allclose(found.error, left.square().mean(dim=1).sqrt(), atol=1e-6)


def test_a_picture_of_the_model_itself_is_found_again() -> None:
    trained = make(TinyMlp, latent=2)
    x = decode_rows(trained, prior_rows(trained, 5, Noise(11)))
    found = invert_rows(trained, x, NOISE, replace(QUICK, prior_weight=0.0))
    assert float(found.error.max()) < 2e-3
    assert (found.error < found.nearest).all()
    assert (found.nearest < found.mean).all()
    assert torch.allclose(decode_rows(trained, found.points), x, atol=0.02)


@pytest.mark.parametrize("which", ["", "w", "w+"])
def test_a_picture_has_the_same_point_alone_and_in_company(which: str) -> None:
    trained = make(TinyStyle, latent=3)
    trained = in_space(trained, space_settings(which, 1.0, None)) if which else trained
    x = torch.rand(4, 1, 8, 8)
    search = replace(QUICK, steps=20)
    many, alone = invert_rows(trained, x, NOISE, search), invert_rows(trained, x[2:3], NOISE, search)
    assert torch.equal(alone.points[0], many.points[2])
    assert torch.equal(alone.error[0], many.error[2])
    assert torch.equal(alone.nearest[0], many.nearest[2])
    assert torch.equal(alone.mean[0], many.mean[2])
    assert not torch.equal(invert_rows(trained, x[2:3], Noise(6), search).points, alone.points)


def test_more_freedom_comes_nearer() -> None:
    trained, x = make(TinyStyle, latent=1), torch.rand(3, 1, 8, 8)
    w, plus = (in_space(trained, space_settings(which, 1.0, None)) for which in ("w", "w+"))
    errors = [float(invert_rows(one, x, NOISE, QUICK).error.mean()) for one in (trained, w, plus)]
    assert errors == sorted(errors, reverse=True)
    assert errors[2] < 0.9 * errors[0]


def test_truncation_plays_no_part() -> None:
    trained, x = make(TinyStyle, latent=2), torch.rand(2, 1, 8, 8)
    search = replace(QUICK, steps=10)
    whole, none = (
        invert_rows(in_space(trained, space_settings("w", psi, None)), x, NOISE, search) for psi in (1.0, 0.0)
    )
    assert torch.equal(whole.points, none.points)


def test_the_middle_is_a_start_too() -> None:
    search = replace(QUICK, start="mean", rate=1e-9)
    found = invert_rows(linear(), torch.zeros(1, 6), NOISE, search)
    assert float(found.points.abs().max()) < 1e-5
    trained = make(TinyStyle, latent=2)
    view = in_space(trained, space_settings("w", 1.0, None))
    found = invert_rows(view, torch.rand(1, 1, 8, 8), NOISE, search)
    assert torch.allclose(found.points[0], trained.model.style_mean(), atol=1e-5)


class Sorted(Linear):
    """Decodes two numbers and, one-hot behind them, a category that nobody may leave."""

    def __init__(self, config: TinyConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = (config.latent + 2,)
        self.layer = nn.Linear(config.latent + 2, data_shape[0])

    def prior(self, n: int, noise: Noise) -> Tensor:
        z = noise.normal(n, (self.latent_shape[0] - 2,))
        return torch.cat([z, nn.functional.one_hot(torch.arange(n) % 2, 2).float()], 1)

    def scaled(self, z: Tensor, scale: float) -> Tensor:
        return torch.cat([z[:, :-2] * scale, z[:, -2:]], 1)


@pytest.mark.parametrize("start", ["nearest", "mean"])
def test_a_category_is_not_searched_for(start: Literal["nearest", "mean"]) -> None:
    trained = make(Sorted, (6,), latent=3)
    x = decode_rows(trained, prior_rows(trained, 4, Noise(8)))
    found = invert_rows(trained, x, NOISE, replace(QUICK, start=start, tries=8, steps=200, prior_weight=0.0))
    categories = found.points[:, -2:]
    assert ((categories == 0) | (categories == 1)).all()
    assert (categories.sum(1) == 1).all()
    assert (found.error < found.nearest).all()


def test_the_probe_is_listened_to() -> None:
    trained, probe = make(TinyMlp, latent=2), make(TinyProbe)
    x = torch.rand(3, 1, 8, 8)
    plain = invert_rows(trained, x, NOISE, QUICK)
    heard = invert_rows(trained, x, NOISE, replace(QUICK, feature_weight=100.0), probe)

    def apart(points: Tensor) -> float:
        made = feature_rows(probe, decode_rows(trained, points))
        return float((made - feature_rows(probe, x)).square().mean())

    assert apart(heard.points) < apart(plain.points)
    assert float(heard.error.mean()) >= float(plain.error.mean())


def test_absolute_differences_are_another_aim() -> None:
    x = torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.0, 30.0]])
    squared, absolute = (
        invert_rows(linear(), x, NOISE, replace(QUICK, loss=loss, steps=400)) for loss in ("squared", "absolute")
    )
    off = (decode_rows(linear(), absolute.points) - x).abs().median()
    assert off < (decode_rows(linear(), squared.points) - x).abs().median()


def test_the_model_is_left_as_it_was() -> None:
    trained = make(TinyMlp, latent=2)
    trained.model.train()
    trained.model.encoder[1].weight.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in trained.model.state_dict().items()}
    wants = {name: weight.requires_grad for name, weight in trained.model.named_parameters()}
    invert_rows(trained, torch.rand(1, 1, 8, 8), NOISE, replace(QUICK, steps=3))
    assert all(torch.equal(tensor, before[name]) for name, tensor in trained.model.state_dict().items())
    assert {name: weight.requires_grad for name, weight in trained.model.named_parameters()} == wants
    assert all(weight.grad is None for weight in trained.model.parameters())
    assert trained.model.training


def test_what_is_not_finite_is_refused() -> None:
    x = torch.zeros(2, 6)
    x[1, 3] = float("nan")
    with pytest.raises(DataError, match="not finite"):
        invert_rows(linear(), x, NOISE, QUICK)
    with pytest.raises(DataError, match="search for sample 1 ended in numbers that are not finite"):
        invert_rows(linear(Broken), torch.zeros(2, 6), NOISE, QUICK)
    with pytest.raises(DataError, match=r"shape \(5,\) given to a model of \(6,\)"):
        invert_rows(linear(), torch.zeros(1, 5), NOISE, QUICK)
    with pytest.raises(DataError, match="no sample to invert"):
        invert_rows(linear(), torch.zeros(0, 6), NOISE, QUICK)


def test_tries_that_end_in_no_numbers_are_left_out() -> None:
    found = invert_rows(linear(Cliff), torch.full((1, 6), 49.0), NOISE, replace(QUICK, tries=64, prior_weight=0.0))
    assert float(found.error[0]) < 0.5
    assert float(found.points.sum()) < -6.9


def test_styles_are_stirred_on_the_way_and_points_are_not() -> None:
    trained = make(TinyStyle, latent=2)
    view = in_space(trained, space_settings("w", 1.0, None))
    seen: list[Tensor] = []
    synthesise = trained.model.synthesise
    trained.model.synthesise = lambda w: (seen.append(w[:, 0].detach()), synthesise(w))[1]
    still = replace(QUICK, steps=4, rate=1e-9, start="mean")
    invert_rows(view, torch.rand(1, 1, 8, 8), NOISE, still)
    spread = prior_rows(view, QUICK.draws, NOISE.stream("starts")).std(dim=0).square().mean().sqrt()
    off = [float((w - trained.model.style_mean()).square().mean().sqrt() / spread) for w in seen[-5:]]
    assert 0.02 < off[0] < 0.08
    assert off[0] > off[2] > off[3] == pytest.approx(off[4], abs=1e-6)  # none in the last quarter
    seen.clear()
    invert_rows(trained, torch.rand(1, 1, 8, 8), NOISE, still)
    assert all(torch.allclose(w, seen[-1], atol=1e-6) for w in seen[-5:])


def test_a_decoder_that_says_one_thing_only_does_no_harm() -> None:
    found = invert_rows(linear(Dark), torch.ones(1, 6), NOISE, QUICK)
    assert float(found.error[0]) == 1.0
    assert torch.isfinite(found.points).all()


def test_progress_is_told_and_may_stop_it() -> None:
    told: list[tuple[int, int]] = []
    search = replace(QUICK, steps=15)
    invert_rows(linear(), torch.zeros(2, 6), NOISE, search, progress=lambda done, total: told.append((done, total)))
    assert told == [(10, 30), (15, 30), (25, 30), (30, 30)]

    def stop(done: int, total: int) -> None:
        raise CancelledError("stopped")

    trained = make(TinyMlp, latent=2)
    with pytest.raises(CancelledError):
        invert_rows(trained, torch.rand(1, 1, 8, 8), NOISE, search, progress=stop)
    assert all(weight.requires_grad for weight in trained.model.parameters())
