"""The autoencoder and the VAE as whole models: they learn, they are deterministic, they keep to their roles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

import gdl_vae
from gdl_core.contracts import Batch, Model
from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError, RoleError
from gdl_core.noise import Noise
from gdl_core.specs import load_target
from gdl_core.training.build import build_model
from gdl_core.training.config import TrainingConfig
from gdl_core.training.loop import Trained, train
from gdl_core.values import Column
from gdl_vae.autoencoder import Autoencoder
from gdl_vae.config import AutoencoderConfig, VAEConfig
from gdl_vae.vae import VAE

CASES = [
    (Autoencoder, AutoencoderConfig, "mlp"),
    (Autoencoder, AutoencoderConfig, "conv"),
    (VAE, VAEConfig, "mlp"),
    (VAE, VAEConfig, "conv"),
]


def _bars(n: int = 96, side: int = 12, held_out: int = 16) -> Dataset:
    """Pictures of one upright and one level bar, whose two places are the only factors."""
    data = np.zeros((n, 1, side, side), np.uint8)
    rng = np.random.default_rng(0)
    row, column = rng.integers(0, side - 2, n), rng.integers(0, side - 2, n)
    for i in range(n):
        data[i, 0, row[i] : row[i] + 2] = 200
        data[i, 0, :, column[i] : column[i] + 2] = 255
    labels = Column((row > side // 2).astype(np.int64), ("no", "yes"))
    return Dataset("bars", data, {"low": labels}, np.arange(held_out), "ba45")


def _build(model_class: type[Model], config_class: type[AutoencoderConfig], network: str, **more: Any) -> Model:
    settings = {"network": network, "width": 8 if network == "conv" else 64, "latent": 4, "lr": 5e-3, **more}
    return build_model(model_class, config_class.model_validate(settings), (1, 12, 12), Noise(2))


def _fit(model: Model, folder: Path, dataset: Dataset | None = None, **settings: Any) -> Trained:
    config = TrainingConfig(**{"duration": "12 epochs", "batch": 20, **settings})
    return train(model, dataset or _bars(), config, folder, Noise(3))


@pytest.mark.parametrize(("model_class", "config_class", "network"), CASES)
def test_one_batch_can_be_learned_by_heart(
    model_class: type[Model], config_class: type[AutoencoderConfig], network: str, tmp_path: Path
) -> None:
    few = _bars(12, held_out=0)
    more = {"beta": 0.01} if config_class is VAEConfig else {}
    model = _build(model_class, config_class, network, latent=8, **more)
    _fit(model, tmp_path, few, duration="250 steps")
    x = few.tensor(few.train)
    with torch.no_grad():
        error = (model.decode(model.encode(x).mean) - x).square().mean().sqrt()
    assert float(error) < 0.12
    assert float(error) < 0.4 * float((x - x.mean(0)).square().mean().sqrt())


@pytest.mark.parametrize(("model_class", "config_class", "network"), CASES)
def test_weights_written_and_read_give_the_same_output(
    model_class: type[Model], config_class: type[AutoencoderConfig], network: str
) -> None:
    model, other = (_build(model_class, config_class, network, loss="gaussian").eval() for _ in range(2))
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    written = safetensors.torch.save({name: tensor.contiguous() for name, tensor in model.state_dict().items()})
    other.load_state_dict(safetensors.torch.load(written))
    x = torch.rand(3, 1, 12, 12)
    with torch.no_grad():
        assert torch.equal(model.encode(x).mean, other.encode(x).mean)
        z = torch.randn(3, 4)
        assert torch.equal(model.decode(z), other.decode(z))


def test_the_same_seed_gives_the_same_weights_and_labels_do_not_matter(tmp_path: Path) -> None:
    bars = _bars()
    shuffled = replace(bars, columns={"low": Column(bars.columns["low"].values[::-1].copy(), ("no", "yes"))})
    models = [_build(VAE, VAEConfig, "conv", loss="gaussian") for _ in range(3)]
    histories = [
        _fit(model, tmp_path / str(i), data, duration="2 epochs").history
        for i, (model, data) in enumerate(zip(models, (bars, bars, shuffled), strict=True))
    ]
    assert histories[0] == histories[1] == histories[2]
    first, *others = (model.state_dict() for model in models)
    assert all(torch.equal(first[name], other[name]) for other in others for name in first)


def test_without_the_kl_a_vae_becomes_an_autoencoder(tmp_path: Path) -> None:
    free = _build(VAE, VAEConfig, "mlp", beta=0.0, latent=8)
    charged = _build(VAE, VAEConfig, "mlp", beta=4.0, latent=8)
    plain = _build(Autoencoder, AutoencoderConfig, "mlp", latent=8)
    last = [
        dict(zip(trained.history.header, trained.history.rows[-1], strict=True))
        for model, name in ((free, "a"), (charged, "b"), (plain, "c"))
        for trained in [_fit(model, tmp_path / name, duration="20 epochs")]
    ]
    assert last[0]["kl"] > 4 * last[1]["kl"]  # type: ignore[operator]
    assert last[0]["reconstruction"] < last[1]["reconstruction"]  # type: ignore[operator]
    assert last[0]["reconstruction"] < 1.15 * last[2]["reconstruction"]  # type: ignore[operator]
    assert _signal(free) > 10 * _signal(charged), "nothing holds the variance up"


def _signal(model: Model) -> float:
    """Return the spread of the posteriors' means over their own variance."""
    with torch.no_grad():
        posterior = model.encode(_bars().tensor(range(96)))
    assert posterior.log_var is not None
    return float(posterior.mean.var(0).mean() / posterior.log_var.exp().mean())


