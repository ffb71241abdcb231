"""The plain loops that `fashion.py` holds ours against: the same networks and algorithms without the engineering."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, TensorDataset

from gdl_core.contracts import Model
from gdl_core.data.dataset import Dataset


def train_plainly(
    kind: str, model: Model, data: Dataset, batch: int, ema: float | None, seconds: float, seed: int
) -> tuple[Model, int, float]:
    """Train a model in a plain loop until the CPU time is spent; return it, its rounds and the CPU time it took."""
    torch.manual_seed(seed)
    model.train().to(memory_format=torch.contiguous_format)
    loader = DataLoader(
        TensorDataset(data.tensor(np.asarray(data.train))), batch_size=batch, shuffle=True, drop_last=True
    )
    batches = _forever(loader)
    make: Callable[[Model, Iterator[Tensor]], Callable[[float], None]] = _vae if kind == "vae" else _gan
    play = make(model, batches)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(ema)) if ema else None
    began, steps = time.process_time(), 0
    while (spent := time.process_time() - began) < seconds:
        play(spent / seconds)
        if average is not None:
            average.update_parameters(model)
        steps += 1
    kept = model
    if average is not None:
        kept = cast("Model", average.module)
        for ours, live in zip(kept.buffers(), model.buffers(), strict=True):
            ours.copy_(live)
    return kept.eval(), steps, time.process_time() - began


def _forever(loader: DataLoader[tuple[Tensor, ...]]) -> Iterator[Tensor]:
    while True:
        for (x,) in loader:
            yield x


def _anneal(optimiser: torch.optim.Optimizer, rate: float, progress: float, decays: bool) -> None:
    """Let the rate fall along half a cosine to a hundredth, as ours does, by the share of the time that is spent."""
    if decays:
        optimiser.param_groups[0]["lr"] = rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))


def _vae(model: Model, batches: Iterator[Tensor]) -> Callable[[float], None]:
    config = model.config
    encoder, decoder = cast("nn.Module", model.encoder), cast("nn.Module", model.decoder)
    optimiser = torch.optim.Adam(model.parameters(), lr=config.lr)

    def play(progress: float) -> None:
        _anneal(optimiser, config.lr, progress, config.decay == "cosine")
        x = next(batches)
        optimiser.zero_grad()
        mean, log_var = encoder(x).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        reconstruction = F.binary_cross_entropy(torch.sigmoid(decoder(z)), x, reduction="sum")
        kl = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())
        ((reconstruction + kl) / len(x)).backward()
        optimiser.step()

    return play


def _gan(model: Model, batches: Iterator[Tensor]) -> Callable[[float], None]:
    config = model.config
    generator, critic = cast("nn.Module", model.generator), cast("nn.Module", model.critic)
    rate, critic_rate = config.rates
    betas = (config.beta1, config.beta2)
    moves = torch.optim.Adam(generator.parameters(), lr=rate, betas=betas)
    learns = torch.optim.Adam(critic.parameters(), lr=critic_rate, betas=betas)
    turn = 0

    def make(n: int) -> Tensor:
        return torch.tanh(generator(torch.randn(n, config.latent)) / 2)  # 2 sigmoid(y) - 1, in [-1, 1]

    def gradient(x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.detach().requires_grad_(True)
        judged = critic(x)
        (slope,) = torch.autograd.grad(judged.sum(), x, create_graph=True)
        return judged, slope.square().flatten(1).sum(1) * 4  # with respect to pictures in [0, 1]

    def play(progress: float) -> None:
        nonlocal turn
        decays = config.decay == "cosine"
        _anneal(moves, rate, progress, decays)
        _anneal(learns, critic_rate, progress, decays)
        for _ in range(config.critic_turns):
            real = next(batches) * 2 - 1
            fake = make(len(real)).detach()
            penalty = torch.zeros(())
            due = turn % config.penalty_every == 0
            if config.loss == "wgan-gp":
                share = torch.rand(len(real), 1, 1, 1)
                _, squares = gradient(share * real + (1 - share) * fake)
                penalty = ((squares + 1e-12).sqrt() - 1).square().mean()
                loss = critic(fake).mean() - critic(real).mean()
            else:
                if due:
                    judged, squares = gradient(real)
                    penalty = 0.5 * squares.mean()
                else:
                    judged = critic(real)
                loss = F.softplus(-judged).mean() + F.softplus(critic(fake)).mean()
            learns.zero_grad()
            (loss + config.penalty_weight * config.penalty_every * penalty).backward()
            learns.step()
            turn += 1
        judged = critic(make(len(real)))
        loss = -judged.mean() if config.loss == "wgan-gp" else F.softplus(-judged).mean()
        moves.zero_grad()
        loss.backward()
        moves.step()

    return play
