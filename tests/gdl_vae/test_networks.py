"""Networks fit any shape of sample."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gdl_core.errors import InputError
from gdl_core.networks.coders import build_encoder
from gdl_core.noise import Noise
from gdl_core.training.build import build_model
from gdl_vae.autoencoder import Autoencoder
from gdl_vae.config import AutoencoderConfig, VAEConfig
from gdl_vae.vae import VAE


@settings(max_examples=12)
@given(st.sampled_from(["mlp", "conv"]), st.integers(1, 4), st.integers(8, 70), st.integers(8, 70), st.integers(1, 9))
def test_pictures_of_any_size_come_back_in_their_size(network: str, channels: int, h: int, w: int, latent: int) -> None:
    config = VAEConfig.model_validate({"network": network, "latent": latent, "width": 8})
    model = build_model(VAE, config, (channels, h, w), Noise(0))
    x = torch.rand(2, channels, h, w)
    with torch.no_grad():
        posterior = model.encode(x)
        decoded = model.decode(posterior.mean)
    assert posterior.log_var is not None
    assert posterior.mean.shape == posterior.log_var.shape == (2, latent)
    assert decoded.shape == x.shape
    assert decoded.dtype == torch.float32
    assert 0 <= float(decoded.min()) <= float(decoded.max()) <= 1


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_depth_and_activation_are_what_was_asked_for(depth: int) -> None:
    dense = build_encoder(AutoencoderConfig(network="mlp", depth=depth, activation="tanh"), (1, 8, 8), 4)
    assert sum(isinstance(layer, torch.nn.Tanh) for layer in dense.modules()) == depth
    conv = build_encoder(AutoencoderConfig(network="conv", depth=depth, activation="relu"), (1, 20, 20), 4)
    assert sum(isinstance(layer, torch.nn.Conv2d) for layer in conv.modules()) == depth
    assert conv(torch.rand(3, 1, 20, 20)).shape == (3, 4)


def test_auto_takes_what_fits() -> None:
    for shape, conv in [((1, 28, 28), True), ((3, 8, 8), True), ((1, 7, 30), False), ((2,), False)]:
        encoder = build_encoder(AutoencoderConfig(loss="gaussian"), shape, 4)
        assert any(isinstance(layer, torch.nn.Conv2d) for layer in encoder.modules()) is conv


def test_convolutions_of_vectors_are_refused() -> None:
    with pytest.raises(InputError, match="pictures of 8 × 8 pixels or more, got 2; use mlp"):
        build_model(Autoencoder, AutoencoderConfig(network="conv"), (2,), Noise(0))


def test_vectors_have_no_bounds() -> None:
    model = build_model(VAE, VAEConfig(loss="gaussian"), (2,), Noise(0))
    assert model.input_range is None
    with torch.no_grad():
        decoded = model.decode(1000 * torch.randn(50, 2))
    assert decoded.shape == (50, 2)
    assert float(decoded.min()) < 0
    assert build_model(VAE, VAEConfig(loss="bce"), (2,), Noise(0)).input_range == (0.0, 1.0)
