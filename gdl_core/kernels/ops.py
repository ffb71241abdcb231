"""The native ops as torch sees them: typed calls, their shapes for torch.compile, and vmap for the noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gdl_core.kernels import philox
from gdl_core.kernels._load import LOADED, use_native

# What becomes of the rows' KL divergences, as the ops number it; 0 is no KL.
KL_REDUCTIONS = {None: 0, "none": 1, "sum": 2, "mean": 3, "columns": 4}


def _overload(name: str) -> Callable[..., Any]:
    """The op itself: to look it up in `torch.ops` takes a quarter of a microsecond at each call."""
    if LOADED.module is None:
        return _missing
    op: Callable[..., Any] = getattr(torch.ops.gdl, name).default
    return op


def _missing(*arguments: Any) -> Any:
    raise RuntimeError("there are no native kernels")


_BETWEEN, _ARITHMETIC = _overload("between"), _overload("arithmetic")
_RANDN, _UNIFORM = _overload("randn"), _overload("uniform")
_FORWARD, _FORWARD_KEEPING = _overload("reparam_forward"), _overload("reparam_forward_keeping")
_BACKWARD = _overload("reparam_backward")


def _at_once(op: Callable[..., Any]) -> Callable[..., Any]:
    """What calling an op calls: the same dispatch, a third of a microsecond sooner."""
    inner: Callable[..., Any] = getattr(op, "_op", op)
    return inner


# For the shortcuts of small calls, which torch.compile never takes.
BETWEEN, ARITHMETIC = _at_once(_BETWEEN), _at_once(_ARITHMETIC)
RANDN, UNIFORM = _at_once(_RANDN), _at_once(_UNIFORM)
FORWARD = _at_once(_FORWARD)


def outline(shape: Sequence[int], dtype: torch.dtype, device: torch.device | str | None) -> Tensor:
    """A tensor of this shape over the memory of one number, for `randn` and `uniform` to be like."""
    return torch.empty_strided(shape, (0,) * len(shape), dtype=dtype, device=device)


def randn(like: Tensor, key: Tensor) -> Tensor:
    """Noise of the shape, dtype and device of `like`, whose values are not read."""
    out: Tensor = _RANDN(like, key)
    return out


def uniform(like: Tensor, key: Tensor) -> Tensor:
    """Numbers of [0, 1) of the shape, dtype and device of `like`, whose values are not read."""
    out: Tensor = _UNIFORM(like, key)
    return out


def reparam_forward(mean: Tensor, log_var: Tensor, key: Tensor, kl: int) -> tuple[Tensor, Tensor]:
    """Return z and the KL divergence, float32, reduced as `kl` says; an empty tensor for 0."""
    out: tuple[Tensor, Tensor] = _FORWARD(mean, log_var, key, kl)
    return out


def reparam_forward_keeping(mean: Tensor, log_var: Tensor, key: Tensor, kl: int) -> tuple[Tensor, Tensor, Tensor]:
    """As `reparam_forward`, on the CPU, and the noise, float32, of mean's shape."""
    out: tuple[Tensor, Tensor, Tensor] = _FORWARD_KEEPING(mean, log_var, key, kl)
    return out


def reparam_backward(
    grad_z: Tensor | None, grad_kl: Tensor | None, mean: Tensor, log_var: Tensor, noise: Tensor, kl: int
) -> tuple[Tensor, Tensor]:
    """Return the gradients of mean and log_var; at least one of grad_z and grad_kl is given, and noise or its key."""
    # mean stands for what is absent: optional arguments have no stable form in torch's C interface.
    grad_mean, grad_log_var = _BACKWARD(
        mean if grad_z is None else grad_z,
        mean if grad_kl is None else grad_kl,
        mean,
        log_var,
        noise,
        grad_z is not None,
        0 if grad_kl is None else kl,
    )
    if grad_kl is None:
        assert grad_z is not None
        return grad_z, grad_log_var
    return grad_mean, grad_log_var


class Line(NamedTuple):
    """What a line through keyframes is, as the ops take it; the numbers of the modes are theirs."""

    mode: int
    normalize: bool
    closed: bool


def path_forward(keyframes: Tensor, t: Tensor, line: Line) -> Tensor:
    """Points (steps, rows, cols) of the line through keyframes (count, rows, cols) at times t (steps) float32."""
    out: Tensor = torch.ops.gdl.path_forward.default(keyframes, t, *line)
    return out


def between(a: Tensor, b: Tensor, t: Tensor, line: Line) -> Tensor:
    """Points (steps, rows, cols) of the open line from a to b (rows, cols) at times t (steps) float32."""
    out: Tensor = _BETWEEN(a, b, t, line.mode, line.normalize)
    return out