def test_a_strong_beta_collapses_and_is_told(tmp_path: Path) -> None:
    trained = _fit(_build(VAE, VAEConfig, "mlp", beta=500.0), tmp_path, duration="20 epochs")
    assert any("posterior collapse" in note for note in trained.notes)


def test_free_bits_hold_the_kl_up(tmp_path: Path) -> None:
    trained = _fit(_build(VAE, VAEConfig, "mlp", beta=20.0, free_bits=0.5), tmp_path, duration="30 epochs")
    assert trained.history.rows[-1][trained.history.header.index("kl")] > 1.0  # type: ignore[operator]
    assert trained.notes == ()


def test_vectors_are_learned_through_a_gaussian(tmp_path: Path) -> None:
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 400)
    ring = (3 * np.stack([np.cos(angle), np.sin(angle)], 1)).astype(np.float32)
    dataset = Dataset("ring", ring, {}, np.arange(50), "0")
    model = build_model(VAE, VAEConfig(loss="gaussian", width=64, lr=5e-3, warmup=0.5), (2,), Noise(0))
    trained = train(model, dataset, TrainingConfig(duration="60 epochs", batch=50), tmp_path, Noise(1))
    x = dataset.tensor(range(50))
    with torch.no_grad():
        error = (model.decode(model.encode(x).mean) - x).square().mean().sqrt()
    assert float(error) < 0.5 * float(x.std()), trained.history.rows[-1]
    bce = build_model(VAE, VAEConfig(), (2,), Noise(0))
    with pytest.raises(DataError, match="gaussian or mse"):
        train(bce, dataset, TrainingConfig(), tmp_path / "bce", Noise(1))


def test_samples_are_functions_of_their_row() -> None:
    model = _build(VAE, VAEConfig, "mlp").eval()
    noise = Noise(9).stream("sample")
    assert torch.equal(model.prior(6, noise)[5:], model.prior(1, noise.at(5)))
    with torch.no_grad():
        assert model.sample(3, noise).shape == (3, 1, 12, 12)
        assert model.log_prob(torch.rand(3, 1, 12, 12), noise).shape == (3,)


def test_an_autoencoder_says_that_it_cannot_sample() -> None:
    model = _build(Autoencoder, AutoencoderConfig, "mlp")
    with pytest.raises(RoleError, match="the role 'samples' is not filled"):
        model.sample(1, Noise(0))
    assert model.encode(torch.rand(2, 1, 12, 12)).log_var is None


def test_the_hook_tells_the_truth_about_the_models() -> None:
    for spec in gdl_vae.gdl_models():
        model_class = load_target(spec.target)
        assert model_class.roles() == set(spec.roles)
        assert all(field.description for field in load_target(spec.config).model_fields.values())
        model = model_class(load_target(spec.config)(), (1, 9, 9))
        (player,) = model.players()
        parts = player.loss(Batch(torch.rand(4, 1, 9, 9), Noise(0)))
        assert all(value.dim() == 0 and value.dtype == torch.float32 for value in parts.values())
