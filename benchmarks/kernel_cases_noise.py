"""Noise and the reparameterization trick against plain torch."""

from __future__ import annotations

import torch
from paired import Result, compare
from torch import Tensor

from gdl_core.kernels import make_key, randn, reparameterize, uniform

SHAPES = [(64, 128), (1024, 512), (4096, 4096)]
GOALS = {"forward": (2.0, 3.0, 3.0), "forward + KL": (2.5, 3.5, 3.5), "train step": (2.0, 3.2, 3.2)}


def plain_reparameterize(mean: Tensor, log_var: Tensor) -> Tensor:
    return mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)


def plain_kl(mean: Tensor, log_var: Tensor) -> Tensor:
    return (0.5 * (mean.pow(2) + log_var.exp() - 1 - log_var)).sum(1).mean()


def reparameterize_cases(rows: int, cols: int, goals: tuple[float, float, float], pairs: int) -> list[Result]:
    torch.manual_seed(0)
    mean, log_var = torch.randn(rows, cols), torch.randn(rows, cols)
    trained = [x.clone().requires_grad_() for x in (mean, log_var)]
    grad_z, key, shape = torch.randn(rows, cols), make_key(1), f"{rows}x{cols}"

    def step(z: Tensor, kl: Tensor) -> None:
        torch.autograd.grad((z, kl), trained, (grad_z, torch.ones(())))

    def train_plain() -> None:
        step(plain_reparameterize(*trained), plain_kl(*trained))

    return [
        compare(
            "forward",
            shape,
            lambda: reparameterize(mean, log_var, key=key),
            lambda: plain_reparameterize(mean, log_var),
            goals[0],
            pairs,
        ),
        compare(
            "forward + KL",
            shape,
            lambda: reparameterize(mean, log_var, key=key, kl="mean"),
            lambda: (plain_reparameterize(mean, log_var), plain_kl(mean, log_var)),
            goals[1],
            pairs,
        ),
        compare(
            "train step",
            shape,
            lambda: step(*reparameterize(*trained, key=key, kl="mean")),
            train_plain,
            goals[2],
            pairs,
        ),
        compare("randn", shape, lambda: randn((rows, cols), key=key), lambda: torch.randn(rows, cols), None, pairs),
        compare("uniform", shape, lambda: uniform((rows, cols), key=key), lambda: torch.rand(rows, cols), None, pairs),
    ]


def noise_cases(pairs: int, quick: bool) -> list[Result]:
    results = []
    for i, (rows, cols) in enumerate(SHAPES):
        if not (quick and rows * cols > 1 << 20):
            goals = (GOALS["forward"][i], GOALS["forward + KL"][i], GOALS["train step"][i])
            results += reparameterize_cases(rows, cols, goals, pairs)
    return results
