"""Lines and arithmetic in latent space against plain torch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from paired import Result, compare
from torch import Tensor

from gdl_core.kernels import latent_arithmetic, latent_path, lerp, slerp

SLERP_GOAL = 3.5


def plain_slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    cosine = ((a / a.norm(dim=-1, keepdim=True)) * (b / b.norm(dim=-1, keepdim=True))).sum(-1, keepdim=True)
    omega = torch.acos(cosine.clamp(-1, 1))
    t = t[:, None, None]
    sine = torch.sin(omega)
    return torch.sin((1 - t) * omega) / sine * a + torch.sin(t * omega) / sine * b


def path_cases(pairs: int) -> list[Result]:
    results = []
    for steps, rows, cols in ((16, 1, 512), (60, 16, 512), (64, 64, 4096)):
        a, b = torch.randn(2, rows, cols)
        t, shape = torch.linspace(0, 1, steps), f"{steps}x{rows}x{cols}"
        line = torch.stack((a, b))
        results += [
            compare(
                "slerp path",
                shape,
                lambda a=a, b=b, t=t: slerp(a, b, t),  # type: ignore[misc]
                lambda a=a, b=b, t=t: plain_slerp(a, b, t),  # type: ignore[misc]
                SLERP_GOAL,
                pairs,
            ),
            compare(
                "lerp path",
                shape,
                lambda a=a, b=b, t=t: lerp(a, b, t),  # type: ignore[misc]
                lambda a=a, b=b, t=t: torch.lerp(a, b, t[:, None, None]),  # type: ignore[misc]
                None,
                pairs,
            ),
            compare(
                "slerp path, backward",
                shape,
                lambda line=line, t=t: backward(line, lambda x: latent_path(x, t, "slerp")),  # type: ignore[misc]
                lambda line=line, t=t: backward(line, lambda x: plain_slerp(x[0], x[1], t)),  # type: ignore[misc]
                None,
                pairs,
            ),
        ]
    return results


def backward(line: Tensor, f: Callable[[Tensor], Tensor]) -> None:
    line = line.detach().requires_grad_()
    out = f(line)
    torch.autograd.grad(out, line, torch.ones_like(out))


def arithmetic_cases(pairs: int) -> list[Result]:
    """Against a product and a sum that broadcast, which is the best plain torch, and against a loop over steps."""
    results = []
    for steps, rows, cols, count in ((16, 1, 512, 1), (60, 16, 512, 5), (64, 64, 4096, 1)):
        z, directions, alpha = torch.randn(rows, cols), torch.randn(count, cols), torch.randn(steps, count)
        shape = f"{steps}x{rows}x{cols}, {count}"

        def ours(z: Tensor = z, directions: Tensor = directions, alpha: Tensor = alpha) -> Tensor:
            return latent_arithmetic(z, directions, alpha)

        def broadcast(z: Tensor = z, directions: Tensor = directions, alpha: Tensor = alpha) -> Tensor:
            return z + (alpha @ directions)[:, None]

        def loop(z: Tensor = z, directions: Tensor = directions, alpha: Tensor = alpha) -> Tensor:
            return torch.stack([z + a @ directions for a in alpha])

        results += [
            compare("arithmetic", shape, ours, broadcast, None, pairs),
            compare("arithmetic, against a loop", shape, ours, loop, None, pairs),
        ]
    return results
