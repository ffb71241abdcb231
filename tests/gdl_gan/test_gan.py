"""The game: whose turn it is, what a turn leaves alone, how each loss ends, and that a killed training goes on."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from gdl_core.contracts import Batch
from gdl_core.data.dataset import Dataset
from gdl_core.errors import CancelledError, InputError
from gdl_core.noise import Noise
from gdl_core.training.build import build_model
from gdl_core.training.config import TrainingConfig
from gdl_core.training.loop import train
from gdl_core.training.players import Game
from gdl_gan.config import GANConfig
from gdl_gan.gan import GAN
from gdl_gan.networks import build_generator

LOSSES = ["bce", "hinge", "relativistic", "wgan", "wgan-gp"]


def pictures(n: int = 64, size: int = 8) -> Dataset:
    data = np.random.default_rng(0).integers(0, 255, (n, 1, size, size), dtype=np.uint8)
    return Dataset("noise", data, {}, np.arange(n - 8, n), "0")


def gan(data_shape: tuple[int, ...] = (1, 8, 8), **settings: Any) -> GAN:
    settings = {"latent": 4, "width": 4, **settings}
    return build_model(GAN, GANConfig.model_validate(settings), data_shape, Noise(0))


@pytest.mark.parametrize("network", ["dcgan", "resnet", "coder", "mlp"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 13, 22), (1, 28, 28), (4, 32, 32)])
def test_networks_fit_pictures_of_any_size(network: str, shape: tuple[int, ...]) -> None:
    model = gan(shape, network=network)
    model.eval()
    with torch.no_grad():
        made = model.sample(3, Noise(1))
        judged = model.judge(made)
    assert made.shape == (3, *shape)
    assert made.dtype == judged.dtype == torch.float32
    assert 0 <= float(made.min()) <= float(made.max()) <= 1
    assert judged.shape == (3,)


def test_vectors_have_no_bounds_and_no_convolutions() -> None:
    model = gan((2,))
    with torch.no_grad():
        assert model.decode(1000 * torch.randn(9, 4)).shape == (9, 2)
    assert model.input_range is None
    with pytest.raises(InputError, match="network: dcgan needs pictures of 8 × 8 pixels or more, got 2; use mlp"):
        gan((2,), network="dcgan")


def test_one_builder_makes_the_decoder_of_a_vae_and_the_generator_of_a_gan() -> None:
    from gdl_vae.config import VAEConfig
    from gdl_vae.vae import VAE

    vae = build_model(VAE, VAEConfig(latent=4, network="conv", width=8), (1, 20, 20), Noise(0))
    ours = gan((1, 20, 20), network="coder", width=8)
    shapes = [[tuple(p.shape) for p in module.parameters()] for module in (vae.decoder, ours.generator)]
    assert shapes[0] == shapes[1]
    encoder, critic = ([tuple(p.shape) for p in module.parameters()] for module in (vae.encoder, ours.critic))
    assert encoder[:-2] == critic[:-2]
    assert encoder[-1] == (8,)
    assert critic[-1] == (1,)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    "more", [{}, {"augment": "colour,translation,cutout"}, {"network": "resnet"}, {"condition": "label"}]
)
def test_a_turn_leaves_the_other_player_alone(loss: str, more: dict[str, Any]) -> None:
    categories = {"categories": [("odd", 0.5), ("even", 0.5)]} if "condition" in more else {}
    model = gan(loss=loss, **more, **categories)
    game = Game(model)
    model.train()
    for seat in game.seats:
        other = model.generator if seat.player.name == "critic" else model.critic
        mine = model.critic if seat.player.name == "critic" else model.generator
        before = {name: value.clone() for name, value in other.state_dict().items()}
        own = {name: value.clone() for name, value in mine.state_dict().items()}
        with game.turn(seat):
            columns = {"label": torch.arange(16) % 2}
            batch = Batch(pictures().tensor(range(16)), Noise(1), columns=columns)
            seat.player.loss(batch)["loss"].backward()  # type: ignore[no-untyped-call]
            seat.optimiser.step()
            seat.optimiser.zero_grad()
        assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())
        assert all(parameter.grad is None for parameter in other.parameters())
        assert any(not torch.equal(value, own[name]) for name, value in mine.state_dict().items())


@pytest.mark.parametrize(
    ("loss", "asked", "turns"), [("bce", 0, 1), ("wgan-gp", 0, 5), ("wgan", 0, 5), ("hinge", 3, 3), ("wgan", 2, 2)]
)
def test_players_take_turns_as_the_settings_say(
    loss: str, asked: int, turns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[tuple[str, int]] = []

    def spied(name: str) -> Any:
        real = getattr(GAN, name)

        def spy(model: GAN, batch: Batch) -> Any:
            if batch.training:
                order.append((name, batch.turn))
            return real(model, batch)

        return spy

    for name in ("_critic_loss", "_generator_loss"):
        monkeypatch.setattr(GAN, name, spied(name))
    config = TrainingConfig.model_validate({"duration": "3 steps", "batch": 8, "precision": "fp32"})
    train(gan(loss=loss, n_critic=asked), pictures(), config, tmp_path, Noise(2))
    expected = [
        entry
        for step in range(3)
        for entry in [*[("_critic_loss", step * turns + turn) for turn in range(turns)], ("_generator_loss", step)]
    ]
    assert order == expected


def test_the_penalty_comes_every_so_many_turns_and_counts_for_those_between() -> None:
    model = gan(loss="bce", gamma=2.0, lazy=4)
    x, noise = pictures().tensor(range(16)), Noise(1)
    with_it, without = (model._critic_loss(Batch(x, noise, turn=turn)) for turn in (4, 5))
    assert "penalty" not in without
    assert with_it["loss"].item() == pytest.approx(
        without["loss"].item() + 2.0 * 4 * with_it["penalty"].item(), rel=1e-5
    )
    assert "penalty" not in model._critic_loss(Batch(x, noise, turn=4, training=False))


def test_clipped_weights_stay_within_bounds(tmp_path: Path) -> None:
    model = gan(loss="wgan", clip=0.02)
    config = TrainingConfig.model_validate({"duration": "2 steps", "batch": 8, "precision": "fp32"})
    train(model, pictures(), config, tmp_path, Noise(2))
    assert max(float(parameter.detach().abs().max()) for parameter in model.critic.parameters()) <= 0.02


@pytest.mark.parametrize("loss", LOSSES)
def test_in_a_whole_training_only_the_player_whose_turn_it_is_moves(
    loss: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights and buffers of the other player are compared bit by bit from turn to turn, as the loop plays them."""
    model = gan(loss=loss)
    networks = {"critic": model.critic, "generator": model.generator}
    at: dict[str, dict[str, torch.Tensor]] = {}
    checked = 0

    def spied(name: str, loss: Any) -> Any:
        def spy(batch: Batch) -> Any:
            nonlocal checked
            if batch.training:
                mine = networks[name].state_dict()
                if name in at:  # as it left its own last turn, whoever moved since
                    assert all(torch.equal(mine[key], value) for key, value in at[name].items())
                    checked += 1
            return loss(batch)

        return spy

    def after(name: str, inner: Any) -> Any:
        def keep() -> None:
            if inner is not None:
                inner()
            at[name] = {key: value.clone() for key, value in networks[name].state_dict().items()}

        return keep

    players = list(model.players())
    for player in players:
        player.loss, player.after = spied(player.name, player.loss), after(player.name, player.after)
    monkeypatch.setattr(model, "players", lambda: players)
    config = TrainingConfig.model_validate({"duration": "4 steps", "batch": 8, "precision": "fp32", "ema": 0.9})
    train(model, pictures(), config, tmp_path, Noise(2))
    assert checked == 4 * sum(player.turns for player in players) - 2


