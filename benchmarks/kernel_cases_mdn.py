"""Mixture densities: the likelihood with its gradients, and samples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from kernel_case import Operation, Pass, Shape, Subject
from torch import Tensor

from gdl_core.kernels import make_key, mdn_nll, mdn_sample

# rows, components, dimensions; the second is the memory of World Models, 32 latents each with a mixture of its own
SHAPES: list[Shape] = [(128, 5, 32), (4096, 5, 1), (1000, 5, 64)]
TEMPERATURE = 0.8


def plain_nll(logits: Tensor, mean: Tensor, log_std: Tensor, target: Tensor) -> Tensor:
    z = (target[:, None] - mean) * torch.exp(-log_std)
    density = (-0.5 * z * z - log_std - 0.5 * math.log(2 * math.pi)).sum(-1)
    return -torch.logsumexp(torch.log_softmax(logits, -1) + density, -1)


def numpy_nll(logits: np.ndarray, mean: np.ndarray, log_std: np.ndarray, target: np.ndarray) -> np.ndarray:
    z = (target[:, None] - mean) * np.exp(-log_std)
    density = (-0.5 * z * z - log_std - np.float32(0.5 * math.log(2 * math.pi))).sum(-1)
    return numpy_logsumexp(logits) - numpy_logsumexp(logits + density)


def numpy_logsumexp(x: np.ndarray) -> np.ndarray:
    largest = x.max(-1, keepdims=True)
    return np.log(np.exp(x - largest).sum(-1)) + largest[..., 0]


def plain_sample(logits: Tensor, mean: Tensor, log_std: Tensor, gumbel: bool) -> Tensor:
    scaled = logits / TEMPERATURE
    if gumbel:
        component = (scaled - torch.empty_like(scaled).exponential_().log()).argmax(-1)
    else:
        component = torch.multinomial(scaled.softmax(-1), 1)[:, 0]
    at = component[:, None, None].expand(-1, 1, mean.shape[-1])
    mean, log_std = mean.gather(1, at)[:, 0], log_std.gather(1, at)[:, 0]
    return mean + log_std.exp() * math.sqrt(TEMPERATURE) * torch.randn_like(mean)


def numpy_sample(
    logits: np.ndarray, mean: np.ndarray, log_std: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    component = (logits / TEMPERATURE + generator.gumbel(size=logits.shape)).argmax(-1)
    rows = np.arange(len(component))
    mean, log_std = mean[rows, component], log_std[rows, component]
    scale = np.exp(log_std) * np.float32(math.sqrt(TEMPERATURE))
    return mean + scale * generator.standard_normal(mean.shape, dtype=np.float32)


def mixture(shape: Shape, dtype: torch.dtype, device: str) -> list[Tensor]:
    return [torch.randn(size, device=device).to(dtype) for size in (shape[:2], shape, shape)]


def make_nll(shape: Shape, dtype: torch.dtype, device: str) -> Subject:
    rows, _, cols = shape
    target = torch.randn(rows, cols, device=device).to(dtype)
    return Subject([*mixture(shape, dtype, device), target], mdn_nll, {"eager": plain_nll}, plain_nll, numpy_nll)


def make_sample(shape: Shape, dtype: torch.dtype, device: str) -> Subject:
    key, generator = make_key(1), np.random.default_rng(1)

    def ours(logits: Tensor, mean: Tensor, log_std: Tensor) -> object:
        return mdn_sample(logits, mean, log_std, key=key, temperature=TEMPERATURE)

    def multinomial(logits: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
        return plain_sample(logits, mean, log_std, False)

    def gumbel(logits: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
        return plain_sample(logits, mean, log_std, True)

    def arrays(logits: np.ndarray, mean: np.ndarray, log_std: np.ndarray) -> np.ndarray:
        return numpy_sample(logits, mean, log_std, generator)

    rivals = {"multinomial": multinomial, "Gumbel": gumbel}
    return Subject(mixture(shape, dtype, device), ours, rivals, gumbel, arrays, same=False)


def one_component(kind: Pass, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
    """Bytes of a sample: of all components only the logits are read."""
    logits, mean, log_std = inputs
    read = logits.nbytes + (mean.nbytes + log_std.nbytes) // mean.shape[1]
    return read + sum(x.nbytes for x in outputs)


def goals(device: str, dtype: torch.dtype, kind: Pass, judged: Pass, wanted: dict[str, float]) -> dict[str, float]:
    return wanted if device == "cpu" and dtype == torch.float32 and kind == judged else {}


OPERATIONS = [
    Operation(
        "mixtures",
        "mdn_nll",
        "",
        SHAPES,
        make_nll,
        passes=("forward", "backward", "full"),
        half_shapes=SHAPES[2:],
        half_passes=("full",),
        compiled=("full",),
        goals=lambda device, dtype, kind, shape: goals(device, dtype, kind, "full", {"eager": 2.0}),
    ),
    Operation(
        "mixtures",
        "mdn_sample",
        "",
        SHAPES,
        make_sample,
        half_shapes=SHAPES[2:],
        compiled=("forward",),
        goals=lambda device, dtype, kind, shape: goals(
            device, dtype, kind, "forward", {"multinomial": 3.0, "Gumbel": 3.0}
        ),
        moved=one_component,
    ),
]
