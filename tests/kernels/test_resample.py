"""Resampling with a filter: values, sizes, gradients of every order, the helpers, and what it refuses."""

from __future__ import annotations

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

from gdl_core.kernels import downsample2d, make_filter, resample, upsample2d

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.*is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*autograd.function.Function.*should not be instantiated:DeprecationWarning"),
]

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 3e-3}
FACTORS = [(1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (1, 3), (3, 2), (2, 3)]
PADDINGS: list[Any] = [(4, 3), (3, 0, 1, 4), (-1, 5, 6, -2), 9]
PLAIN = make_filter()


def energy(x: Tensor) -> Tensor:
    """A curved function whose gradients stay within half precision."""
    return (x.double() / (1 + x.detach().abs().max())).square().sum()


def all_orders(x: Tensor, taps: Tensor, **settings: Any) -> list[Tensor]:
    orders = [resample(x, taps, **settings)]
    for _ in range(3):
        orders += grad(energy(orders[-1]), x, create_graph=True)
    return [t.detach() for t in orders]


@needs_native
@pytest.mark.parametrize(("up", "down"), FACTORS)
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("count", [1, 3, 4, 9])
@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_native_is_the_float64_reference_to_rounding(
    dtype: torch.dtype, count: int, padding: Any, up: int, down: int
) -> None:
    torch.manual_seed(0)
    taps, tolerance = torch.randn(count), TOLERANCE[dtype]
    for shape in ((2, 3, 9, 8), (1, 2, 7, 33), (1, 1, 5, 65), (1, 1, 6, 2100 if count == 4 else 16)):
        x = torch.randn(shape).to(dtype).requires_grad_()
        settings: dict[str, Any] = {"up": up, "down": down, "padding": padding, "flip": count == 9, "gain": 0.5}
        wanted = all_orders(x.detach().double().requires_grad_(), taps, **settings)
        for actual, expected in zip(all_orders(x, taps, impl="native", **settings), wanted, strict=True):
            assert actual.dtype == dtype
            assert actual.shape == expected.shape
            scale = max(1.0, float(expected.abs().max()))
            torch.testing.assert_close(actual.double(), expected, rtol=4 * tolerance, atol=4 * tolerance * scale)


@pytest.mark.parametrize(("up", "down"), [(2, 1), (1, 2), (3, 2)])
def test_the_reference_has_the_gradients_of_its_values(up: int, down: int) -> None:
    x, taps = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True), torch.tensor([1.0, -2.0, 3.0])

    def f(x: Tensor) -> Tensor:
        return resample(x, taps, up=up, down=down, padding=(2, 1, 0, 3))

    assert gradcheck(f, x)
    assert gradgradcheck(f, x)


@pytest.mark.parametrize("impl", IMPLS)
def test_each_step_by_hand(impl: Any) -> None:
    x, taps = torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([4.0, 3.0, 1.0])
    row = {"padding": (2, 2, 1, 1), "gain": 1 / 3, "impl": impl}  # one row, under the middle tap alone
    torch.testing.assert_close(resample(x, taps, **row), torch.tensor([[[[4.0, 11.0, 7.0, 2.0]]]]))
    torch.testing.assert_close(resample(x, taps, flip=True, **row), torch.tensor([[[[1.0, 5.0, 10.0, 8.0]]]]))
    torch.testing.assert_close(resample(x, taps, down=2, **row), torch.tensor([[[[4.0, 7.0]]]]))
    assert resample(x, taps, down=3, **row).tolist() == [[[[4.0, 2.0]]]]
    up = resample(x, taps, up=2, padding=(2, 0, 1, 0), gain=1 / 3, impl=impl)
    torch.testing.assert_close(up, torch.tensor([[[[4.0, 3.0, 9.0, 6.0]]]]))  # 1 0 2 0 with 4 3 1
    cropped = resample(torch.arange(12.0).reshape(1, 1, 3, 4), torch.ones(1), padding=(-1, 0, -2, 0), impl=impl)
    assert cropped.tolist() == [[[[9.0, 10.0, 11.0]]]]