def path_backward(grad_out: Tensor, keyframes: Tensor, t: Tensor, line: Line) -> tuple[Tensor, Tensor]:
    """Return the gradients of keyframes and t."""
    out: tuple[Tensor, Tensor] = torch.ops.gdl.path_backward.default(grad_out, keyframes, t, *line)
    return out


def arithmetic(z: Tensor, directions: Tensor, alpha: Tensor) -> Tensor:
    """Return z (rows, cols) + alpha (steps, count) float32 @ directions (count, cols), (steps, rows, cols)."""
    out: Tensor = _ARITHMETIC(z, directions, alpha)
    return out


def mdn_nll_forward(logits: Tensor, mean: Tensor, log_std: Tensor, target: Tensor) -> Tensor:
    """Negative log-likelihood (rows) float32 of target (rows, cols) under mixtures: mean (rows, components, cols)."""
    out: Tensor = torch.ops.gdl.mdn_nll_forward.default(logits, mean, log_std, target)
    return out


def mdn_nll_backward(
    grad: Tensor, logits: Tensor, mean: Tensor, log_std: Tensor, target: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the gradients of logits, mean, log_std and target."""
    out: tuple[Tensor, Tensor, Tensor, Tensor] = torch.ops.gdl.mdn_nll_backward.default(
        grad, logits, mean, log_std, target
    )
    return out


def mdn_sample(logits: Tensor, mean: Tensor, log_std: Tensor, key: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Return x (rows, cols) and the components (rows) int64 that it was drawn from."""
    out: tuple[Tensor, Tensor] = torch.ops.gdl.mdn_sample.default(logits, mean, log_std, key, temperature)
    return out


def bias_act_forward(x: Tensor, bias: Tensor | None, dim: int, slopes: tuple[float, float, float]) -> Tensor:
    """Return the activation; slopes are those above and below zero and the limit, bias is float32."""
    out: Tensor = torch.ops.gdl.bias_act_forward.default(x, x if bias is None else bias, dim, bias is not None, *slopes)
    return out


def bias_act_backward(
    grad: Tensor, out: Tensor, dim: int, with_bias: bool, slopes: tuple[float, float, float]
) -> tuple[Tensor, Tensor]:
    """Return the gradients of x and bias (float32, empty if not wanted)."""
    grads: tuple[Tensor, Tensor] = torch.ops.gdl.bias_act_backward.default(grad, out, dim, with_bias, *slopes)
    return grads


def resample(x: Tensor, taps: Tensor, grid: tuple[int, int, int, int, int, int], flip: bool, gain: float) -> Tensor:
    """Return the resampled pictures; grid is (up, down, left, right, top, bottom), taps are float32."""
    out: Tensor = torch.ops.gdl.resample.default(x, taps, *grid, flip, gain)
    return out


def noise_like(tensor: Tensor, key: Tensor) -> Tensor:
    """Float32 noise for a tensor, by the fastest way that works under every transform."""
    if use_native("auto", tensor.device, torch.float32):
        return randn(outline(tensor.shape, torch.float32, tensor.device), key)
    return philox.noise(tensor.shape, key, tensor.device)


def _fake_randn(like: Tensor, key: Tensor) -> Tensor:
    return torch.empty_like(like, memory_format=torch.contiguous_format)


def _fake_reparam_forward(mean: Tensor, log_var: Tensor, key: Tensor, kl: int) -> tuple[Tensor, Tensor]:
    per_row = mean.shape[:1] if mean.dim() >= 2 else ()
    per_column = (mean.shape[1:].numel() if mean.dim() >= 2 else mean.numel(),)
    shape = {0: (0,), 1: per_row, 4: per_column}.get(kl, ())
    return _fake_randn(mean, key), mean.new_empty(shape, dtype=torch.float32)


def _fake_reparam_forward_keeping(mean: Tensor, log_var: Tensor, key: Tensor, kl: int) -> tuple[Tensor, Tensor, Tensor]:
    return *_fake_reparam_forward(mean, log_var, key, kl), mean.new_empty(mean.shape, dtype=torch.float32)


def _fake_reparam_backward(
    grad_z: Tensor, grad_kl: Tensor, mean: Tensor, log_var: Tensor, noise: Tensor, has_grad_z: bool, kl: int
) -> tuple[Tensor, Tensor]:
    return _fake_randn(mean, noise) if kl else mean.new_empty((0,)), _fake_randn(mean, noise)


def _fake_path_forward(keyframes: Tensor, t: Tensor, mode: int, normalize: bool, closed: bool) -> Tensor:
    return keyframes.new_empty((t.shape[0], *keyframes.shape[1:]))


def _fake_between(a: Tensor, b: Tensor, t: Tensor, mode: int, normalize: bool) -> Tensor:
    return a.new_empty((t.shape[0], *a.shape))


def _fake_path_backward(
    grad_out: Tensor, keyframes: Tensor, t: Tensor, mode: int, normalize: bool, closed: bool
) -> tuple[Tensor, Tensor]:
    return keyframes.new_empty(keyframes.shape), t.new_empty(t.shape)


def _fake_arithmetic(z: Tensor, directions: Tensor, alpha: Tensor) -> Tensor:
    return z.new_empty((alpha.shape[0], *z.shape))


def _fake_mdn_nll_forward(logits: Tensor, mean: Tensor, log_std: Tensor, target: Tensor) -> Tensor:
    return mean.new_empty(mean.shape[:1], dtype=torch.float32)


def _fake_mdn_nll_backward(
    grad: Tensor, logits: Tensor, mean: Tensor, log_std: Tensor, target: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return (
        logits.new_empty(logits.shape),
        mean.new_empty(mean.shape),
        log_std.new_empty(log_std.shape),
        target.new_empty(target.shape),
    )


def _fake_mdn_sample(
    logits: Tensor, mean: Tensor, log_std: Tensor, key: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    rows, _, cols = mean.shape
    return mean.new_empty((rows, cols)), mean.new_empty((rows,), dtype=torch.int64)


def _fake_bias_act_forward(
    x: Tensor, bias: Tensor, dim: int, has_bias: bool, positive: float, negative: float, limit: float
) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _fake_bias_act_backward(
    grad_out: Tensor, out: Tensor, dim: int, has_bias: bool, positive: float, negative: float, limit: float
) -> tuple[Tensor, Tensor]:
    channels = out.shape[dim] if has_bias else 0
    grad_x = torch.empty_like(out, memory_format=torch.contiguous_format)
    return grad_x, out.new_empty((channels,), dtype=torch.float32)


def _fake_resample(x: Tensor, taps: Tensor, up: int, down: int, *rest: Any) -> Tensor:
    left, right, top, bottom = rest[:4]
    height = (x.shape[2] * up + top + bottom - taps.shape[0]) // down + 1
    width = (x.shape[3] * up + left + right - taps.shape[0]) // down + 1
    return x.new_empty((x.shape[0], x.shape[1], height, width))


def _register_vmap(name: str, draw: Callable[[Tensor, Tensor], Tensor]) -> None:
    """One call for each key: an unbatched key draws the same noise for every sample and never comes here."""

    def rule(info: Any, in_dims: tuple[int | None, int | None], like: Tensor, key: Tensor) -> tuple[Tensor, int]:
        like_dim, key_dim = in_dims
        likes = [like] * info.batch_size if like_dim is None else list(like.unbind(like_dim))
        drawn = [draw(x, key if key_dim is None else key.select(key_dim, i)) for i, x in enumerate(likes)]
        return torch.stack(drawn) if drawn else like.new_empty((0, *like.shape)), 0

    torch.library.register_vmap(name, rule)


def _register() -> None:
    torch.library.register_fake("gdl::randn", _fake_randn)
    torch.library.register_fake("gdl::uniform", _fake_randn)
    torch.library.register_fake("gdl::reparam_forward", _fake_reparam_forward)
    torch.library.register_fake("gdl::reparam_forward_keeping", _fake_reparam_forward_keeping)
    torch.library.register_fake("gdl::reparam_backward", _fake_reparam_backward)
    torch.library.register_fake("gdl::path_forward", _fake_path_forward)
    torch.library.register_fake("gdl::between", _fake_between)
    torch.library.register_fake("gdl::path_backward", _fake_path_backward)
    torch.library.register_fake("gdl::mdn_nll_forward", _fake_mdn_nll_forward)
    torch.library.register_fake("gdl::mdn_nll_backward", _fake_mdn_nll_backward)
    torch.library.register_fake("gdl::mdn_sample", _fake_mdn_sample)
    torch.library.register_fake("gdl::arithmetic", _fake_arithmetic)
    torch.library.register_fake("gdl::bias_act_forward", _fake_bias_act_forward)
    torch.library.register_fake("gdl::bias_act_backward", _fake_bias_act_backward)
    torch.library.register_fake("gdl::resample", _fake_resample)
    _register_vmap("gdl::randn", randn)
    _register_vmap("gdl::uniform", uniform)


if LOADED.module is not None:
    _register()
