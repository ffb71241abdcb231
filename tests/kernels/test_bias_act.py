"""Biased activation: values, gradients of every order, limits, dtypes, and what it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from kernels.impls import IMPLS, needs_native
from torch import Tensor
from torch.autograd import grad, gradcheck, gradgradcheck
from torch.func import grad as func_grad
from torch.func import vmap  # type: ignore[attr-defined]
from torch.library import opcheck

from gdl_core.kernels import bias_act

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.*is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*autograd.function.Function.*should not be instantiated:DeprecationWarning"),
]

ACTS = ["linear", "relu", "lrelu"]
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 3e-3}
# shape and the dimension of the bias
SHAPES = [
    ((7,), None), ((5,), 0), ((0, 3, 4), 1), ((2, 0, 4), 1), ((2, 3, 0), 1), ((1, 1), 1), ((64, 33), 1), ((3, 5, 1), 1),
    ((4, 6, 3), 0), ((2, 3, 4, 4), -3), ((2, 5, 3, 21), 1), ((3, 2, 65), 1), ((2, 3, 64, 65), 1), ((300, 17), -1),
]  # fmt: skip


def inputs(shape: tuple[int, ...], dim: int | None, dtype: torch.dtype) -> tuple[Tensor, Tensor | None]:
    torch.manual_seed(0)
    x = torch.randn(shape).to(dtype).requires_grad_()
    return x, None if dim is None else torch.randn(shape[dim]).to(dtype).requires_grad_()


def energy(tensors: list[Tensor]) -> Tensor:
    """A curved function whose gradients stay within half precision."""
    return sum((t.double() / (1 + t.detach().abs().max())).square().sum() for t in tensors if t.numel())  # type: ignore[return-value]


def all_orders(x: Tensor, bias: Tensor | None, **settings: Any) -> list[Tensor]:
    """The result, its gradients, the gradients of a function of those, and theirs."""
    wanted = [x] if bias is None else [x, bias]
    orders: list[list[Tensor]] = [[bias_act(x, bias, **settings)]]
    for _ in range(3 if x.numel() else 0):
        orders.append(list(grad(energy(orders[-1]), wanted, create_graph=True)))
    return [t.detach() for order in orders for t in order]


@needs_native
@pytest.mark.parametrize(("shape", "dim"), SHAPES)
@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("clamp", [None, 0.8])
def test_native_is_the_float64_reference_to_rounding(
    shape: tuple[int, ...], dim: int | None, dtype: torch.dtype, act: str, clamp: float | None
) -> None:
    x, bias = inputs(shape, dim, dtype)
    limit = None if clamp is None else torch.tensor(clamp, dtype=dtype).item()
    settings: dict[str, Any] = {"dim": 1 if dim is None else dim, "act": act, "clamp": limit}
    if limit is not None:  # values at a limit only by rounding have no gradient natively: move them away from it
        with torch.no_grad():
            for _ in range(20):
                value = bias_act(x.double(), None if bias is None else bias.double(), **settings | {"clamp": None})
                x[(value.abs() - limit).abs() < 0.03] -= 0.25
    wanted = all_orders(*(t if t is None else t.detach().double().requires_grad_() for t in (x, bias)), **settings)
    for actual, expected in zip(all_orders(x, bias, impl="native", **settings), wanted, strict=True):
        assert actual.dtype == dtype
        tolerance, scale = TOLERANCE[dtype], max(1.0, float(expected.abs().max()) if expected.numel() else 0.0)
        torch.testing.assert_close(actual.double(), expected, rtol=4 * tolerance, atol=4 * tolerance * scale)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("clamp", [None, 0.8])
def test_the_reference_has_the_gradients_of_its_values(act: str, clamp: float | None) -> None:
    x, bias = inputs((2, 3, 5), 1, torch.float64)

    def f(x: Tensor, b: Tensor) -> Tensor:
        return bias_act(x, b, act=act, clamp=clamp)  # type: ignore[arg-type]

    assert gradcheck(f, (x, bias))
    assert gradgradcheck(f, (x, bias))


@pytest.mark.parametrize("impl", IMPLS)
def test_it_is_what_karras_et_al_write(impl: str) -> None:
    x, bias = inputs((2, 3, 4, 5), 1, torch.float32)
    assert bias is not None
    shifted = x + bias[None, :, None, None]
    torch.testing.assert_close(bias_act(x, bias, impl=impl), F.leaky_relu(shifted, 0.2) * math.sqrt(2))  # type: ignore[arg-type]
    torch.testing.assert_close(bias_act(x, bias, act="relu", impl=impl), F.relu(shifted) * math.sqrt(2))  # type: ignore[arg-type]
    assert torch.equal(bias_act(x, bias, act="linear", impl=impl), shifted)  # type: ignore[arg-type]


@pytest.mark.parametrize("impl", IMPLS)
@given(
    seed=st.integers(0, 10**6),
    alpha=st.floats(0, 2, width=32),
    gain=st.floats(0.0625, 16, width=32),
    clamp=st.floats(0.0625, 4, width=32),
)
def test_laws(impl: Any, seed: int, alpha: float, gain: float, clamp: float) -> None:
    torch.manual_seed(seed)
    x, bias = torch.randn(3, 4, 5), torch.randn(4)
    out = bias_act(x, bias, alpha=alpha, gain=gain, impl=impl)
    bounded = bias_act(x, bias, alpha=alpha, gain=gain, clamp=clamp, impl=impl)
    assert bounded.abs().max() <= clamp
    assert torch.equal(bounded, out.clamp(-clamp, clamp))
    shifted = x + bias[:, None]
    torch.testing.assert_close(out, gain * torch.where(shifted > 0, shifted, alpha * shifted))
    assert torch.equal(
        bias_act(x, bias, alpha=alpha, gain=gain, impl=impl),
        bias_act(x + bias[:, None], alpha=alpha, gain=gain, impl=impl),
    )


@pytest.mark.parametrize("impl", IMPLS)
def test_edges(impl: Any) -> None:
    x = torch.tensor([0.0, -math.inf, math.inf, math.nan, 3.0, -3.0], requires_grad=True)
    out = bias_act(x, act="relu", gain=1.0, impl=impl)
    assert out[:3].tolist() == [0, 0, math.inf]
    assert out[3].isnan()
    slope = grad(bias_act(x, gain=1.0, clamp=3.0, impl=impl).nan_to_num().sum(), x)[0]
    torch.testing.assert_close(slope, torch.tensor([0.2, 0.0, 0.0, 0.0, 0.0, 0.2]))  # 3.0 is at the limit
    overflowing = grad(bias_act(x[:2], act="relu", impl=impl), x, torch.full((2,), math.inf))[0]
    assert overflowing[:2].tolist() == [0, 0]


@pytest.mark.parametrize("impl", IMPLS)
def test_layouts_and_mixed_dtypes(impl: Any) -> None:
    x, bias = torch.randn(2, 6, 5, 7), torch.randn(6)
    expected = bias_act(x, bias)
    for other in (x.to(memory_format=torch.channels_last), x.transpose(2, 3).contiguous().transpose(2, 3)):
        out = bias_act(other, bias, impl=impl)
        torch.testing.assert_close(out, expected)
    unaligned = torch.randn(x.numel() + 1)[1:].reshape(x.shape)
    torch.testing.assert_close(bias_act(unaligned, bias, impl=impl), bias_act(unaligned.clone(), bias))
    half, weights = x.bfloat16().requires_grad_(), bias.clone().requires_grad_()
    out = bias_act(half, weights, impl=impl)
    assert out.dtype == torch.bfloat16
    assert [g.dtype for g in grad(out.sum(), (half, weights))] == [torch.bfloat16, torch.float32]
    with torch.autocast("cpu", torch.bfloat16):
        assert bias_act(x, bias, impl=impl).dtype == torch.float32
        assert torch.equal(bias_act(x, bias, impl=impl), bias_act(x, bias, impl=impl))


@needs_native
def test_it_saves_its_result_alone() -> None:
    x, bias = torch.randn(2, 3, 4), torch.randn(3, requires_grad=True)
    kept: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):  # type: ignore[func-returns-value]
        out = bias_act(x, bias, impl="native")
        linear = bias_act(x, bias, act="linear", impl="native")
    assert [t.data_ptr() for t in kept] == [out.data_ptr()]
    assert linear.requires_grad


@needs_native
@pytest.mark.parametrize("shape", [(16, 8, 30, 31), (500, 40), (2, 3, 9000)])
def test_bits_do_not_depend_on_threads(shape: tuple[int, ...]) -> None:
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(all_orders(*inputs(shape, 1, torch.float32), impl="native"))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@needs_native
@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_opcheck(dtype: torch.dtype) -> None:
    x, bias = torch.randn(2, 3, 5).to(dtype), torch.randn(3)
    ops = torch.ops.gdl
    opcheck(ops.bias_act_forward.default, (x, bias, 1, True, 1.4, 0.3, math.inf))
    opcheck(ops.bias_act_forward.default, (x.transpose(0, 2), x, 0, False, 1.4, 0.3, 0.5))
    opcheck(ops.bias_act_backward.default, (x, x, 1, True, 1.4, 0.3, 0.5))
    opcheck(ops.bias_act_backward.default, (x, x, 0, False, 1.4, 0.3, math.inf))


@pytest.mark.parametrize("impl", IMPLS)
def test_compiled_and_transformed(impl: Any) -> None:
    torch._dynamo.reset()
    compiled: Callable[..., Tensor] = torch.compile(
        lambda x, b: bias_act(x, b, clamp=1.5, impl=impl), fullgraph=True, backend="aot_eager"
    )
    x, bias = inputs((2, 3, 5), 1, torch.float32)
    assert bias is not None
    expected = bias_act(x, bias, clamp=1.5)
    gradients = grad(expected.square().sum(), (x, bias))
    out = compiled(x, bias)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(grad(out.square().sum(), (x, bias)), gradients)

    def loss(x: Tensor, b: Tensor) -> Tensor:
        return bias_act(x, b, clamp=1.5, impl=impl).square().sum()

    torch.testing.assert_close(func_grad(loss, argnums=(0, 1))(x.detach(), bias.detach()), gradients)
    rows = vmap(lambda row: bias_act(row, bias, dim=0, clamp=1.5, impl=impl))(x)
    torch.testing.assert_close(rows, expected)


def test_misuse_is_named() -> None:
    x, bias = torch.zeros(2, 3), torch.zeros(3)
    for wrong, match in (
        (lambda: bias_act(torch.tensor(1.0)), "at least one dimension"),
        (lambda: bias_act(x, torch.zeros(2)), r"bias must be \(3,\)"),
        (lambda: bias_act(x, torch.zeros(1, 3)), "bias must be"),
        (lambda: bias_act(x, bias, dim=2), "dim must be"),
        (lambda: bias_act(x, bias, act="silu"), "'silu'"),  # type: ignore[arg-type]
        (lambda: bias_act(x, alpha=-0.1), "alpha"),
        (lambda: bias_act(x, gain=0.0), "gain"),
        (lambda: bias_act(x, clamp=0.0), "clamp"),
    ):
        with pytest.raises(ValueError, match=match):
            wrong()
    for integers in (lambda: bias_act(x.int()), lambda: bias_act(x, bias.int())):
        with pytest.raises(TypeError, match="floating"):
            integers()
    if torch.ops.gdl is not None and hasattr(torch.ops.gdl, "bias_act_forward"):
        for bad in (
            lambda: torch.ops.gdl.bias_act_forward(x, bias.double(), 1, True, 1.0, 1.0, 1.0),
            lambda: torch.ops.gdl.bias_act_forward(x, bias, 2, True, 1.0, 1.0, 1.0),
            lambda: torch.ops.gdl.bias_act_forward(x, bias, 1, True, -1.0, 1.0, 1.0),
            lambda: torch.ops.gdl.bias_act_backward(x, x[:1], 1, True, 1.0, 1.0, 1.0),
        ):
            with pytest.raises(RuntimeError, match="gdl"):
                bad()
