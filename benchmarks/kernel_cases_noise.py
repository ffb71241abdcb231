"""Noise and the reparameterization trick."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from kernel_case import Function, Operation, Pass, Shape, Subject, once_each
from torch import Tensor

from gdl_core.kernels import make_key, randn, reparameterize, uniform

SHAPES: list[Shape] = [(64, 128), (1024, 512), (4096, 4096), (256, 8, 8, 4)]
SMALL, MIDDLE, LARGE, DIFFUSION = SHAPES

# How many times faster than plain torch: at SMALL, and larger.
CPU_GOALS = {("", "forward"): (3.0, 3.8), ("with KL", "forward"): (3.5, 4.3), ("with KL", "full"): (2.5, 4.0)}
CUDA_GOALS = {("", "forward"): 3.0, ("with KL", "forward"): 5.0, ("with KL", "full"): 3.0}
COMPILED_GOALS = {("", "forward"): 0.97, ("with KL", "full"): 1.15}
COPY_GOALS = {torch.float32: 0.9, torch.bfloat16: 0.65}


def plain_reparameterize(mean: Tensor, log_var: Tensor) -> Tensor:
    return mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)


def numpy_reparameterize(mean: np.ndarray, log_var: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return mean + np.exp(0.5 * log_var) * generator.standard_normal(mean.shape, dtype=np.float32)


def make_reparameterize(shape: Shape, dtype: torch.dtype, device: str, kl: bool) -> Subject:
    key, generator = make_key(1), np.random.default_rng(1)
    dims = tuple(range(1, len(shape)))

    def ours(mean: Tensor, log_var: Tensor) -> object:
        return reparameterize(mean, log_var, key=key, kl="mean") if kl else reparameterize(mean, log_var, key=key)

    def plain(mean: Tensor, log_var: Tensor) -> object:
        z = plain_reparameterize(mean, log_var)
        return (z, (0.5 * (mean.pow(2) + log_var.exp() - 1 - log_var)).sum(dims).mean()) if kl else z

    def arrays(mean: np.ndarray, log_var: np.ndarray) -> object:
        z = numpy_reparameterize(mean, log_var, generator)
        return (z, (0.5 * (mean**2 + np.exp(log_var) - 1 - log_var)).sum(dims).mean()) if kl else z

    inputs = [torch.randn(shape, device=device).to(dtype) for _ in range(2)]
    return Subject(inputs, ours, {"eager": plain}, plain, arrays, same=False)


def make_free_bits(shape: Shape, dtype: torch.dtype, device: str) -> Subject:
    key = make_key(1)

    def ours(mean: Tensor, log_var: Tensor) -> object:
        return reparameterize(mean, log_var, key=key, kl="mean", free_bits=0.1)

    def plain(mean: Tensor, log_var: Tensor) -> object:
        kl = 0.5 * (mean.pow(2) + log_var.exp() - 1 - log_var)
        return plain_reparameterize(mean, log_var), kl.mean(0).clamp(min=0.1).sum()

    inputs = [torch.randn(shape, device=device).to(dtype) for _ in range(2)]
    return Subject(inputs, ours, {"eager": plain}, plain, same=False)


def reparameterize_goals(detail: str, device: str, dtype: torch.dtype, kind: Pass, shape: Shape) -> dict[str, float]:
    what, goals = (detail, kind), {}
    if device == "cpu" and dtype == torch.float32:
        if what in CPU_GOALS:
            goals["eager"] = CPU_GOALS[what][shape != SMALL]
        if what == ("with KL", "forward"):
            goals["fallback_random"] = 2.5
    if device == "cuda":
        if dtype == torch.float32:
            goals |= {name: of[what] for name, of in (("eager", CUDA_GOALS), ("compile", COMPILED_GOALS)) if what in of}
        if kind == "forward" and shape == LARGE and dtype in COPY_GOALS:
            goals["copy"] = COPY_GOALS[dtype]
    return goals


def without_kl(kind: Pass, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
    """As `once_each`, but the gradient of the mean is that of z itself, which nobody reads or writes again."""
    backward = 3 * inputs[0].nbytes
    return {"forward": 3 * inputs[0].nbytes, "backward": backward, "full": 3 * inputs[0].nbytes + backward}[kind]


def _reparameterize(kl: bool) -> Operation:
    detail = "with KL" if kl else ""
    return Operation(
        "noise",
        "reparameterize",
        detail,
        SHAPES,
        lambda shape, dtype, device: make_reparameterize(shape, dtype, device, kl),
        passes=("forward", "backward", "full"),
        half_shapes=[MIDDLE, LARGE],
        half_passes=("forward", "full") if kl else ("forward",),
        compiled=("forward", "full") if kl else ("forward",),
        goals=lambda *case: reparameterize_goals(detail, *case),
        moved=once_each if kl else without_kl,
    )


def _draws(name: str, ours: Function, plain: Function, arrays: Function, goal: float | None) -> Operation:
    def make(shape: Shape, dtype: torch.dtype, device: str) -> Subject:
        key, generator = make_key(1), np.random.default_rng(1)

        def rival() -> object:
            return plain(shape, dtype=dtype, device=device)

        return Subject(
            [],
            lambda: ours(shape, key=key, dtype=dtype, device=device),
            {"eager": rival},
            rival,
            lambda: arrays(generator, shape),
            same=False,
        )

    def goals(device: str, dtype: torch.dtype, kind: Pass, shape: Shape) -> dict[str, float]:
        return {"eager": goal} if goal and device == "cpu" and dtype == torch.float32 else {}

    return Operation("noise", name, "", SHAPES, make, half_shapes=[LARGE], goals=goals)


OPERATIONS = [
    _reparameterize(False),
    _reparameterize(True),
    Operation("noise", "reparameterize", "with free bits", [MIDDLE], make_free_bits, passes=("forward", "full")),
    _draws(
        "randn", randn, torch.randn, lambda generator, shape: generator.standard_normal(shape, dtype=np.float32), 3.0
    ),
    _draws("uniform", uniform, torch.rand, lambda generator, shape: generator.random(shape, dtype=np.float32), None),
]
