"""Latents moved along directions: the sum it is, gradients, every shape and transform."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from kernels.impls import IMPLS, ISAS, needs_native
from torch import Tensor
from torch.func import grad, vmap  # type: ignore[attr-defined]
from torch.library import opcheck

from gdl_core.kernels import latent_arithmetic
from gdl_core.kernels._load import LOADED

SHAPES = [
    (1, 1, 1, 1),
    (5, 3, 63, 2),
    (8, 2, 64, 1),
    (9, 4, 65, 3),
    (4, 1, 4097, 7),
    (3, 2, 5, 0),
    (0, 2, 5, 1),
    (3, 0, 5, 1),
]


def inputs(steps: int, rows: int, cols: int, count: int, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(rows, cols).to(dtype), torch.randn(count, cols).to(dtype), torch.randn(steps, count)]


@pytest.mark.parametrize("impl", [*IMPLS, "auto"])
@pytest.mark.parametrize("shape", [*SHAPES, (3, 2, 0, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_is_the_sum_and_has_its_gradients(shape: tuple[int, ...], dtype: torch.dtype, impl: str) -> None:
    z, directions, alpha = (x.requires_grad_() for x in inputs(*shape, dtype=dtype))
    out = latent_arithmetic(z, directions, alpha, impl=impl)  # type: ignore[arg-type]
    wide = [x.detach().double().requires_grad_() for x in (z, directions, alpha)]
    wanted = wide[0] + (wide[2] @ wide[1])[:, None]
    assert out.shape == wanted.shape
    assert out.dtype == dtype
    tolerance = {torch.bfloat16: 2e-2, torch.float16: 2e-3}.get(dtype, 1e-5)
    torch.testing.assert_close(out.double(), wanted, rtol=tolerance, atol=tolerance)
    weights = torch.linspace(-1, 1, out.numel()).reshape(out.shape)
    grads = torch.autograd.grad(out, (z, directions, alpha), weights.to(dtype))
    for a, b in zip(grads, torch.autograd.grad(wanted, wide, weights.double()), strict=True):
        scale = max(1.0, float(b.abs().max())) if b.numel() else 1.0
        torch.testing.assert_close(a.double(), b, rtol=tolerance, atol=2 * tolerance * scale)


@pytest.mark.parametrize("impl", IMPLS)
@given(steps=st.integers(1, 6), rows=st.integers(1, 5), cols=st.integers(1, 40), seed=st.integers(0, 10**6))
def test_steps_back_lead_home(impl: str, steps: int, rows: int, cols: int, seed: int) -> None:
    torch.manual_seed(seed)
    z, direction, alpha = torch.randn(rows, cols), torch.randn(1, cols), torch.randn(steps, 1)
    there = latent_arithmetic(z, direction, alpha, impl=impl)  # type: ignore[arg-type]
    for step in range(steps):
        back = latent_arithmetic(there[step], -direction, alpha[step : step + 1], impl=impl)[0]  # type: ignore[arg-type]
        torch.testing.assert_close(back, z, rtol=1e-5, atol=1e-5)


def test_float64_goes_through_the_reference() -> None:
    z, directions, alpha = inputs(3, 2, 5, 2, torch.float64)
    out = latent_arithmetic(z, directions, alpha)
    assert out.dtype == torch.float64
    torch.testing.assert_close(out, z + (alpha.double() @ directions)[:, None], rtol=1e-14, atol=1e-14)


@needs_native
def test_a_step_and_a_row_alone_have_the_same_bits() -> None:
    z, directions, alpha = inputs(7, 5, 33, 3)
    together = latent_arithmetic(z, directions, alpha, impl="native")
    for step in (0, 3, 6):
        alone = latent_arithmetic(z[2:3], directions, alpha[step : step + 1], impl="native")
        assert torch.equal(alone[0, 0], together[step, 2])


@pytest.mark.parametrize("impl", IMPLS)
def test_latents_of_more_dimensions(impl: str) -> None:
    z, directions, alpha = torch.randn(3, 2, 4, 4), torch.randn(2, 2, 4, 4), torch.randn(5, 2)
    out = latent_arithmetic(z, directions, alpha, impl=impl)  # type: ignore[arg-type]
    flat = latent_arithmetic(z.flatten(1), directions.flatten(1), alpha, impl=impl)  # type: ignore[arg-type]
    assert torch.equal(out.flatten(2), flat)
    strided = latent_arithmetic(z.transpose(2, 3), directions.transpose(2, 3), alpha.t().contiguous().t(), impl=impl)  # type: ignore[arg-type]
    assert torch.equal(strided, out.transpose(3, 4))


@needs_native
def test_bits_on_every_instruction_set_and_thread_count() -> None:
    assert LOADED.module is not None
    before, results = (LOADED.module.isa(), torch.get_num_threads()), []
    data = inputs(50, 40, 700, 3)
    try:
        for isa in ISAS:
            for threads in (1, 2):
                LOADED.module.set_isa(isa)
                torch.set_num_threads(threads)
                results.append(latent_arithmetic(*data, impl="native"))
    finally:
        LOADED.module.set_isa(before[0])
        torch.set_num_threads(before[1])
    assert all(torch.equal(r, results[0]) for r in results)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.filterwarnings("ignore:`torch.jit.*is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*autograd.function.Function.*should not be instantiated:DeprecationWarning")
def test_transforms(impl: str) -> None:
    z, directions, alpha = inputs(3, 4, 6, 2)

    def f(z: Tensor, directions: Tensor, alpha: Tensor) -> Tensor:
        return latent_arithmetic(z, directions, alpha, impl=impl)  # type: ignore[arg-type]

    wanted = f(z, directions, alpha)
    rows: Callable[[Tensor], Tensor] = vmap(lambda row: f(row[None], directions, alpha)[:, 0], out_dims=1)
    torch.testing.assert_close(rows(z), wanted)
    torch._dynamo.reset()
    torch.testing.assert_close(torch.compile(f, fullgraph=True, backend="aot_eager")(z, directions, alpha), wanted)
    z_grad = grad(lambda x: f(x, directions, alpha).square().sum())(z)
    torch.testing.assert_close(z_grad, 2 * wanted.sum(0))


def test_gradients_of_gradients() -> None:
    z, directions, alpha = (x.double().requires_grad_() for x in inputs(3, 2, 4, 2))
    assert torch.autograd.gradcheck(latent_arithmetic, (z, directions, alpha))
    assert torch.autograd.gradgradcheck(latent_arithmetic, (z, directions, alpha))


@needs_native
def test_second_derivatives_are_those_of_the_reference() -> None:
    results = []
    for impl in ("native", "reference"):
        data = [x.requires_grad_() for x in inputs(3, 2, 4, 2)]
        out = latent_arithmetic(*data, impl=impl)  # type: ignore[arg-type]
        first = torch.autograd.grad((out**3).sum(), data, create_graph=True)
        results.append(torch.autograd.grad(sum((g**2).sum() for g in first), data))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


@needs_native
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_opcheck(dtype: torch.dtype) -> None:
    opcheck(torch.ops.gdl.arithmetic.default, tuple(inputs(3, 4, 6, 2, dtype)))
    with pytest.raises(RuntimeError, match="gdl::arithmetic"):
        torch.ops.gdl.arithmetic(torch.zeros(2, 3), torch.zeros(1, 4), torch.zeros(2, 1))


def test_misuse_is_named() -> None:
    z = torch.zeros(2, 3)
    with pytest.raises(TypeError, match="one floating dtype"):
        latent_arithmetic(z, z.double(), torch.zeros(1, 2))
    with pytest.raises(ValueError, match=r"one latent space, got \(2, 3\) and \(2, 4\)"):
        latent_arithmetic(z, torch.zeros(2, 4), torch.zeros(1, 2))
    with pytest.raises(ValueError, match=r"alpha must have shape \(steps, 2\), got \(1, 3\)"):
        latent_arithmetic(z, torch.zeros(2, 3), torch.zeros(1, 3))
