"""The plain loops of games that `training.py` compares with: what a tutorial of WGAN-GP does, on the same networks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset
from training_rivals import Block

from gdl_core.data.dataset import Dataset
from gdl_core.noise import Noise
from gdl_core.training.build import build_model
from gdl_gan.config import GANConfig
from gdl_gan.gan import GAN

BATCH = 64
SAMPLES = 2048


@dataclass(frozen=True)
class Game:
    """A comparison: shape of the pictures, settings, rounds in a block, and the gain over the plain loop to reach."""

    shape: tuple[int, int, int]
    settings: dict[str, Any]
    rounds: int
    goal: float


GAMES = {
    "wgan-gp at 32 px": Game((1, 32, 32), {"loss": "wgan-gp", "width": 24, "latent": 64}, 2, 1.25),
    "wgan-gp at 64 px": Game((3, 64, 64), {"loss": "wgan-gp", "width": 24, "latent": 64}, 1, 1.8),
}


def noise_pictures(shape: tuple[int, ...]) -> Dataset:
    """Return random pictures: what a step costs does not depend on them."""
    data = np.random.default_rng(0).integers(0, 256, (SAMPLES, *shape)).astype(np.uint8)
    return Dataset("random", data, {}, np.empty(0, np.int64), "random")


def make_game(game: Game) -> GAN:
    """Return the model of a comparison, its weights a function of nothing."""
    return build_model(GAN, GANConfig.model_validate(game.settings), game.shape, Noise(0))


def plain_game(game: Game, dataset: Dataset) -> Block:
    """WGAN-GP as algorithm 1 of Gulrajani et al. 2017 is usually written down: n_critic turns, then the generator's."""
    model = make_game(game).train().to(memory_format=torch.contiguous_format)  # as networks are that nobody has tuned
    generator, critic, latent = model.generator, model.critic, int(game.settings["latent"])
    critics, generators = (
        torch.optim.Adam(part.parameters(), lr=5e-4, betas=(0.0, 0.9)) for part in (critic, generator)
    )
    loader = DataLoader(
        TensorDataset(dataset.tensor(np.arange(SAMPLES)) * 2 - 1), batch_size=BATCH, shuffle=True, drop_last=True
    )

    def forever() -> Iterator[Tensor]:
        while True:
            for (x,) in loader:
                yield x

    batches = forever()
    total = 0.0

    def block() -> None:
        nonlocal total
        for _ in range(game.rounds):
            for _ in range(model.config.critic_turns):
                real = next(batches)
                fake = torch.tanh(generator(torch.randn(BATCH, latent))).detach()
                share = torch.rand(BATCH, 1, 1, 1)
                mixed = (share * real + (1 - share) * fake).requires_grad_(True)
                judged = critic(mixed)
                (gradient,) = torch.autograd.grad(judged, mixed, torch.ones_like(judged), create_graph=True)
                penalty = ((gradient.flatten(1).norm(2, dim=1) - 1) ** 2).mean()
                loss = critic(fake).mean() - critic(real).mean() + 10 * penalty
                critics.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                critics.step()
                total += loss.item()
            loss = -critic(torch.tanh(generator(torch.randn(BATCH, latent)))).mean()
            generators.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            generators.step()
            total += loss.item()

    return block