@pytest.mark.parametrize("impl", IMPLS)
def test_the_helpers_are_a_transposed_and_a_strided_convolution(impl: Any) -> None:
    torch.manual_seed(0)
    x, square = torch.randn(2, 3, 6, 8), torch.outer(PLAIN, PLAIN).expand(3, 1, 4, 4)
    wanted = F.conv_transpose2d(x, 4 * square, stride=2, padding=1, groups=3)
    torch.testing.assert_close(upsample2d(x, PLAIN, impl=impl), wanted)
    wanted = F.conv2d(x, square, stride=2, padding=1, groups=3)
    torch.testing.assert_close(downsample2d(x, PLAIN, impl=impl), wanted)
    for side in (1, 2, 5, 8):
        for count in (2, 4, 5, 8):
            taps, picture = make_filter([1.0] * count), torch.ones(1, 1, side, side)
            assert upsample2d(picture, taps, impl=impl).shape == (1, 1, 2 * side, 2 * side)
            if side >= 2:
                assert downsample2d(picture, taps, impl=impl).shape == (1, 1, side // 2, side // 2)


@pytest.mark.parametrize("impl", IMPLS)
def test_the_grid_stays_centred(impl: Any) -> None:
    x = torch.randn(1, 2, 8, 8)
    for f in (upsample2d, downsample2d):
        torch.testing.assert_close(f(x.flip(2, 3), PLAIN, impl=impl).flip(2, 3), f(x, PLAIN, impl=impl))
    inside = upsample2d(torch.ones(1, 1, 8, 8), PLAIN, impl=impl)[..., 2:-2, 2:-2]
    torch.testing.assert_close(inside, torch.ones_like(inside))


@pytest.mark.parametrize("impl", IMPLS)
@given(
    seed=st.integers(0, 10**6),
    factors=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    size=st.tuples(st.integers(1, 20), st.integers(1, 40)),
    count=st.integers(1, 7),
    padding=st.tuples(*[st.integers(-1, 8)] * 4),
)
def test_the_size_is_as_said_and_the_gradient_is_the_transpose(
    impl: Any, seed: int, factors: tuple[int, int], size: tuple[int, int], count: int, padding: Any
) -> None:
    up, down = factors
    left, right, top, bottom = padding
    tall, wide = size[0] * up + top + bottom - count, size[1] * up + left + right - count
    if tall < 0 or wide < 0:
        return
    torch.manual_seed(seed)
    x, taps = torch.randn(1, 2, *size, requires_grad=True), torch.randn(count)
    out = resample(x, taps, up=up, down=down, padding=padding, impl=impl)
    assert out.shape == (1, 2, tall // down + 1, wide // down + 1)
    y = torch.randn(out.shape)
    transposed = grad(out, x, y)[0]
    scale = float(out.detach().norm() * y.norm()) + 1e-3
    assert abs(float((out.detach() * y).sum() - (x.detach() * transposed).sum())) < 1e-5 * scale


@pytest.mark.parametrize("impl", IMPLS)
def test_layouts_dtypes_and_autocast(impl: Any) -> None:
    x = torch.randn(2, 6, 5, 7)
    expected = upsample2d(x, PLAIN)
    for other in (x.to(memory_format=torch.channels_last), x.transpose(2, 3).contiguous().transpose(2, 3)):
        out = upsample2d(other, PLAIN, impl=impl)
        assert out.is_contiguous()
        torch.testing.assert_close(out, expected)
    unaligned = torch.randn(x.numel() + 1)[1:].reshape(x.shape)
    torch.testing.assert_close(upsample2d(unaligned, PLAIN, impl=impl), upsample2d(unaligned.clone(), PLAIN))
    torch.testing.assert_close(upsample2d(x, PLAIN.double(), impl=impl), expected)
    with torch.autocast("cpu", torch.bfloat16):
        out = upsample2d(x, PLAIN, impl=impl)
        assert upsample2d(x.bfloat16(), PLAIN, impl=impl).dtype == torch.bfloat16
    torch.testing.assert_close(out, expected)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 0, 4, 4), (2, 3, 0, 4)])
def test_empty_pictures(shape: tuple[int, ...], impl: Any) -> None:
    x = torch.zeros(shape, requires_grad=True)
    out = resample(x, PLAIN, padding=4, impl=impl)
    assert out.shape == (*shape[:2], shape[2] + 5, shape[3] + 5)
    assert not out.any()
    assert grad(out.sum(), x)[0].shape == shape