@pytest.mark.parametrize("loss", LOSSES)
def test_a_killed_training_goes_on_to_the_same_weights(loss: str, tmp_path: Path) -> None:
    config = TrainingConfig.model_validate({"duration": "7 steps", "batch": 8, "precision": "fp32", "ema": 0.9})
    whole, broken = gan(loss=loss, lazy=3 if loss != "wgan" else 0), gan(loss=loss, lazy=3 if loss != "wgan" else 0)
    train(whole, pictures(), config, tmp_path / "whole", Noise(2))
    asked = iter([False, False, False, True])
    with pytest.raises(CancelledError):
        train(broken, pictures(), config, tmp_path / "broken", Noise(2), cancelled=lambda: next(asked))
    train(broken, pictures(), config, tmp_path / "broken", Noise(2))
    for one, other in zip(whole.state_dict().values(), broken.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_samples_of_a_seed_are_the_same_in_any_batch() -> None:
    model = gan()
    model.eval()
    with torch.no_grad():
        many = model.prior(9, Noise(3))
        assert torch.equal(many[5:6], model.prior(1, Noise(3).at(5)))


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "lsgan"},
        {"latent": 0},
        {"loss": "wgan", "gamma": 1.0},
        {"beta1": 1.0},
        {"clip": 0},
        {"clip": 0.1},
        {"loss": "wgan", "lazy": 4},
        {"gamma": 0, "lazy": 4},
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GANConfig.model_validate(settings)


def test_widths_fall_towards_the_picture() -> None:
    generator = build_generator(GANConfig(network="dcgan", width=4), (1, 64, 64))
    channels = [layer.out_channels for layer in generator.modules() if isinstance(layer, torch.nn.ConvTranspose2d)]
    assert all(a >= b for a, b in pairwise(channels))
    assert channels[-1] == 4


def test_what_is_left_out_fits_the_loss() -> None:
    assert GANConfig().rates == (2e-3, 2e-3)
    assert GANConfig(loss="wgan-gp").rates == (5e-4, 5e-4)
    assert GANConfig(loss="wgan-gp", lr=1e-4, critic_lr=3e-4).rates == (1e-4, 3e-4)
    assert (GANConfig().critic_turns, GANConfig().penalty_every, GANConfig().penalty_weight) == (1, 16, 0.1)
    gp = GANConfig(loss="wgan-gp", gamma=0.5, lazy=4, n_critic=2)
    assert (gp.critic_turns, gp.penalty_every, gp.penalty_weight) == (2, 4, 0.5)
