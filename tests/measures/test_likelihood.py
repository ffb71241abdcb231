"""The importance-weighted bound against log-likelihoods that are known, in closed form or by quadrature."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from latent.models import TinyConfig, TinyMlp, make
from measures.subjects import Gaussian, Scoring, bars, vectors
from torch import Tensor, nn

from gdl_core.contracts import Model, Posterior
from gdl_core.data.dataset import Dataset
from gdl_core.errors import RoleError
from gdl_core.measures import likelihood
from gdl_core.measures.likelihood import DRAWS, importance_bounds
from gdl_core.measures.observed import binarised, dequantised, independent_scores, observe
from gdl_core.measures.subject import Measurement, Subject
from gdl_core.noise import Noise
from gdl_core.values import TrainedModel

BARS = bars()


def told(found: list[Measurement]) -> dict[str, Measurement]:
    assert len({one.name for one in found}) == len(found)
    return {one.name: one for one in found}


class Factor(Model):
    """x = w z + b + s ε with one z ~ N(0, 1): log p(x) and the posterior are known. `wide` is an encoder too wide."""

    s, wide = 0.5, 1.0

    def __init__(self, config: TinyConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = (1,)
        self.w = nn.Parameter(torch.tensor([1.0, -0.5, 2.0]))
        self.b = nn.Parameter(torch.tensor([0.0, 3.0, -1.0]))

    def encode(self, x: Tensor) -> Posterior:
        precision = 1 + self.w.square().sum() / self.s**2
        mean = ((x - self.b) @ self.w / self.s**2 / precision)[:, None]
        return Posterior(mean, (self.wide / precision).log().expand_as(mean))

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        return torch.distributions.Normal(self.b + z * self.w, self.s).log_prob(x).sum(1)

    def exact(self, x: Tensor) -> Tensor:
        covariance = self.w[:, None] * self.w + self.s**2 * torch.eye(3)
        return torch.distributions.MultivariateNormal(self.b, covariance).log_prob(x).double()


def mild() -> TrainedModel:
    """Return a model of two latent numbers whose encoder is off, but not so far that draws are wasted."""
    trained = make(Scoring, (1, 8, 8), seed=3)
    with torch.no_grad():
        for parameter in trained.model.parameters():
            parameter.mul_(0.4)
    return trained


def factor(wide: float = 1.0) -> tuple[Factor, Subject, Tensor]:
    trained = make(Factor, (3,))
    model = trained.model
    assert isinstance(model, Factor)
    model.wide = wide
    with torch.no_grad():
        z, noise = Noise(1).normal(400, (1,)), Noise(2).normal(400, (3,))
        x = model.b + z * model.w + model.s * noise
        return model, Subject(trained, vectors(x.numpy()), Noise(5)), x


def test_with_the_true_posterior_every_bound_is_the_log_likelihood() -> None:
    model, subject, x = factor()
    found = importance_bounds(subject.trained, x[:20], Noise(0))
    with torch.no_grad():
        truth = model.exact(x[:20])
    assert torch.allclose(found.values, truth[:, None].expand(20, 4), atol=1e-4)
    assert torch.allclose(found.effective, torch.tensor(5000.0).double(), rtol=1e-4)


def test_a_wide_encoder_gives_a_bound_that_rises_to_the_truth() -> None:
    model, subject, x = factor(wide=4.0)
    found = importance_bounds(subject.trained, x[:40], Noise(0))
    with torch.no_grad():
        truth = model.exact(x[:40])
    assert (found.values.diff(dim=1) > 0).all()
    gaps = (truth[:, None] - found.values).mean(0)
    # KL(N(m, 4 v) || N(m, v)) = ½ (4 − 1 − log 4)
    assert float(gaps[0]) == pytest.approx(0.5 * (3 - math.log(4)), rel=0.05)
    assert abs(float(gaps[-1])) < 0.01
    # the share of effective samples is (E w)² / E w² = (√7 / 4) for variances 4 : 1, from the integral of p² / q
    assert float(found.effective.mean()) / 5000 == pytest.approx(math.sqrt(7) / 4, rel=0.03)


def test_in_two_dimensions_the_bound_stays_below_what_quadrature_tells() -> None:
    trained = mild()
    model = trained.model.eval()
    x = binarised(BARS, BARS.held_out[:12])
    side = torch.linspace(-7, 7, 281)
    grid = torch.cartesian_prod(side, side)
    with torch.no_grad():
        joint = torch.stack(
            [model.log_likelihood(one.expand(len(grid), 1, 8, 8), grid).double() for one in x]
        ) + model.log_prior(grid)
        exact = joint.logsumexp(1) + 2 * math.log(14 / 280)
    found = importance_bounds(trained, x, Noise(4))
    assert (found.values.diff(dim=1) >= -1e-9).all()
    means = found.values.mean(0)
    assert (means[:2] < exact.mean()).all()
    spread = float((1 / found.effective).sum().sqrt()) / len(x)  # of the mean of the last bounds, to first order
    assert float(means[-1]) < float(exact.mean()) + 4 * spread
    assert float(means[-1]) == pytest.approx(float(exact.mean()), abs=0.05 + 4 * spread)
    assert float(means[0]) < float(means[-1]) - 0.01


def test_the_first_bound_is_the_elbo() -> None:
    trained = mild()
    model, x = trained.model.eval(), binarised(BARS, BARS.held_out[:8])
    with torch.no_grad():
        q = model.encode(x)
        z = q.mean + (0.5 * q.log_var).exp() * Noise(9).normal(4000, (8, 2))
        hits = torch.stack([model.log_likelihood(one.expand(4000, 1, 8, 8), z[:, i]) for i, one in enumerate(x)])
        kl = torch.distributions.kl_divergence(
            torch.distributions.Normal(q.mean, (0.5 * q.log_var).exp()), torch.distributions.Normal(0.0, 1.0)
        ).sum(1)
    found = importance_bounds(trained, x, Noise(4), draws=(1, 5000))
    assert found.values[:, 0].numpy() == pytest.approx((hits.mean(1) - kl).numpy(), abs=0.15)


def test_a_sample_is_the_same_alone_and_in_pieces_of_any_size() -> None:
    _, subject, x = factor(wide=2.0)
    whole = importance_bounds(subject.trained, x[:6], Noise(0), (1, 1000))
    alone = importance_bounds(subject.trained, x[4:5], Noise(0), (1, 1000), start=4)
    assert torch.equal(whole.values[4:5], alone.values)
    assert torch.equal(whole.effective[4:5], alone.effective)
    small = importance_bounds(replace(subject.trained, tile=8), x[:6], Noise(0), (1, 1000))
    assert torch.allclose(whole.values, small.values, atol=1e-5)
    other = importance_bounds(subject.trained, x[:6], Noise(1), (1, 1000))
    assert not torch.equal(whole.values, other.values)
    twice = importance_bounds(subject.trained, x[[0, 0]], Noise(0), (1, 1000))
    assert twice.values[0, 0] != twice.values[1, 0], "each row has draws of its own"
    done: list[tuple[int, int]] = []
    importance_bounds(subject.trained, x[:2], Noise(0), (1,), progress=lambda *at: done.append(at))
    assert done == [(1, 2), (2, 2)]


def test_what_cannot_be_bounded_is_said() -> None:
    _, subject, x = factor()
    with pytest.raises(ValueError, match=r"must divide the next, got \(1, 4, 6\)"):
        importance_bounds(subject.trained, x[:2], Noise(0), (1, 4, 6))
    with pytest.raises(RoleError, match="'scores' is not filled"):
        importance_bounds(make(TinyMlp), torch.rand(2, 1, 8, 8), Noise(0), (1,))
    with pytest.raises(RoleError, match="no density"):
        Posterior(torch.zeros(2, 3)).log_prob(torch.zeros(2, 3))
    assert "scores" not in TinyMlp.roles()
    assert "scores" in Scoring.roles()

    class Point(Scoring):
        def encode(self, x: Tensor) -> Posterior:
            return Posterior(super().encode(x).mean)

    assert likelihood.measure(Subject(make(Point, BARS.shape), BARS, Noise(0))) == []


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_densities_are_those_of_torch(n: int, d: int, seed: int) -> None:
    noise = Noise(seed)
    q = Posterior(noise.stream("m").normal(n, (d,)), noise.stream("v").normal(n, (d,)))
    z = noise.stream("z").normal(n, (d,))
    assert q.log_var is not None
    truth = torch.distributions.Normal(q.mean, (0.5 * q.log_var).exp()).log_prob(z).sum(1)
    assert torch.allclose(q.log_prob(z), truth, rtol=1e-4, atol=1e-4)
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    assert torch.allclose(make(Gaussian, (3,)).model.log_prior(z), prior, rtol=1e-5, atol=1e-5)


def test_binarised_pictures_have_the_grey_levels_as_their_mean_and_are_always_the_same() -> None:
    grey = np.broadcast_to(np.array([0, 51, 128, 255], np.uint8).reshape(1, 1, 2, 2), (4000, 1, 2, 2))
    data = Dataset("grey", grey.copy(), {}, np.arange(400), "g")
    x = binarised(data, np.arange(4000))
    assert set(x.unique().tolist()) == {0.0, 1.0}
    shares = x.mean(0).flatten().tolist()
    assert (shares[0], shares[3]) == (0.0, 1.0)
    assert shares[1:3] == pytest.approx([0.2, 128 / 255], abs=0.03)
    assert torch.equal(binarised(data, np.array([77, 5])), x[[77, 5]])
    levels = dequantised(data, np.arange(4000))
    assert torch.equal((levels * 256).floor().flatten(1)[9], torch.tensor([0.0, 51, 128, 255]))
    assert (levels * 256 - (levels * 256).floor()).mean(0).flatten().tolist() == pytest.approx([0.5] * 4, abs=0.02)
    assert float(levels.max()) < 1


def test_independent_values_are_scored_as_their_distributions_do() -> None:
    rng = np.random.default_rng(0)
    model = make(Scoring, (1, 2, 2)).model
    ones = (rng.random((2000, 1, 2, 2)) < np.array([0.1, 0.5, 0.9, 0.3]).reshape(1, 1, 2, 2)).astype(np.uint8)
    coins = Dataset("coins", 255 * ones, {}, np.arange(1000), "c")
    seen = observe(model, coins, coins.held_out)
    assert (seen.way, seen.changed, seen.words) == ("binary", False, "0 or 1")
    p = np.array([0.1, 0.5, 0.9, 0.3])
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum()
    scores = independent_scores(coins, coins.train, seen)
    assert float(scores.mean()) == pytest.approx(-entropy, abs=0.06)
    assert seen.bits_per_dimension(-entropy) == pytest.approx(entropy / math.log(2) / 4)

    class Continuous(Scoring):
        observed = "continuous"

    pictures = observe(make(Continuous, BARS.shape).model, BARS, BARS.held_out)
    assert pictures.way == "dequantised"
    flat = pictures.x.flatten(1).double()
    train = dequantised(BARS, BARS.train).flatten(1).double()
    fitted = torch.distributions.Normal(train.mean(0), train.std(0, correction=0)).log_prob(flat).sum(1)
    found = independent_scores(BARS, BARS.train, pictures)
    assert torch.allclose(found, fitted, rtol=0.05, atol=3)
    assert float(found.mean()) == pytest.approx(float(fitted.mean()), rel=0.01)
    # evenly spread levels cost eight bits
    assert pictures.bits_per_dimension(0.0) == 8.0


def test_a_scored_model_has_its_numbers_beside_their_baselines() -> None:
    found = told(likelihood.measure(Subject(make(Scoring, BARS.shape), BARS, Noise(0))))
    names = [f"log-likelihood bound, k = {k}" for k in DRAWS]
    assert list(found) == [
        *names, "log-likelihood bound, k = 5000, in bits", "relaxed bound, k = 500", "effective samples of the bound",
    ]  # fmt: skip
    values = [found[name].value for name in names]
    assert values == sorted(values)
    last = found[names[-1]]
    assert last.n == 120
    assert last.note.startswith("120 held-out samples at random, made 0 or 1 once by a fixed seed; ± ")
    assert last.baselines["even noise"] == pytest.approx(-64 * math.log(2))
    assert last.value < last.baselines["each value by itself"]  # nothing was learned
    assert last.baselines["training samples"] == pytest.approx(last.value, abs=15)
    bits = found["log-likelihood bound, k = 5000, in bits"]
    assert bits.value == pytest.approx(-last.value / 64 / math.log(2))
    assert bits.baselines["even noise"] == pytest.approx(1.0)
    assert 1 <= found["effective samples of the bound"].value <= 5000
    assert "no probability of grey levels" in found["relaxed bound, k = 500"].note


def test_the_relaxed_score_is_at_most_the_mean_over_binarisations() -> None:
    trained = mild()
    grey = BARS.tensor(BARS.held_out[:3])
    relaxed = importance_bounds(trained, grey, Noise(4)).values[:, -1]
    ways = torch.stack([(torch.rand(grey.shape, generator=torch.Generator().manual_seed(s)) < grey) for s in range(30)])
    each = importance_bounds(trained, ways.float().flatten(0, 1), Noise(4), (1, 1000)).values[:, -1].reshape(30, 3)
    error = each.std(0) / 30**0.5
    assert (relaxed <= each.mean(0) + 3 * error).all()


def test_a_model_that_scores_without_latent_points_is_told_by_itself() -> None:
    class Exact(Factor):
        encode = Model.encode
        log_likelihood = Model.log_likelihood

        def log_prob(self, x: Tensor, noise: Noise) -> Tensor:
            return self.exact(x).float()

    _, subject, _ = factor()
    exact = make(Exact, (3,))
    exact.model.load_state_dict(subject.trained.model.state_dict())
    (one,) = likelihood.measure(replace(subject, trained=exact))
    assert one.name == "log-likelihood, as the model scores it"
    bound = told(likelihood.measure(subject))["log-likelihood bound, k = 5000"]
    assert one.value == pytest.approx(bound.value, abs=1e-3)
    assert one.baselines == pytest.approx(bound.baselines, abs=1e-3)
    assert one.value > one.baselines["each value by itself"]
    assert "even noise" not in one.baselines
    # three numbers that one z moves: the mean is that of the entropy of their joint Gaussian
    model = subject.trained.model
    covariance = (model.w[:, None] * model.w + model.s**2 * torch.eye(3)).detach()
    entropy = torch.distributions.MultivariateNormal(torch.zeros(3), covariance).entropy()
    assert one.value == pytest.approx(-float(entropy), abs=0.4)