@pytest.mark.parametrize("impl", IMPLS)
def test_what_lies_beside_a_picture_does_not_reach_it(impl: Any) -> None:
    x = torch.full((1, 3, 5, 5), torch.nan)
    x[:, 1] = 1
    for f in (upsample2d, downsample2d):
        assert f(x, PLAIN, impl=impl)[:, 1].isfinite().all()


@needs_native
def test_bits_do_not_depend_on_threads() -> None:
    before, results, x = torch.get_num_threads(), [], torch.randn(7, 6, 21, 40)
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append([resample(x, PLAIN, up=u, down=d, padding=3, impl="native") for u, d in FACTORS])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@needs_native
@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize(("up", "down"), [(2, 1), (1, 2), (3, 2)])
def test_opcheck(up: int, down: int, dtype: torch.dtype) -> None:
    x = torch.randn(2, 3, 6, 5).to(dtype)
    opcheck(torch.ops.gdl.resample.default, (x, PLAIN, up, down, 2, 1, -1, 4, False, 2.0))
    opcheck(torch.ops.gdl.resample.default, (x.transpose(2, 3), PLAIN, up, down, 2, 1, 0, 4, True, 1.0))


@pytest.mark.parametrize("impl", IMPLS)
def test_compiled_and_transformed(impl: Any) -> None:
    torch._dynamo.reset()
    compiled: Callable[..., Tensor] = torch.compile(
        lambda x: upsample2d(x, PLAIN, impl=impl), fullgraph=True, backend="aot_eager"
    )
    x = torch.randn(2, 3, 4, 5, requires_grad=True)
    expected = upsample2d(x, PLAIN)
    gradient = grad(expected.square().sum(), x)[0]
    out = compiled(x)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(grad(out.square().sum(), x)[0], gradient)
    by_func = func_grad(lambda x: upsample2d(x, PLAIN, impl=impl).square().sum())(x.detach())
    torch.testing.assert_close(by_func, gradient)
    torch.testing.assert_close(vmap(lambda p: upsample2d(p[None], PLAIN, impl=impl)[0])(x), expected)


def test_misuse_is_named() -> None:
    x = torch.zeros(1, 2, 4, 4)
    for wrong, match in (
        (lambda: resample(x[0], PLAIN), "batch, channels"),
        (lambda: resample(x, torch.outer(PLAIN, PLAIN)), "one dimension"),
        (lambda: resample(x, torch.ones(257), padding=200), "256 taps"),
        (lambda: resample(x, PLAIN, up=0), "up must be"),
        (lambda: resample(x, PLAIN, down=1.5), "down must be"),  # type: ignore[arg-type]
        (lambda: resample(x, PLAIN, padding=(1, 2, 3)), "padding must be"),  # type: ignore[arg-type]
        (lambda: resample(x, PLAIN, padding=-1), "does not fit into 2x2"),
        (lambda: resample(x, PLAIN.clone().requires_grad_()), "detach"),
        (lambda: make_filter([]), "finite sum"),
        (lambda: make_filter([1, -1]), "finite sum"),
    ):
        with pytest.raises(ValueError, match=match):
            wrong()
    for integers in (lambda: resample(x.int(), PLAIN), lambda: resample(x, PLAIN.int())):
        with pytest.raises(TypeError, match="floating"):
            integers()


@needs_native
def test_the_op_refuses_what_does_not_fit() -> None:
    x, op = torch.zeros(1, 2, 4, 4), torch.ops.gdl.resample
    for bad in (
        lambda: op(x[0], PLAIN, 1, 1, 2, 1, 2, 1, False, 1.0),
        lambda: op(x, PLAIN.double(), 1, 1, 2, 1, 2, 1, False, 1.0),
        lambda: op(x, PLAIN, 0, 1, 2, 1, 2, 1, False, 1.0),
        lambda: op(x, PLAIN, 1, 1, -4, 0, 2, 1, False, 1.0),
        lambda: op(x.double(), PLAIN, 1, 1, 2, 1, 2, 1, False, 1.0),
    ):
        with pytest.raises(RuntimeError, match="gdl"):
            bad()
