"""reparameterize against its formula in float64: values, KL, gradients, the clamp, and every shape and type."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from kernels.impls import IMPLS, needs_native
from torch import Tensor

from gdl_core.kernels import LOG_VAR_MAX, LOG_VAR_MIN, make_key, randn, reparam, reparameterize

SHAPES = [(), (1,), (6,), (0, 5), (5, 0), (6, 1), (6, 2), (700, 3), (6, 4), (6, 63), (6, 64), (6, 65), (2, 4095)]
SHAPES += [(2, 4097), (1, 9001), (3, 2, 5)]
TOLERANCE = {torch.float32: 2e-6, torch.bfloat16: 1e-2, torch.float16: 2e-3, torch.float64: 1e-12}


def inputs(shape: tuple[int, ...], dtype: torch.dtype = torch.float32, seed: int = 0) -> tuple[Tensor, Tensor]:
    torch.manual_seed(seed)
    return torch.randn(shape).to(dtype), (1.5 * torch.randn(shape)).to(dtype)


def expected(mean: Tensor, log_var: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """z and the KL of each row, in float64."""
    m, v = mean.double(), log_var.double().clamp(LOG_VAR_MIN, LOG_VAR_MAX)
    kl = 0.5 * (m * m + v.exp() - 1 - v)
    noise = randn(tuple(m.shape), seed=seed, impl="reference").double()
    return m + (0.5 * v).exp() * noise, kl.flatten(1).sum(1) if m.dim() >= 2 else kl.sum()


def assert_close(actual: Tensor, wanted: Tensor, dtype: torch.dtype) -> None:
    assert actual.shape == wanted.shape
    scale = float(wanted.detach().abs().max()) if wanted.numel() else 1.0
    torch.testing.assert_close(actual.double(), wanted.double(), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_kl(shape: tuple[int, ...], dtype: torch.dtype, impl: str) -> None:
    mean, log_var = inputs(shape, dtype)
    z, kl = reparameterize(mean, log_var, seed=3, kl="none", impl=impl)
    wanted_z, wanted_kl = expected(mean, log_var, 3)
    assert z.dtype == dtype
    assert kl.dtype == torch.float32
    assert_close(z, wanted_z, dtype)
    assert_close(kl, wanted_kl, torch.float32)
    assert torch.equal(reparameterize(mean, log_var, seed=3, impl=impl), z)
    same_z, total = reparameterize(mean, log_var, key=make_key(3), kl="sum", impl=impl)
    assert torch.equal(same_z, z)
    torch.testing.assert_close(total, kl.sum(), rtol=1e-6, atol=0)
    batch_mean = reparameterize(mean, log_var, seed=3, kl="mean", impl=impl)[1]
    torch.testing.assert_close(batch_mean, kl.mean(), rtol=1e-6, atol=0, equal_nan=True)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [s for s in SHAPES if s != (5, 0)])
def test_gradients(shape: tuple[int, ...], dtype: torch.dtype, impl: str) -> None:
    mean, log_var = (x.requires_grad_() for x in inputs(shape, dtype))
    wide = [x.detach().double().requires_grad_() for x in (mean, log_var)]
    torch.manual_seed(5)
    weights = torch.randn(shape).to(dtype)
    z, kl = reparameterize(mean, log_var, seed=3, kl="none", impl=impl)
    row_weights = torch.linspace(-1, 2, kl.numel()).reshape(kl.shape)
    actual = torch.autograd.grad((z * weights).double().sum() + (kl * row_weights).sum(), (mean, log_var))
    wanted_z, wanted_kl = expected(*wide, 3)
    loss = (wanted_z * weights.double()).sum() + (wanted_kl * row_weights.double()).sum()
    for got, want in zip(actual, torch.autograd.grad(loss, wide), strict=True):
        assert got.dtype == dtype
        assert_close(got, want, dtype)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("which", ["mean", "log_var", "both"])
@pytest.mark.parametrize("use", ["z", "kl", "both", "neither"])
def test_gradients_of_what_is_asked(which: str, use: str, impl: str) -> None:
    mean, log_var = inputs((5, 6))
    mean.requires_grad_(which != "log_var")
    log_var.requires_grad_(which != "mean")
    z, kl = reparameterize(mean, log_var, seed=1, kl="sum", impl=impl)
    loss = torch.zeros(())
    if use in ("z", "both"):
        loss = loss + (z * z).sum()
    if use in ("kl", "both"):
        loss = loss + kl
    if use == "neither":
        assert not loss.requires_grad
        return
    loss.backward()
    assert (mean.grad is not None) == (which != "log_var")
    assert (log_var.grad is not None) == (which != "mean")


@pytest.mark.parametrize("impl", IMPLS)
def test_without_kl_the_gradient_of_mean_is_that_of_z(impl: str) -> None:
    mean, log_var = (x.requires_grad_() for x in inputs((5, 6)))
    weights = torch.arange(30.0).reshape(5, 6)
    (reparameterize(mean, log_var, seed=1, impl=impl) * weights).sum().backward()
    assert mean.grad is not None
    assert torch.equal(mean.grad, weights)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("view", ["transposed", "strided", "expanded", "channels_last"])
def test_strided_inputs_and_gradients(view: str, impl: str) -> None:
    mean, log_var = inputs((4, 6, 2, 3) if view == "channels_last" else (12, 8))

    def change(x: Tensor) -> Tensor:
        if view == "transposed":
            return x.t()
        if view == "strided":
            return x[::2, 1::3]
        return x[:1].expand(5, 8) if view == "expanded" else x.to(memory_format=torch.channels_last)

    results = []
    for copy in (False, True):
        m, v = (x.clone().requires_grad_() for x in (mean, log_var))
        a, b = (change(x).clone(memory_format=torch.contiguous_format) if copy else change(x) for x in (m, v))
        z, kl = reparameterize(a, b, seed=2, kl="sum", impl=impl)
        weights = torch.linspace(0, 1, z.numel()).reshape(z.shape[::-1]).permute(*range(z.dim() - 1, -1, -1))
        results.append((z, kl, *torch.autograd.grad((z * weights).sum() + kl, (m, v))))
    for first, second in zip(*results, strict=True):
        torch.testing.assert_close(first, second, rtol=1e-6, atol=1e-6)


@needs_native
@pytest.mark.parametrize("kl", [None, "none", "mean"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", SHAPES)
def test_noise_that_is_kept_gives_the_gradients_of_noise_drawn_again(
    shape: tuple[int, ...], dtype: torch.dtype, kl: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = torch.randint(2**40, (shape[0], 2)) if len(shape) >= 2 else None
    for key in (make_key(5, 3), rows):
        results = []
        for kept in (-1, 1 << 20):
            monkeypatch.setattr(reparam, "_KEPT", kept)
            mean, log_var = (x.requires_grad_() for x in inputs(shape, dtype))
            out = reparameterize(mean, log_var, key=make_key(1) if key is None else key, kl=kl)  # type: ignore[call-overload]
            z, divergence = (out, torch.zeros(())) if kl is None else out
            grads = torch.autograd.grad((z * (1 + z.detach())).sum() + divergence.sum(), (mean, log_var))
            results.append((z, *grads))
        for again, remembered in zip(*results, strict=True):
            assert torch.equal(again, remembered)


@pytest.mark.parametrize("impl", IMPLS)
def test_log_var_is_clamped_and_its_gradient_goes_on(impl: str) -> None:
    values = torch.tensor([-1e30, -1000.0, -30.5, -30.0, 20.0, 20.5, 1000.0, 1e30, -torch.inf, torch.inf])
    log_var, inside = values.clone().requires_grad_(), values.clamp(LOG_VAR_MIN, LOG_VAR_MAX).requires_grad_()
    grads = []
    for x in (log_var, inside):
        z, kl = reparameterize(torch.zeros(10), x, seed=1, kl="sum", impl=impl)
        grads.append((z, kl, *torch.autograd.grad(z.sum() + kl, x)))
    for actual, wanted in zip(*grads, strict=True):
        assert torch.equal(actual, wanted)
    kl_grad = torch.autograd.grad(reparameterize(torch.zeros(10), log_var, seed=1, kl="sum", impl=impl)[1], log_var)[0]
    assert bool((kl_grad[values < -30] < 0).all())  # descent raises it
    assert bool((kl_grad[values > 20] > 0).all())  # descent lowers it


@pytest.mark.parametrize("impl", IMPLS)
def test_the_whole_range_of_log_var_is_exact_to_rounding(impl: str) -> None:
    log_var = torch.linspace(-32, 22, 1081)
    z, kl = reparameterize(torch.zeros(1081), log_var, seed=1, kl="none", impl=impl)
    wanted_z, _ = expected(torch.zeros(1081), log_var, 1)
    torch.testing.assert_close(z.double(), wanted_z, rtol=5e-7, atol=0)  # relative: small deviations count too
    clamped = log_var.double().clamp(LOG_VAR_MIN, LOG_VAR_MAX)
    torch.testing.assert_close(kl.double(), (0.5 * (clamped.exp() - 1 - clamped)).sum(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("impl", IMPLS)
def test_nan_passes_and_stays_in_its_row(impl: str) -> None:
    mean, log_var = torch.zeros(3, 4), torch.zeros(3, 4)
    log_var[1, 2] = torch.nan
    z, kl = reparameterize(mean, log_var, seed=1, kl="none", impl=impl)
    assert z.isnan().sum() == 1
    assert z[1, 2].isnan()
    assert kl.isnan().tolist() == [False, True, False]


@pytest.mark.parametrize("impl", IMPLS)
@given(
    cols=st.integers(1, 40),
    seed=st.integers(0, 2**63),
    start=st.integers(0, 9),
    count=st.integers(0, 9),
    scale=st.floats(0, 20),
)
def test_rows_are_independent_of_their_batch(
    impl: str, cols: int, seed: int, start: int, count: int, scale: float
) -> None:
    mean, log_var = inputs((18, cols), seed=seed % 2**32)
    mean, log_var = scale * mean, scale * log_var
    z, kl = reparameterize(mean, log_var, seed=seed, kl="none", impl=impl)
    rows = slice(start, start + count)
    offset = start * ((cols + 3) // 4)
    z_alone, kl_alone = reparameterize(mean[rows], log_var[rows], seed=seed, offset=offset, kl="none", impl=impl)
    if impl == "native":
        assert torch.equal(z_alone, z[rows])
        assert torch.equal(kl_alone, kl[rows])
    else:  # the reference's exp depends on where a number lies in a vector register
        torch.testing.assert_close(z_alone, z[rows], rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(kl_alone, kl[rows], rtol=1e-5, atol=1e-6)
    assert bool((kl >= -1e-6).all())


@needs_native
def test_threads_give_the_same_bits() -> None:
    mean, log_var = (x.requires_grad_() for x in inputs((300, 130)))
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            z, kl = reparameterize(mean, log_var, seed=1, kl="none", impl="native")
            results.append((z, kl, *torch.autograd.grad(z, (mean, log_var), torch.ones_like(z), retain_graph=True)))
            results[-1] += torch.autograd.grad(kl.sum() + z.sum(), (mean, log_var))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_gradcheck_of_the_reference() -> None:
    mean, log_var = (x.double().requires_grad_() for x in inputs((3, 5)))

    def f(m: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        return reparameterize(m, v, seed=2, kl="none")

    assert torch.autograd.gradcheck(f, (mean, log_var))
    assert torch.autograd.gradgradcheck(f, (mean, log_var))


@needs_native
@pytest.mark.filterwarnings("ignore:Input #")  # gradcheck prefers float64
def test_gradcheck_of_the_native_kernel() -> None:
    mean, log_var = (x.requires_grad_() for x in inputs((3, 5)))
    check = torch.autograd.gradcheck
    assert check(
        lambda m, v: reparameterize(m, v, seed=2, kl="none", impl="native"), (mean, log_var), eps=1e-2, atol=5e-2
    )


@pytest.mark.parametrize("kl", [None, "sum", "mean"])
def test_second_derivatives_are_those_of_the_reference(kl: str | None) -> None:
    results = []
    for impl in ("reference", "auto"):
        mean, log_var = (x.requires_grad_() for x in inputs((3, 5)))
        out = reparameterize(mean, log_var, seed=2, kl=kl, impl=impl)  # type: ignore[call-overload]
        loss = (out**3).sum() if kl is None else (out[0] ** 3).sum() + out[1] ** 2
        first = torch.autograd.grad(loss, (mean, log_var), create_graph=True)
        results.append(torch.autograd.grad(sum((g * g).sum() for g in first), (mean, log_var)))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_float64_goes_through_the_reference() -> None:
    mean, log_var = inputs((4, 3), torch.float64)
    z, kl = reparameterize(mean, log_var, seed=3, kl="none")
    assert z.dtype == kl.dtype == torch.float64
    for actual, wanted in zip((z, kl), expected(mean, log_var, 3), strict=True):
        assert_close(actual, wanted, torch.float64)


@pytest.mark.parametrize("impl", IMPLS)
def test_free_bits(impl: str) -> None:
    mean = torch.tensor([[0.0, 2.0], [0.2, -2.0]], requires_grad=True)
    log_var = torch.zeros(2, 2, requires_grad=True)
    z, kl = reparameterize(mean, log_var, seed=1, kl="mean", free_bits=0.5, impl=impl)
    torch.testing.assert_close(kl, torch.tensor(0.5 + 2.0))  # 0.01 is lifted to 0.5; 2 stays
    assert torch.equal(z, reparameterize(mean, log_var, seed=1, impl=impl))
    grad = torch.autograd.grad(kl, mean)[0]
    torch.testing.assert_close(grad, torch.tensor([[0.0, 1.0], [0.0, -1.0]]))
    torch.testing.assert_close(
        reparameterize(mean, log_var, seed=1, kl="mean", free_bits=0.0, impl=impl)[1],
        reparameterize(mean, log_var, seed=1, kl="mean", impl=impl)[1],
    )


@needs_native
@pytest.mark.parametrize("shape", [(6,), (1, 5), (40, 3), (3, 2, 5), (130, 300), (5, 4097), (0, 4), (4, 0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_free_bits_are_those_of_the_reference(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    results = []
    for impl in ("native", "reference"):
        mean, log_var = (x.requires_grad_() for x in inputs(shape, dtype))
        z, kl = reparameterize(mean, log_var, seed=1, kl="mean", free_bits=0.6, impl=impl)  # type: ignore[call-overload]
        first = torch.autograd.grad(kl + z.square().sum(), (mean, log_var), create_graph=True)
        second = torch.autograd.grad(sum(g.square().sum() for g in first), (mean, log_var))
        results.append((kl, *first, *second))
    tolerance = {torch.float32: 1e-4, torch.bfloat16: 4e-2, torch.float16: 5e-3}[dtype]
    for native, wanted in zip(*results, strict=True):
        scale = max(1.0, float(wanted.detach().abs().max())) if wanted.numel() else 1.0
        torch.testing.assert_close(native, wanted, rtol=tolerance, atol=tolerance * scale)


def test_noise_comes_from_the_generator() -> None:
    mean, log_var = inputs((4, 3))
    draws = [reparameterize(mean, log_var, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    torch.manual_seed(3)
    first = reparameterize(mean, log_var)
    torch.manual_seed(3)
    assert torch.equal(reparameterize(mean, log_var), first)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"log_var": torch.zeros(2, 4)}, ValueError, "one shape"),
        ({"log_var": torch.zeros(2, 3, dtype=torch.float64)}, TypeError, "one floating dtype"),
        ({"mean": torch.zeros(2, 3, dtype=torch.int64)}, TypeError, "floating"),
        ({"log_var": torch.zeros(2, 3, device="meta")}, ValueError, "one device"),
        ({"kl": "average"}, ValueError, "average"),
        ({"free_bits": 0.1}, ValueError, "kl='mean'"),
        ({"free_bits": -1.0, "kl": "mean"}, ValueError, "0 or more"),
        ({"seed": 1, "generator": torch.Generator()}, ValueError, "either"),
        ({"key": make_key(1), "generator": torch.Generator()}, ValueError, "either"),
        (
            {"impl": "native", "mean": torch.zeros(2, 3).double(), "log_var": torch.zeros(2, 3).double()},
            RuntimeError,
            "64",
        ),
    ],
)
def test_misuse_is_named(change: dict[str, object], error: type[Exception], message: str) -> None:
    arguments = {"mean": torch.zeros(2, 3), "log_var": torch.zeros(2, 3), **change}
    with pytest.raises(error, match=message):
        reparameterize(**arguments)  # type: ignore[call-overload]
