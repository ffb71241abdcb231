"""Lines and arithmetic in latent space."""

from __future__ import annotations

import numpy as np
import torch
from kernel_case import Operation, Pass, Shape, Subject, linear, once_each
from torch import Tensor

from gdl_core.kernels import latent_arithmetic, latent_path, lerp, slerp
from gdl_core.kernels.path import Mode

SHAPES: list[Shape] = [(16, 1, 512), (60, 16, 512), (64, 64, 4096)]  # steps, latents, dimensions
DIRECTIONS = {512: {1: 1, 16: 5}, 4096: {64: 1}}  # by dimensions and latents
KEYFRAMES = 8


def plain_slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """t broadcasts over a and b."""
    cosine = ((a / a.norm(dim=-1, keepdim=True)) * (b / b.norm(dim=-1, keepdim=True))).sum(-1, keepdim=True)
    omega = torch.acos(cosine.clamp(-1, 1))
    sine = torch.sin(omega)
    return torch.sin((1 - t) * omega) / sine * a + torch.sin(t * omega) / sine * b


def numpy_slerp(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(a, axis=-1, keepdims=True) * np.linalg.norm(b, axis=-1, keepdims=True)
    omega = np.arccos(np.clip((a * b).sum(-1, keepdims=True) / norms, -1, 1))
    sine = np.sin(omega)
    return np.sin((1 - t) * omega) / sine * a + np.sin(t * omega) / sine * b


def plain_segment(keyframes: Tensor, index: Tensor | int, t: Tensor, mode: Mode) -> Tensor:
    """The points t of the segments that begin with the keyframes of an open line at `index`, which broadcasts."""
    last = len(keyframes) - 1
    a, b = keyframes[index], keyframes[index + 1]
    if mode == "slerp":
        return plain_slerp(a, b, t)
    if isinstance(index, int):
        before = keyframes[index - 1] if index > 0 else 2 * a - b
        after = keyframes[index + 2] if index < last - 1 else 2 * b - a
    else:
        before = torch.where((index == 0)[:, None, None], 2 * a - b, keyframes[(index - 1).clamp(min=0)])
        after = torch.where((index == last - 1)[:, None, None], 2 * b - a, keyframes[(index + 2).clamp(max=last)])
    square, cube = t * t, t * t * t
    return 0.5 * (
        (-cube + 2 * square - t) * before
        + (3 * cube - 5 * square + 2) * a
        + (-3 * cube + 4 * square + t) * b
        + (cube - square) * after
    )


def make_between(shape: Shape, dtype: torch.dtype, device: str, spherical: bool) -> Subject:
    steps, rows, cols = shape
    t = torch.linspace(0, 1, steps, device=device)
    times = t.to(dtype)  # of one dimension, as ours gets them
    column_array = t.cpu().numpy()[:, None, None]

    def ours(a: Tensor, b: Tensor) -> Tensor:
        return slerp(a, b, t) if spherical else lerp(a, b, t)

    def plain(a: Tensor, b: Tensor) -> Tensor:
        column = times[:, None, None]
        return plain_slerp(a, b, column) if spherical else torch.lerp(a, b, column)

    def arrays(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return numpy_slerp(a, b, column_array) if spherical else a + column_array * (b - a)

    inputs = [torch.randn(rows, cols, device=device).to(dtype) for _ in range(2)]
    return Subject(inputs, ours, {"eager": plain}, plain, arrays)


def between_goals(spherical: bool, device: str, dtype: torch.dtype, kind: Pass) -> dict[str, float]:
    if device != "cpu" or dtype != torch.float32 or kind != "forward":
        return {}
    return {"eager": 4.0 if spherical else 0.95}


def make_path(shape: Shape, dtype: torch.dtype, device: str, mode: Mode) -> Subject:
    """Rivals: keyframes gathered for each step, the shortest to write, and a loop over the segments, the fastest."""
    steps, rows, cols = shape
    t = torch.linspace(0, KEYFRAMES - 1, steps, device=device)
    index = t.floor().long().clamp(0, KEYFRAMES - 2)
    inside = (t - index).to(dtype)[:, None, None]
    segments = [(i, inside[index == i]) for i in range(KEYFRAMES - 1)]

    def ours(keyframes: Tensor) -> Tensor:
        return latent_path(keyframes, t, mode)

    def gathered(keyframes: Tensor) -> Tensor:
        return plain_segment(keyframes, index, inside, mode)

    def loop(keyframes: Tensor) -> Tensor:
        return torch.cat([plain_segment(keyframes, i, times, mode) for i, times in segments])

    inputs = [torch.randn(KEYFRAMES, rows, cols, device=device).to(dtype)]
    return Subject(inputs, ours, {"eager": gathered, "loop": loop}, loop)


def directions_of(shape: Shape) -> int:
    return DIRECTIONS[shape[2]][shape[1]]


def make_arithmetic(shape: Shape, dtype: torch.dtype, device: str) -> Subject:
    """Rivals: a product and a sum that broadcast, which is the best plain torch, and a loop over the steps."""
    steps, rows, cols = shape
    count = directions_of(shape)
    strengths = torch.randn(steps, count, device=device)
    alpha, alpha_array = strengths.to(dtype), strengths.cpu().numpy()

    def ours(z: Tensor, directions: Tensor) -> Tensor:
        return latent_arithmetic(z, directions, strengths)

    def broadcast(z: Tensor, directions: Tensor) -> Tensor:
        return z + (alpha @ directions)[:, None]

    def loop(z: Tensor, directions: Tensor) -> Tensor:
        return torch.stack([z + a @ directions for a in alpha])

    def arrays(z: np.ndarray, directions: np.ndarray) -> np.ndarray:
        return z + (alpha_array @ directions)[:, None]

    inputs = [torch.randn(n, cols, device=device).to(dtype) for n in (rows, count)]
    return Subject(inputs, ours, {"eager": broadcast, "loop": loop}, broadcast, arrays)


def arithmetic_goals(device: str, dtype: torch.dtype, kind: Pass, shape: Shape) -> dict[str, float]:
    judged = device == "cpu" and dtype == torch.float32 and kind == "forward"
    return {"eager": 2.0, "loop": 2.0} if judged else {}


def _between(op: str, spherical: bool) -> Operation:
    return Operation(
        "lines",
        op,
        "path",
        SHAPES,
        lambda shape, dtype, device: make_between(shape, dtype, device, spherical),
        passes=("forward", "backward", "full"),
        half_shapes=SHAPES[1:2],
        compiled=("forward",),
        goals=lambda device, dtype, kind, shape: between_goals(spherical, device, dtype, kind),
        moved=once_each if spherical else linear,
    )


def _path(mode: Mode) -> Operation:
    return Operation(
        "lines",
        "latent_path",
        f"{mode}, {KEYFRAMES} keyframes",
        SHAPES[1:],
        lambda shape, dtype, device: make_path(shape, dtype, device, mode),
        passes=("forward", "full"),
        half_shapes=SHAPES[1:2],
    )


OPERATIONS = [
    _between("slerp", True),
    _between("lerp", False),
    _path("slerp"),
    _path("catmull-rom"),
    Operation(
        "lines",
        "latent_arithmetic",
        "",
        SHAPES,
        make_arithmetic,
        passes=("forward", "full"),
        half_shapes=SHAPES[1:2],
        goals=arithmetic_goals,
        moved=linear,
        label=lambda shape: f"{'x'.join(map(str, shape))}, {directions_of(shape)}",
    ),
]
