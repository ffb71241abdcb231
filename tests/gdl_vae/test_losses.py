"""Losses are likelihoods in nats, and the KL is the KL."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from gdl_core.contracts import Batch
from gdl_core.noise import Noise
from gdl_core.training.build import build_model
from gdl_vae.config import VAEConfig
from gdl_vae.losses import Reconstruction
from gdl_vae.vae import VAE

X = torch.rand(6, 1, 5, 5, generator=torch.Generator().manual_seed(0))
LOGITS = torch.randn(6, 1, 5, 5, generator=torch.Generator().manual_seed(1))


def test_bce_is_the_bernoulli_likelihood() -> None:
    loss = Reconstruction("bce", bounded=True)
    ones = X.round()
    expected = Independent(Bernoulli(logits=LOGITS), 3).log_prob(ones)
    assert torch.allclose(loss.log_likelihood(LOGITS, ones), expected, atol=1e-4)
    assert torch.allclose(loss(LOGITS, ones, True), -expected.mean(), atol=1e-4)
    assert torch.isfinite(loss(1e6 * LOGITS, X, True)), "from logits, so that a sure decoder costs no infinity"


@pytest.mark.parametrize("bounded", [True, False])
def test_mse_is_a_gaussian_of_variance_one(bounded: bool) -> None:
    loss = Reconstruction("mse", bounded)
    expected = Independent(Normal(loss.output(LOGITS), 1.0), 3).log_prob(X)
    assert torch.allclose(loss.log_likelihood(LOGITS, X), expected, atol=1e-4)
    constant = 25 * 0.5 * math.log(2 * math.pi)
    assert torch.allclose(loss(LOGITS, X, True) + constant, -expected.mean(), atol=1e-4)


def test_gaussian_fits_the_best_variance() -> None:
    loss = Reconstruction("gaussian", bounded=False)
    squares = (LOGITS - X).square().mean()
    expected = -Normal(LOGITS, squares.sqrt()).log_prob(X).sum() / len(X)
    assert torch.allclose(loss(LOGITS, X, True), expected, rtol=1e-5)
    for other in (0.9, 1.1):
        assert -Normal(LOGITS, other * squares.sqrt()).log_prob(X).sum() / len(X) > expected
    assert torch.allclose(loss.variance, squares), "the first batch sets the variance"
    assert torch.allclose(loss(LOGITS, X, False), expected, rtol=1e-5), "held-out samples are judged by the kept one"
    assert torch.allclose(-loss.log_likelihood(LOGITS, X).mean(), expected, rtol=1e-5)
    kept = loss.variance.clone()
    loss(LOGITS, X + 1, False)
    assert torch.equal(kept, loss.variance)
    assert torch.isfinite(loss(X, X, True)), "a perfect fit is not infinitely likely"


def _vae(**config: float) -> VAE:
    return build_model(
        VAE, VAEConfig.model_validate({"latent": 3, "network": "mlp", "width": 16, **config}), (1, 5, 5), Noise(0)
    )


def _parts(model: VAE, progress: float = 1.0) -> dict[str, torch.Tensor]:
    return dict(model.players()[0].loss(Batch(X, Noise(4), progress=progress)))


def test_the_kl_is_the_closed_form_and_what_drawing_tells() -> None:
    model = _vae()
    with torch.no_grad():
        model.encoder[-1].bias.copy_(torch.tensor([1.0, -2.0, 0.5, -1.0, 0.5, -3.0]))  # type: ignore[union-attr]
    posterior = model.encode(X)
    assert posterior.log_var is not None
    q = Normal(posterior.mean, (0.5 * posterior.log_var).exp())
    closed = kl_divergence(q, Normal(0.0, 1.0)).sum(1)
    assert torch.allclose(_parts(model)["kl"], closed.mean(), rtol=1e-5)
    drawn = torch.stack([posterior.draw(Noise(1).stream(i)) for i in range(200)])
    told = (q.log_prob(drawn) - Normal(0.0, 1.0).log_prob(drawn)).sum(2)
    error = told.std(0) / 200**0.5
    assert ((told.mean(0) - closed).abs() < 4 * error).all()


def test_beta_warmup_and_free_bits_charge_what_they_say() -> None:
    parts = _parts(_vae(beta=4.0, warmup=0.5), progress=0.25)
    assert torch.allclose(parts["loss"], parts["reconstruction"] + 2.0 * parts["kl"])
    parts = _parts(_vae(beta=4.0, warmup=0.5), progress=0.8)
    assert torch.allclose(parts["loss"], parts["reconstruction"] + 4.0 * parts["kl"])
    parts = _parts(_vae(beta=0.0))
    assert torch.equal(parts["loss"], parts["reconstruction"])
    free = _parts(_vae(free_bits=5.0))
    assert torch.allclose(free["loss"], free["reconstruction"] + 3 * 5.0), "three dimensions, each under its allowance"
    assert torch.equal(free["kl"], _parts(_vae())["kl"]), "the KL that is told is the whole one"


def test_gradients_reach_every_weight() -> None:
    for loss in ("bce", "mse", "gaussian"):
        model = build_model(VAE, VAEConfig.model_validate({"loss": loss, "width": 8}), (3, 12, 9), Noise(0))
        x = torch.rand(4, 3, 12, 9)
        model.players()[0].loss(Batch(x, Noise(1)))["loss"].backward()  # type: ignore[no-untyped-call]
        assert all(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in model.parameters())


@pytest.mark.parametrize("loss", ["bce", "mse", "gaussian"])
def test_the_bound_rises_with_importance_samples_towards_the_truth(loss: str) -> None:
    config = {"latent": 1, "network": "mlp", "width": 16, "loss": loss}
    model = build_model(VAE, VAEConfig.model_validate(config), (1, 5, 5), Noise(0)).eval()
    with torch.no_grad():
        grid = torch.linspace(-8, 8, 4001)[:, None]
        likelihood = torch.stack(
            [model.reconstruction.log_likelihood(model.decoder(grid), x.expand(4001, 1, 5, 5)) for x in X]
        )
        prior = Normal(0.0, 1.0).log_prob(grid[:, 0])
        exact = torch.logsumexp(likelihood + prior, 1) + math.log(16 / 4000)
    bounds = []
    for k in (1, 8, 64):
        model.config = model.config.model_copy(update={"bound_samples": k})
        draws = torch.stack([model.log_prob(X, Noise(i)) for i in range(3)])
        bounds.append(draws.mean())
    assert bounds[0] < bounds[1] + 0.05
    assert bounds[1] < bounds[2] + 0.05
    assert bounds[2] < exact.mean() + 0.05
    assert bounds[2] > exact.mean() - 0.5
