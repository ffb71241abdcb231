"""Mixture densities against plain torch: the likelihood with its gradients, and samples."""

from __future__ import annotations

import math

import torch
from paired import Result, compare
from torch import Tensor

from gdl_core.kernels import make_key, mdn_nll, mdn_sample

# rows, components, dimensions; the second is the memory of World Models, 32 latents each with a mixture of its own
SHAPES = [(128, 5, 32), (4096, 5, 1), (1000, 5, 64)]
NLL_GOAL, SAMPLE_GOAL = 2.0, 3.0


def plain_nll(logits: Tensor, mean: Tensor, log_std: Tensor, target: Tensor) -> Tensor:
    z = (target[:, None] - mean) * torch.exp(-log_std)
    density = (-0.5 * z * z - log_std - 0.5 * math.log(2 * math.pi)).sum(-1)
    return -torch.logsumexp(torch.log_softmax(logits, -1) + density, -1)


def plain_sample(logits: Tensor, mean: Tensor, log_std: Tensor, temperature: float, gumbel: bool) -> Tensor:
    scaled = logits / temperature
    if gumbel:
        component = (scaled - torch.empty_like(scaled).exponential_().log()).argmax(-1)
    else:
        component = torch.multinomial(scaled.softmax(-1), 1)[:, 0]
    at = component[:, None, None].expand(-1, 1, mean.shape[-1])
    mean, log_std = mean.gather(1, at)[:, 0], log_std.gather(1, at)[:, 0]
    return mean + log_std.exp() * math.sqrt(temperature) * torch.randn_like(mean)


def mdn_cases(pairs: int) -> list[Result]:
    results = []
    for rows, components, cols in SHAPES:
        torch.manual_seed(0)
        mixture = [torch.randn(rows, components), *torch.randn(2, rows, components, cols)]
        trained, target = [x.clone().requires_grad_() for x in mixture], torch.randn(rows, cols)
        key, shape = make_key(1), f"{rows}x{components}x{cols}"

        def step(nll: Tensor, trained: list[Tensor] = trained) -> None:
            torch.autograd.grad(nll.mean(), trained)

        def ours(mixture: list[Tensor] = mixture, key: Tensor = key) -> None:
            mdn_sample(*mixture, key=key, temperature=0.8)

        results += [
            compare(
                "mdn_nll, train step",
                shape,
                lambda step=step, trained=trained, target=target: step(mdn_nll(*trained, target)),  # type: ignore[misc]
                lambda step=step, trained=trained, target=target: step(plain_nll(*trained, target)),  # type: ignore[misc]
                NLL_GOAL,
                pairs,
            ),
            compare(
                "mdn_nll",
                shape,
                lambda mixture=mixture, target=target: mdn_nll(*mixture, target),  # type: ignore[misc]
                lambda mixture=mixture, target=target: plain_nll(*mixture, target),  # type: ignore[misc]
                None,
                pairs,
            ),
        ]
        for name, gumbel in (("multinomial", False), ("Gumbel", True)):
            results.append(
                compare(
                    f"mdn_sample, torch by {name}",
                    shape,
                    ours,
                    lambda mixture=mixture, gumbel=gumbel: plain_sample(*mixture, 0.8, gumbel),  # type: ignore[misc]
                    SAMPLE_GOAL,
                    pairs,
                )
            )
    return results
