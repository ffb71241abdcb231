"""Every public function of the kernels, called once on small tensors: for tests of what holds for each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from gdl_core import kernels
from gdl_core.kernels import make_filter, make_key

Result = Tensor | tuple[Tensor, ...]


class Call(NamedTuple):
    """A function of tensors; the first `floating` of them may have any floating dtype."""

    function: Callable[..., Result]
    inputs: tuple[Tensor, ...]
    floating: int


NOT_OF_TENSORS = {"info", "make_filter", "make_key"}


def names() -> set[str]:
    return {name for name in kernels.__all__ if callable(getattr(kernels, name))} - NOT_OF_TENSORS


def calls() -> dict[str, Call]:
    """The calls by name: that of the function, and where there are several a word more."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    key, taps = make_key(3), make_filter()
    t = torch.tensor([0.0, 0.3, 1.2])
    a, b, line = normal(4, 6), normal(4, 6), normal(3, 4, 6)
    mixture = (normal(5, 3), normal(5, 3, 7), normal(5, 3, 7))
    pictures = normal(2, 3, 8, 8)
    k = kernels
    return {
        "randn": Call(lambda key: k.randn((4, 6), key=key), (key,), 0),
        "uniform": Call(lambda key: k.uniform((4, 6), key=key), (key,), 0),
        "reparameterize": Call(lambda m, v, key: k.reparameterize(m, v, key=key), (a, b, key), 2),
        "reparameterize, kl": Call(lambda m, v, key: k.reparameterize(m, v, key=key, kl="mean"), (a, b, key), 2),
        "reparameterize, free bits": Call(
            lambda m, v, key: k.reparameterize(m, v, key=key, kl="mean", free_bits=0.5), (a, b, key), 2
        ),
        "lerp": Call(lambda a, b, t: k.lerp(a, b, t), (a, b, t), 2),
        "slerp": Call(lambda a, b, t: k.slerp(a, b, t), (a, b, t), 2),
        "latent_path": Call(lambda x, t: k.latent_path(x, t, "slerp", normalize=True), (line, t), 1),
        "latent_path, closed": Call(lambda x, t: k.latent_path(x, t, "catmull-rom", closed=True), (line, t), 1),
        "latent_arithmetic": Call(lambda z, v, alpha: k.latent_arithmetic(z, v, alpha), (a, b, normal(5, 4)), 2),
        "mdn_nll": Call(lambda logits, m, s, x: k.mdn_nll(logits, m, s, x), (*mixture, normal(5, 7)), 4),
        "mdn_sample": Call(
            lambda logits, m, s, key: k.mdn_sample(logits, m, s, key=key, temperature=0.8), (*mixture, key), 3
        ),
        "bias_act": Call(lambda x, b: k.bias_act(x, b, clamp=1.0), (pictures, normal(3)), 1),
        "resample": Call(lambda x, taps: k.resample(x, taps, up=2, padding=2), (pictures, taps), 1),
        "upsample2d": Call(lambda x, taps: k.upsample2d(x, taps), (pictures, taps), 1),
        "downsample2d": Call(lambda x, taps: k.downsample2d(x, taps), (pictures, taps), 1),
    }


def results(call: Call, dtype: torch.dtype = torch.float32) -> tuple[Tensor, ...]:
    """What a call gives, its floating inputs in this dtype."""
    return _apply(call, [x.to(dtype) if i < call.floating else x for i, x in enumerate(call.inputs)])


def results_and_gradients(call: Call, dtype: torch.dtype, autocast: bool) -> tuple[Tensor, ...]:
    """What a call gives and the gradients of its sum with respect to the floating inputs, of this dtype.

    Autocast, which stands for the forward pass alone as torch's manual has it, is on or off.
    """
    floating = [x.to(dtype).requires_grad_() for x in call.inputs[: call.floating]]
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        out = _apply(call, [*floating, *call.inputs[call.floating :]])
    total = torch.stack([x.float().sum() for x in out if x.dtype.is_floating_point]).sum()
    if not total.requires_grad:
        return out
    return *(x.detach() for x in out), *torch.autograd.grad(total, floating, allow_unused=True, materialize_grads=True)


def _apply(call: Call, given: list[Tensor]) -> tuple[Tensor, ...]:
    out = call.function(*given)
    return out if isinstance(out, tuple) else (out,)
