"""Samples of mixtures of Gaussians: rows alone as in a batch, the right frequencies, temperature, special logits."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from kernels.impls import IMPLS, ISAS, needs_native
from torch import Tensor
from torch.func import grad, vmap  # type: ignore[attr-defined]
from torch.library import opcheck

from gdl_core.kernels import LOG_STD_MAX, make_key, mdn_sample, randn
from gdl_core.kernels._load import LOADED

# torch's own code paths under compile and functorch
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.*is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*autograd.function.Function.*should not be instantiated:DeprecationWarning"),
]

# (*rows, components, dimensions)
SHAPES = [(0, 5, 3), (1, 1, 1), (1, 5, 1), (3, 2, 3), (63, 5, 1), (700, 5, 1), (17, 3, 2), (5, 5, 15), (16, 5, 16)]
SHAPES += [(19, 4, 17), (7, 5, 63), (40, 5, 64), (3, 2, 65), (2, 2, 4097), (18, 40, 1), (5, 3), (2, 3, 4, 2)]
DTYPES = [torch.float32, torch.bfloat16, torch.float16]


def mixture(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(seed)
    logits = torch.randn(shape[:-1]).to(dtype)
    return logits, torch.randn(shape).to(dtype), (0.5 * torch.randn(shape)).to(dtype)


def of(tensor: Tensor, component: Tensor) -> Tensor:
    """The chosen component's numbers, in float64: (..., components, size) to (..., size)."""
    at = component[..., None, None].expand(*component.shape, 1, tensor.shape[-1])
    return tensor.double().gather(-2, at).squeeze(-2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("shape", SHAPES)
def test_x_is_the_noise_of_randn_in_the_chosen_component(shape: tuple[int, ...], dtype: torch.dtype, impl: str) -> None:
    check_x(shape, dtype, impl)


def test_float64_goes_through_the_reference() -> None:
    check_x((7, 5, 3), torch.float64, "auto")


def check_x(shape: tuple[int, ...], dtype: torch.dtype, impl: str) -> None:
    logits, mean, log_std = mixture(*shape, dtype=dtype)
    x, component = mdn_sample(logits, mean, log_std, seed=3, offset=5, temperature=0.7, impl=impl)  # type: ignore[arg-type]
    rows, size = shape[:-2], shape[-1]
    assert x.shape == (*rows, size)
    assert x.dtype == dtype
    assert component.shape == rows
    assert component.dtype == torch.int64
    noise = randn((math.prod(rows), size), seed=3, offset=5).double().reshape(*rows, size)
    wanted = of(mean, component) + of(log_std, component).exp() * math.sqrt(0.7) * noise
    tolerance = {torch.float32: 3e-6, torch.bfloat16: 1e-2, torch.float16: 2e-3, torch.float64: 1e-7}[dtype]
    torch.testing.assert_close(x.double(), wanted, rtol=tolerance, atol=tolerance)


@needs_native
@pytest.mark.parametrize("temperature", [0.0, 1e-30, 0.3, 1.0, 7.5])
@pytest.mark.parametrize("dtype", DTYPES)
def test_native_chooses_the_component_of_the_reference(dtype: torch.dtype, temperature: float) -> None:
    tensors = mixture(20000, 7, 1, dtype=dtype)
    tensors[0][::5, 2] = -torch.inf
    tensors[0][::3, 4] = tensors[0][::3, 6]
    for seed, offset in ((1, 0), (2**64 - 1, 2**32 - 7)):
        native, reference = (
            mdn_sample(*tensors, seed=seed, offset=offset, temperature=temperature, impl=impl)  # type: ignore[arg-type]
            for impl in ("native", "reference")
        )
        assert torch.equal(native[1], reference[1])


@pytest.mark.parametrize("impl", IMPLS)
@given(
    seed=st.integers(0, 2**64 - 1),
    size=st.sampled_from([1, 3, 4, 5, 16, 33]),
    row=st.integers(0, 36),
    temperature=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_a_row_draws_the_same_alone(impl: str, seed: int, size: int, row: int, temperature: float) -> None:
    tensors = mixture(37, 5, size, seed=seed % 2**32)
    x, component = mdn_sample(*tensors, seed=seed, temperature=temperature, impl=impl)  # type: ignore[arg-type]
    alone = mdn_sample(
        *(t[row] for t in tensors),
        seed=seed,
        offset=row * math.ceil(size / 4),
        temperature=temperature,
        impl=impl,  # type: ignore[arg-type]
    )
    assert torch.equal(alone[0], x[row])
    assert torch.equal(alone[1], component[row])


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_components_come_as_often_as_they_should(temperature: float, impl: str) -> None:
    n, logits = 40000, torch.tensor([0.3, -1.0, 1.2, -torch.inf, 0.0])
    mean = torch.zeros(n, 5, 1)
    x, component = mdn_sample(logits.expand(n, 5), mean, mean, seed=11, temperature=temperature, impl=impl)  # type: ignore[arg-type]
    p = torch.softmax(logits / temperature, 0)
    counts = component.bincount(minlength=5)
    assert counts[3] == 0
    assert ((counts - n * p).abs() <= 5 * (n * p * (1 - p)).sqrt()).all()
    assert abs(float(x.var()) / temperature - 1) < 5 * math.sqrt(2 / n)
    # which component it was tells nothing about the noise
    for k in (0, 1, 2, 4):
        group = x[component == k, 0]
        assert abs(float(group.mean())) < 5 * math.sqrt(temperature / len(group))


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("size", [1, 5, 20])
def test_temperature_zero_is_the_mean_of_the_likeliest(size: int, impl: str) -> None:
    logits, mean, log_std = mixture(50, 6, size)
    logits[:10, 2] = logits[:10, 5] = 9.0  # the first of equals
    log_std[0] = 100.0
    x, component = mdn_sample(logits, mean, log_std, seed=3, temperature=0, impl=impl)  # type: ignore[arg-type]
    assert torch.equal(component[:10], torch.full((10,), 2))
    assert torch.equal(component, logits.argmax(1))
    assert torch.equal(x, of(mean, component).float())
    assert torch.equal(mdn_sample(logits, mean, log_std, seed=3, temperature=1e-40, impl=impl)[0], x)  # type: ignore[arg-type]


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("size", [1, 20])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_rows_without_a_distribution_give_nan(temperature: float, size: int, impl: str) -> None:
    logits, mean, log_std = mixture(24, 3, size)
    usual = mdn_sample(logits, mean, log_std, seed=3, temperature=temperature, impl=impl)  # type: ignore[arg-type]
    for row, values in enumerate(([-torch.inf] * 3, [0.0, torch.nan, 9.0], [torch.inf, 0.0, 0.0])):
        logits[row] = torch.tensor(values)
    logits[3] = torch.tensor([-torch.inf, 3e38, -torch.inf])
    x, component = mdn_sample(logits, mean, log_std, seed=3, temperature=temperature, impl=impl)  # type: ignore[arg-type]
    assert x[:3].isnan().all()
    assert component[:4].tolist() == [0, 0, 0, 1]
    assert x[3].isfinite().all()
    assert torch.equal(x[4:], usual[0][4:])
    assert torch.equal(component[4:], usual[1][4:])


@pytest.mark.parametrize("impl", IMPLS)
def test_log_std_is_clamped(impl: str) -> None:
    mean = torch.zeros(9, 2, 3)
    wide = mdn_sample(torch.zeros(9, 2), mean, mean + 99.0, seed=1, impl=impl)[0]  # type: ignore[arg-type]
    at = mdn_sample(torch.zeros(9, 2), mean, mean + LOG_STD_MAX, seed=1, impl=impl)[0]  # type: ignore[arg-type]
    assert torch.equal(wide, at)


@needs_native
@pytest.mark.parametrize("shape", [(5000, 5, 1), (300, 5, 40), (3, 2, 70001)])
def test_threads_and_instruction_sets_give_the_same_bits(shape: tuple[int, ...]) -> None:
    assert LOADED.module is not None
    before, isa, results = torch.get_num_threads(), LOADED.module.isa(), []
    tensors = mixture(*shape)
    try:
        for other in ISAS:
            LOADED.module.set_isa(other)
            for threads in (1, 2):
                torch.set_num_threads(threads)
                results.append(mdn_sample(*tensors, seed=1, impl="native"))
    finally:
        torch.set_num_threads(before)
        LOADED.module.set_isa(isa)
    assert all(torch.equal(a, b) for r in results[1:] for a, b in zip(r, results[0], strict=True))


def test_no_gradient_reaches_the_mixture() -> None:
    tensors = [t.requires_grad_() for t in mixture(6, 3, 5)]
    for impl in ("auto", "reference"):
        assert not mdn_sample(*tensors, seed=1, impl=impl)[0].requires_grad  # type: ignore[arg-type]
    through = grad(lambda mean: mdn_sample(tensors[0].detach(), mean, tensors[2].detach(), seed=1)[0].sum())
    assert not through(tensors[1].detach()).any()


def test_keys_and_generators() -> None:
    tensors = mixture(6, 3, 5)
    first = mdn_sample(*tensors, key=make_key(4, 2))
    assert torch.equal(first[0], mdn_sample(*tensors, seed=4, offset=2)[0])
    drawn = [mdn_sample(*tensors, generator=torch.Generator().manual_seed(1))[0] for _ in range(2)]
    assert torch.equal(*drawn)
    assert not torch.equal(mdn_sample(*tensors)[0], mdn_sample(*tensors)[0])


@needs_native
@pytest.mark.parametrize("dtype", DTYPES)
def test_opcheck(dtype: torch.dtype) -> None:
    opcheck(torch.ops.gdl.mdn_sample.default, (*mixture(6, 3, 5, dtype=dtype), make_key(1), 0.7))


@needs_native
def test_ops_refuse_what_does_not_fit() -> None:
    tensors, key = mixture(6, 3, 5), make_key(1)
    for temperature in (-1.0, math.nan, math.inf):
        with pytest.raises(RuntimeError, match="gdl: bad argument"):
            torch.ops.gdl.mdn_sample(*tensors, key, temperature)
    with pytest.raises(RuntimeError, match="key must be int64"):
        torch.ops.gdl.mdn_sample(*tensors, key.int(), 1.0)


@pytest.mark.parametrize("impl", IMPLS)
def test_compiled_and_mapped_samples_equal_eager(impl: str) -> None:
    tensors, key = mixture(6, 3, 5), make_key(3)

    def f(*arguments: Tensor) -> tuple[Tensor, Tensor]:
        return mdn_sample(*arguments[:3], key=arguments[3], temperature=0.8, impl=impl)  # type: ignore[arg-type]

    torch._dynamo.reset()
    compiled = torch.compile(f, fullgraph=True, backend="aot_eager")(*tensors, key)
    torch.testing.assert_close(compiled, f(*tensors, key))
    keys = torch.stack([make_key(seed) for seed in range(6)])
    mapped = vmap(f)(*tensors, keys)
    for row in range(6):
        torch.testing.assert_close((mapped[0][row], mapped[1][row]), f(*(t[row] for t in tensors), keys[row]))


def test_misuse_is_named() -> None:
    logits, mean, log_std = mixture(6, 3, 5)
    for temperature in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="temperature"):
            mdn_sample(logits, mean, log_std, temperature=temperature)
    with pytest.raises(ValueError, match="components, size"):
        mdn_sample(logits[:, :2], mean, log_std)
    with pytest.raises(TypeError, match="one floating dtype"):
        mdn_sample(logits.double(), mean, log_std)
    with pytest.raises(ValueError, match="either key or seed"):
        mdn_sample(logits, mean, log_std, key=make_key(1), seed=1)
