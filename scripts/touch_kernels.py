"""Calls every native kernel once for each storage type, with tails, unaligned tensors and empty ones.

    python scripts/touch_kernels.py [--device cuda] [--small]

For tools that watch a program, such as compute-sanitizer. It fails where an operation that gdl has for the device
was not called, so that a new one is not forgotten here. `--small` leaves out tensors that such tools take minutes for.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import product
from typing import Any, get_args

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from gdl_core.kernels import (
    bias_act,
    latent_arithmetic,
    latent_path,
    lerp,
    make_filter,
    make_key,
    mdn_nll,
    mdn_sample,
    randn,
    reparameterize,
    resample,
    slerp,
    uniform,
)
from gdl_core.kernels._load import why_not_native
from gdl_core.kernels.path import Mode
from gdl_core.kernels.schemas import SCHEMAS

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
SHAPES = ((0, 5), (5, 0), (1, 1), (3, 3), (9, 63), (9, 64), (9, 65), (2, 2049), (300, 2))
LARGE = ((70000, 4), (2, 300001))


class Calls(TorchDispatchMode):
    """Notes which ops of gdl are called."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        namespace, _, name = func.name().partition("::")
        if namespace == "gdl":
            self.names.add(name)
        return func(*args, **(kwargs or {}))


def tensors(shape: tuple[int, ...], dtype: torch.dtype, device: str, count: int) -> Iterator[list[Tensor]]:
    """Yield `count` tensors that need gradients, first aligned, then beginning one element late."""
    size = torch.Size(shape).numel()
    for start in (0, 1):
        bases = [randn((size + 1,), seed=i).to(device, dtype) for i in range(count)]
        yield [base[start : start + size].reshape(shape).requires_grad_() for base in bases]


def gradients(inputs: list[Tensor], *outputs: Tensor) -> None:
    torch.autograd.grad([x.sum() for x in outputs], inputs, allow_unused=True, retain_graph=True)


def noise(shape: tuple[int, ...], dtype: torch.dtype, device: str) -> None:
    key = make_key(1, 2**32 - 1)
    randn(shape, key=key, dtype=dtype, device=device)
    for mean, log_var in tensors(shape, dtype, device, 2):
        for where in (key, key.to(device)):
            randn(shape, key=where, dtype=dtype, device=device)
            uniform(shape, key=where, dtype=dtype, device=device)
            reparameterize(mean.detach(), log_var.detach(), key=where)
        gradients([mean, log_var], reparameterize(mean, log_var, key=key))
        for kl in ("none", "sum", "mean"):
            z, divergence = reparameterize(mean, log_var, key=key, kl=kl)
            gradients([mean, log_var], z, divergence)
            gradients([mean, log_var], divergence)
        z, divergence = reparameterize(mean, log_var, key=key, kl="mean", free_bits=0.5)
        gradients([mean, log_var], z, divergence)
        keys = torch.stack([key + row for row in range(shape[0])]) if shape[0] else torch.zeros(0, 2, dtype=torch.int64)
        reparameterize(mean.detach(), log_var.detach(), key=keys)


def paths(shape: tuple[int, ...], dtype: torch.dtype, device: str) -> None:
    t = torch.tensor([0.3, -0.5, 1.9, 1.0, 2.5], device=device, requires_grad=True)
    for mode, flag in product(get_args(Mode), (False, True)):
        for (keyframes,) in tensors((3, *shape), dtype, device, 1):
            gradients([keyframes, t], latent_path(keyframes, t, mode, normalize=flag, closed=flag))
    for a, b in tensors(shape, dtype, device, 2):
        lerp(a.detach(), b.detach(), t.detach())
        slerp(a.detach(), b.detach(), t.detach())
        gradients([a, b], latent_arithmetic(a, b, torch.ones(5, shape[0], device=device)))


def mixtures(shape: tuple[int, ...], dtype: torch.dtype, device: str) -> None:
    rows, size = shape
    for mean, log_std in tensors((rows, 3, max(size, 1)), dtype, device, 2):
        logits = torch.randn(rows, 3, device=device).to(dtype).requires_grad_()
        target = mean.detach()[:, 0].clone().requires_grad_()
        gradients([logits, mean, log_std, target], mdn_nll(logits, mean, log_std, target))
        for temperature in (0.0, 0.7):
            mdn_sample(logits, mean, log_std, seed=1, temperature=temperature)


def generator_layers(shape: tuple[int, ...], dtype: torch.dtype, device: str) -> None:
    taps = make_filter([1, 3, 3, 1]).to(device)
    for (x,) in tensors((2, *shape), dtype, device, 1):
        bias = torch.ones(shape[0], device=device, requires_grad=True)
        gradients([x, bias], bias_act(x, bias, clamp=1.0))
        if x.numel():
            for up, down in ((1, 1), (2, 1), (1, 2), (3, 2)):
                gradients([x], resample(x[None], taps, up=up, down=down, padding=3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true")
    arguments = parser.parse_args()
    if reason := why_not_native(torch.device(arguments.device), torch.float32):
        sys.exit(f"touch_kernels: the native kernels are not in use on {arguments.device}: {reason}")
    with Calls() as calls:
        for shape, dtype in product(SHAPES if arguments.small else SHAPES + LARGE, DTYPES):
            noise(shape, dtype, arguments.device)
            paths(shape, dtype, arguments.device)
            mixtures(shape, dtype, arguments.device)
            generator_layers(shape, dtype, arguments.device)
        if arguments.device == "cuda":
            torch.cuda.synchronize()
    names, key = (schema.partition("(")[0] for schema in SCHEMAS), arguments.device.partition(":")[0].upper()
    wanted = {name for name in names if torch._C._dispatch_has_kernel_for_dispatch_key(f"gdl::{name}", key)}
    if missing := wanted - calls.names:
        sys.exit(f"touch_kernels: not called: {', '.join(sorted(missing))}; call them in {__file__}")
    print(f"called: {', '.join(sorted(calls.names))}")


if __name__ == "__main__":
    main()
