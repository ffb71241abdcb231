"""The plain loops of games that `training.py` compares with: what tutorials do, on the same networks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset
from training_rivals import Block

from gdl_core.contracts import Model
from gdl_core.data.dataset import Dataset
from gdl_core.noise import Noise
from gdl_core.training.build import build_model
from gdl_gan.config import GANConfig
from gdl_gan.gan import GAN
from gdl_gan.stylegan import StyleGAN
from gdl_gan.stylegan_config import StyleGANConfig

SAMPLES = 2048


@dataclass(frozen=True)
class Game:
    """A comparison: shape of the pictures, settings, rounds in a block, and the gain over the plain loop to reach."""

    shape: tuple[int, int, int]
    settings: dict[str, Any]
    rounds: int
    goal: float
    batch: int = 64
    styles: bool = False


GAMES = {
    "wgan-gp at 32 px": Game((1, 32, 32), {"loss": "wgan-gp", "width": 24, "latent": 64}, 2, 1.25),
    "wgan-gp at 64 px": Game((3, 64, 64), {"loss": "wgan-gp", "width": 24, "latent": 64}, 1, 1.8),
    # as many rounds as there are from one R1 to the next
    "stylegan at 32 px": Game((3, 32, 32), {"noise": False, "width": 16}, 16, 1.3, 16, True),
}


def noise_pictures(shape: tuple[int, ...]) -> Dataset:
    """Return random pictures: what a step costs does not depend on them."""
    data = np.random.default_rng(0).integers(0, 256, (SAMPLES, *shape)).astype(np.uint8)
    return Dataset("random", data, {}, np.empty(0, np.int64), "random")


def make_game(game: Game, **settings: Any) -> Model:
    """Return the model of a comparison; its first weights are those of seed 0."""
    chosen = {**game.settings, **settings}
    if game.styles:
        return build_model(StyleGAN, StyleGANConfig.model_validate(chosen), game.shape, Noise(0))
    return build_model(GAN, GANConfig.model_validate(chosen), game.shape, Noise(0))


def plain_game(game: Game, dataset: Dataset) -> Block:
    """Return the plain loop of a comparison."""
    loader = DataLoader(
        TensorDataset(dataset.tensor(np.arange(SAMPLES)) * 2 - 1), batch_size=game.batch, shuffle=True, drop_last=True
    )

    def forever() -> Iterator[Tensor]:
        while True:
            for (x,) in loader:
                yield x

    return (_plain_styles if game.styles else _plain_wgan_gp)(game, forever())


def _plain_wgan_gp(game: Game, batches: Iterator[Tensor]) -> Block:
    """WGAN-GP as algorithm 1 of Gulrajani et al. 2017 is usually written down: n_critic turns, then the generator's."""
    model = make_game(game).train().to(memory_format=torch.contiguous_format)  # as networks are that nobody has tuned
    assert isinstance(model, GAN)
    generator, critic, latent = model.generator, model.critic, int(game.settings["latent"])
    critics, generators = (
        torch.optim.Adam(part.parameters(), lr=5e-4, betas=(0.0, 0.9)) for part in (critic, generator)
    )
    total = 0.0

    def block() -> None:
        nonlocal total
        for _ in range(game.rounds):
            for _ in range(model.config.critic_turns):
                real = next(batches)
                fake = torch.tanh(generator(torch.randn(len(real), latent))).detach()
                share = torch.rand(len(real), 1, 1, 1)
                mixed = (share * real + (1 - share) * fake).requires_grad_(True)
                judged = critic(mixed)
                (gradient,) = torch.autograd.grad(judged, mixed, torch.ones_like(judged), create_graph=True)
                penalty = ((gradient.flatten(1).norm(2, dim=1) - 1) ** 2).mean()
                loss = critic(fake).mean() - critic(real).mean() + 10 * penalty
                critics.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                critics.step()
                total += loss.item()
            loss = -critic(torch.tanh(generator(torch.randn(len(real), latent)))).mean()
            generators.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            generators.step()
            total += loss.item()

    return block


def _plain_styles(game: Game, batches: Iterator[Tensor]) -> Block:
    """StyleGAN2 as it is usually written down: activations and filters in plain torch, lazy R1 and path lengths."""
    model = make_game(game, kernels="reference").train()
    assert isinstance(model, StyleGAN)
    config, generator, critic = model.config, model.generator, model.critic
    layers = generator.synthesis.layers
    critics, generators = (
        torch.optim.Adam(part.parameters(), lr=2e-3, betas=(0.0, 0.99)) for part in (critic, generator)
    )
    turn, total, mean_length = 0, 0.0, torch.zeros(())

    def styles(n: int) -> Tensor:
        first, second = (generator.mapping(torch.randn(n, config.latent)) for _ in range(2))
        crossover = int(torch.randint(1, layers, ())) if torch.rand(()) < config.mixing else layers
        return torch.stack([first] * crossover + [second] * (layers - crossover), dim=1)

    def make(n: int) -> Tensor:
        return 2 * torch.sigmoid(generator.synthesis(styles(n))) - 1

    def block() -> None:
        nonlocal turn, total, mean_length
        for _ in range(game.rounds):
            real = next(batches)
            loss = F.softplus(critic(make(len(real)).detach())).mean()
            if turn % config.lazy == 0:
                seen = real.detach().requires_grad_(True)
                judged = critic(seen)
                (gradient,) = torch.autograd.grad(judged.sum(), seen, create_graph=True)
                loss = loss + 0.5 * model.gamma * config.lazy * gradient.square().flatten(1).sum(1).mean()
            else:
                judged = critic(real)
            loss = loss + F.softplus(-judged).mean()
            critics.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            critics.step()
            total += loss.item()
            loss = F.softplus(-critic(make(len(real)))).mean()
            if turn % config.path_every == 0:
                w = styles(len(real) // config.path_shrink)
                made = 2 * torch.sigmoid(generator.synthesis(w)) - 1
                directions = torch.randn_like(made) / (made.shape[2] * made.shape[3]) ** 0.5
                (gradient,) = torch.autograd.grad((made * directions).sum(), w, create_graph=True)
                lengths = gradient.square().sum(2).mean(1).sqrt()
                mean_length = mean_length.lerp(lengths.mean().detach(), 0.01)
                loss = loss + config.path * config.path_every * (lengths - mean_length).square().mean()
            generators.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            generators.step()
            total += loss.item()
            turn += 1

    return block
