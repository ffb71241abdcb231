"""Lines through latent space: exact ends, norms on the arc, gradients, many keyframes."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from kernels.impls import IMPLS, needs_native
from torch import Tensor

from gdl_core.kernels import latent_path, lerp, slerp

LINES = [
    pytest.param(
        {"mode": mode, "normalize": normalize, "closed": closed}, id=f"{mode}{'-norm' * normalize}{'-closed' * closed}"
    )
    for mode, normalize in [("lerp", False), ("slerp", False), ("slerp", True), ("catmull-rom", False)]
    for closed in (False, True)
]


def keyframes(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    return torch.randn(shape).to(dtype)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("cols", [1, 2, 3, 4, 63, 64, 65, 4097])
def test_the_path_goes_through_its_keyframes(cols: int, dtype: torch.dtype, line: dict[str, Any], impl: str) -> None:
    points = keyframes(4, 3, cols, dtype=dtype)
    out = latent_path(points, torch.arange(4.0), impl=impl, **line)
    assert out.dtype == dtype
    assert torch.equal(out, points)


@needs_native
@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("shape", [(2, 3, 5), (5, 2, 64), (3, 1, 4097), (4, 0, 5), (3, 2, 0), (3, 7), (2, 3, 2, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_native_is_the_reference_to_rounding(shape: tuple[int, ...], dtype: torch.dtype, line: dict[str, Any]) -> None:
    t = torch.tensor([0.7, -0.3, 0.0, 3.2, 1.0, 1.5, 0.7])
    tolerance = {torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 3e-3}[dtype]
    results = []
    for impl in ("native", "reference"):
        points, time = keyframes(*shape, dtype=dtype).requires_grad_(), t.clone().requires_grad_()
        out = latent_path(points, time, impl=impl, **line)
        assert out.shape == (7, *shape[1:])
        weights = torch.linspace(-1, 1, out.numel()).reshape(out.shape).to(dtype)
        results.append((out, *torch.autograd.grad(out, (points, time), weights)))
    for actual, wanted in zip(*results, strict=True):
        scale = float(wanted.detach().abs().max()) if wanted.numel() else 1.0
        torch.testing.assert_close(actual, wanted, rtol=tolerance, atol=tolerance * max(scale, 1.0))


@pytest.mark.parametrize("impl", IMPLS)
@given(seed=st.integers(0, 10**6), cols=st.integers(2, 40), t=st.floats(0, 1), scale=st.floats(0.01, 100))
def test_slerp_keeps_the_norm(impl: str, seed: int, cols: int, t: float, scale: float) -> None:
    a, b = keyframes(2, 5, cols, seed=seed)
    a, b = (scale * x / x.norm(dim=1, keepdim=True) for x in (a, b))
    sine_squared = (1 - (a * b).sum(1).div(scale**2).square()).clamp(min=0)
    norm = slerp(a, b, t, impl=impl).norm(dim=1) / scale
    # An error of the cosine, here of two roundings, moves the norm between nearly opposite vectors by error / sine^2;
    # below a sine of 1e-3 a row may go straight.
    for relative, conditioning in zip(norm.tolist(), sine_squared.tolist(), strict=True):
        if conditioning > 1e-6:
            assert abs(relative - 1) < 1e-5 + 4 * torch.finfo(torch.float32).eps / conditioning


@pytest.mark.parametrize("impl", IMPLS)
@given(seed=st.integers(0, 10**6), t=st.floats(-0.5, 1.5))
def test_normalize_moves_the_norm_in_a_straight_line(impl: str, seed: int, t: float) -> None:
    a, b = keyframes(2, 1, 16, seed=seed)
    norm = slerp(a, 3 * b, t, normalize=True, impl=impl).norm()
    expected = abs((1 - t) * float(a.norm()) + t * 3 * float(b.norm()))
    torch.testing.assert_close(float(norm), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("impl", IMPLS)
def test_lerp_and_slerp_between_two(impl: str) -> None:
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    half = math.sqrt(0.5)
    assert torch.equal(lerp(a, b, 0.25, impl=impl), torch.tensor([[0.75, 0.25]]))
    torch.testing.assert_close(slerp(a, b, 0.5, impl=impl), torch.tensor([[half, half]]))
    t = torch.tensor([0.0, 0.5, 1.0, 2.0])
    quarter = slerp(a, b, t, impl=impl)
    torch.testing.assert_close(quarter[:, 0], torch.tensor([[1.0, 0.0], [half, half], [0.0, 1.0], [-1.0, 0.0]]))
    assert torch.equal(slerp(a[0], b[0], t, impl=impl), quarter[:, 0])
    assert torch.equal(lerp(a, b, torch.tensor(0.25), impl=impl), lerp(a, b, 0.25, impl=impl))
    assert lerp(a[0], b[0], t, impl=impl).shape == (4, 2)


@needs_native
@pytest.mark.parametrize("mode", [lerp, slerp])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_two_ends_may_lie_anywhere(dtype: torch.dtype, mode: Any) -> None:
    t = torch.linspace(-0.5, 1.5, 9)
    first, second = keyframes(2, 3, 65, dtype=dtype)
    for a, b in (
        (first, second),
        (second, first),
        (first, first),
        (first[:, 1:], second[:, :-1]),
        (first[0], second[1]),
    ):
        line = latent_path(torch.stack((a, b)).reshape(2, -1, a.shape[-1]), t, mode.__name__, impl="native")
        assert torch.equal(mode(a, b, t, impl="native"), line.reshape(9, *a.shape))


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("which", ["parallel", "opposite", "zero", "same"])
def test_rows_without_an_arc_go_straight(which: str, normalize: bool, impl: str) -> None:
    a, other = keyframes(2, 4, 8)
    b = {"parallel": 3 * a, "opposite": -a, "zero": torch.zeros_like(a), "same": a.clone()}[which]
    b[0] = other[0]  # one row with an arc beside them
    a, b = a.requires_grad_(), b.requires_grad_()
    out = slerp(a, b, 0.25, normalize=normalize, impl=impl)
    if not (normalize and which == "opposite"):
        torch.testing.assert_close(out[1:], lerp(a, b, 0.25)[1:])
    assert not torch.allclose(out[0], lerp(a, b, 0.25)[0])
    grads = torch.autograd.grad(out.sum(), (a, b))
    assert all(bool(g.isfinite().all()) for g in grads)


@pytest.mark.parametrize("impl", IMPLS)
def test_rows_have_their_own_angles(impl: str) -> None:
    a, b = keyframes(2, 6, 16)
    t = torch.linspace(0, 1, 5)
    together = slerp(a, b, t, impl=impl)
    for row in range(6):
        torch.testing.assert_close(slerp(a[row : row + 1], b[row : row + 1], t, impl=impl), together[:, row : row + 1])
        torch.testing.assert_close(slerp(a[row], b[row], t, impl=impl), together[:, row])


@pytest.mark.parametrize("line", LINES)
def test_gradcheck_of_the_reference(line: dict[str, Any]) -> None:
    points = keyframes(3, 2, 4).double().requires_grad_()
    t = torch.tensor([0.3, 1.6, 0.3, 1.2], dtype=torch.float64, requires_grad=True)

    def f(p: Tensor, time: Tensor) -> Tensor:
        return latent_path(p, time, **line)

    assert torch.autograd.gradcheck(f, (points, t))
    assert torch.autograd.gradgradcheck(f, (points, t))


@needs_native
@pytest.mark.parametrize("line", LINES)
def test_second_derivatives_are_those_of_the_reference(line: dict[str, Any]) -> None:
    results = []
    for impl in ("native", "reference"):
        points = keyframes(3, 2, 4).requires_grad_()
        out = latent_path(points, torch.tensor([0.3, 1.6]), impl=impl, **line)
        (first,) = torch.autograd.grad((out**3).sum(), points, create_graph=True)
        results.append(torch.autograd.grad((first**2).sum(), points)[0])
    torch.testing.assert_close(*results, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("mode", ["lerp", "slerp", "catmull-rom"])
@given(seed=st.integers(0, 10**6), count=st.integers(2, 6), t=st.floats(-20, 20, width=32), turns=st.integers(-3, 3))
def test_a_closed_line_begins_again(impl: str, mode: Any, seed: int, count: int, t: float, turns: int) -> None:
    points = keyframes(count, 2, 8, seed=seed)
    here, again = latent_path(points, torch.tensor([t, t + turns * count]), mode, closed=True, impl=impl)
    torch.testing.assert_close(here, again, rtol=1e-3, atol=1e-3)
    later = latent_path(points.roll(-1, 0), torch.tensor([t - 1]), mode, closed=True, impl=impl)[0]
    torch.testing.assert_close(here, later, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("impl", IMPLS)
@given(seed=st.integers(0, 10**6), count=st.integers(2, 6), t=st.floats(-2, 8, width=32))
def test_catmull_rom_keeps_to_a_straight_line(impl: str, seed: int, count: int, t: float) -> None:
    start, step = keyframes(2, 1, 5, seed=seed)
    points = start + torch.arange(count)[:, None, None] * step
    out = latent_path(points, torch.tensor([t]), "catmull-rom", impl=impl)
    torch.testing.assert_close(out[0], start + t * step, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("closed", [False, True])
def test_catmull_rom_has_no_bend(closed: bool, impl: str) -> None:
    points = keyframes(4, 1, 3)

    def speed(t: float) -> Tensor:
        time = torch.tensor([t]).requires_grad_()
        out = latent_path(points, time, "catmull-rom", closed=closed, impl=impl)
        return torch.stack([torch.autograd.grad(x, time, retain_graph=True)[0] for x in out.flatten()])

    for k in (1, 2, 4) if closed else (1, 2):
        before, after = speed(math.nextafter(k, 0) - 1e-5), speed(k + 1e-5)
        torch.testing.assert_close(before, after, rtol=1e-2, atol=1e-3)
        tangent = (points[(k + 1) % 4] - points[k - 1]) / 2
        torch.testing.assert_close(after.flatten(), tangent.flatten(), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("impl", IMPLS)
def test_strided_keyframes(impl: str) -> None:
    points, t = keyframes(5, 4, 3).permute(2, 0, 1), torch.tensor([0.5, 9.0, 1.25, 9.0])[::2]
    assert torch.equal(
        latent_path(points, t, "slerp", impl=impl), latent_path(points.contiguous(), t.contiguous(), "slerp", impl=impl)
    )


@needs_native
@pytest.mark.parametrize("mode", ["slerp", "catmull-rom"])
def test_threads_give_the_same_bits(mode: Any) -> None:
    before, results = torch.get_num_threads(), []
    points, t = keyframes(4, 40, 700).requires_grad_(), torch.linspace(0, 3, 50).requires_grad_()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            out = latent_path(points, t, mode, closed=True, impl="native")
            results.append((out, *torch.autograd.grad(out.square().sum(), (points, t))))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_misuse_is_named() -> None:
    a, t = torch.zeros(2, 3), torch.zeros(4)
    with pytest.raises(ValueError, match="one shape"):
        lerp(a, torch.zeros(2, 4), 0.5)
    with pytest.raises(TypeError, match="one floating dtype"):
        slerp(a, a.double(), 0.5)
    with pytest.raises(ValueError, match="one dimension"):
        lerp(a, a, torch.zeros(2, 2))
    with pytest.raises(ValueError, match="two or more"):
        latent_path(torch.zeros(1, 2, 3), t)
    with pytest.raises(ValueError, match="one dimension"):
        latent_path(torch.zeros(2, 2, 3), torch.tensor(0.5))
    with pytest.raises(ValueError, match="'spline'"):
        latent_path(torch.zeros(2, 2, 3), t, "spline")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="floating"):
        latent_path(torch.zeros(2, 2, 3, dtype=torch.int32), t)
