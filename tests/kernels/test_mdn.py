"""The likelihood of mixtures: values and gradients against float64, switched-off components, every shape and type."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from kernels.impls import IMPLS, needs_native
from torch import Tensor
from torch.distributions import Normal
from torch.func import grad, hessian, vmap  # type: ignore[attr-defined]
from torch.library import opcheck

from gdl_core.kernels import LOG_STD_MAX, LOG_STD_MIN, mdn_nll

# torch's own code paths under compile and functorch
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.*is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*autograd.function.Function.*should not be instantiated:DeprecationWarning"),
]

# (*rows, components, dimensions)
SHAPES = [(0, 5, 3), (1, 1, 1), (1, 5, 1), (3, 2, 3), (63, 5, 1), (65, 5, 1), (17, 3, 2), (5, 5, 15), (16, 5, 16)]
SHAPES += [
    (19, 4, 17),
    (7, 5, 63),
    (2, 5, 64),
    (3, 2, 65),
    (2, 2, 4097),
    (18, 40, 1),
    (3, 33, 20),
    (5, 3),
    (2, 3, 4, 2),
]
DTYPES = [torch.float32, torch.bfloat16, torch.float16]
TOLERANCE = {torch.float32: 3e-6, torch.bfloat16: 1e-2, torch.float16: 2e-3}

Mixture = tuple[Tensor, Tensor, Tensor, Tensor]


def mixture(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Mixture:
    torch.manual_seed(seed)
    rows, size = shape[:-2], shape[-1]
    logits, mean = torch.randn(shape[:-1]).to(dtype), torch.randn(shape).to(dtype)
    return logits, mean, (0.5 * torch.randn(shape)).to(dtype), torch.randn(*rows, size).to(dtype)


def expected(logits: Tensor, mean: Tensor, log_std: Tensor, target: Tensor) -> Tensor:
    """The same by torch.distributions in float64."""
    logits, mean, log_std, target = (x.double() for x in (logits, mean, log_std, target))
    densities = Normal(mean, log_std.clamp(LOG_STD_MIN, LOG_STD_MAX).exp(), validate_args=False)
    joint = logits.log_softmax(-1) + densities.log_prob(target[..., None, :]).sum(-1)
    return -joint.logsumexp(-1)


def assert_close(actual: Tensor, wanted: Tensor, dtype: torch.dtype) -> None:
    assert actual.shape == wanted.shape
    scale = float(wanted.detach().abs().max()) if wanted.numel() else 1.0
    torch.testing.assert_close(
        actual.double(), wanted.double(), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * max(scale, 0.1)
    )


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients(shape: tuple[int, ...], dtype: torch.dtype, impl: str) -> None:
    tensors = [x.requires_grad_() for x in mixture(*shape, dtype=dtype)]
    wide = [x.detach().double().requires_grad_() for x in tensors]
    nll, wanted = mdn_nll(*tensors, impl=impl), expected(*wide)  # type: ignore[arg-type]
    assert nll.dtype == torch.float32
    assert_close(nll, wanted, torch.float32)
    with torch.no_grad():
        assert torch.equal(mdn_nll(*tensors, impl=impl), nll)  # type: ignore[arg-type]
    weights = torch.linspace(-1, 2, nll.numel()).reshape(nll.shape)
    actual = torch.autograd.grad(nll, tensors, weights)
    for got, want in zip(actual, torch.autograd.grad(wanted, wide, weights.double()), strict=True):
        assert got.dtype == dtype
        assert_close(got, want, dtype)


@pytest.mark.parametrize("impl", IMPLS)
def test_a_mixture_for_each_dimension_is_the_joint_one_of_size_one(impl: str) -> None:
    logits, mean, log_std, target = mixture(6, 4, 5, 1)
    nll = mdn_nll(logits, mean, log_std, target, impl=impl)  # type: ignore[arg-type]
    assert nll.shape == (6, 4)
    for d in range(4):
        alone = mdn_nll(logits[:, d], mean[:, d], log_std[:, d], target[:, d], impl=impl)  # type: ignore[arg-type]
        assert torch.equal(alone, nll[:, d])


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("size", [1, 3, 20])
def test_a_switched_off_component_takes_no_part(size: int, impl: str) -> None:
    logits, mean, log_std, target = mixture(40, 5, size)
    mean[:20, 1], mean[20:, 1], log_std[:, 1] = 1e30, 1e36, -100.0  # squares and standard deviations beyond float32
    logits[:, 1] = -torch.inf
    tensors = [x.requires_grad_() for x in (logits, mean, log_std, target)]
    nll = mdn_nll(*tensors, impl=impl)  # type: ignore[arg-type]
    left = [0, 2, 3, 4]
    torch.testing.assert_close(nll, mdn_nll(logits[:, left], mean[:, left], log_std[:, left], target))
    grads = torch.autograd.grad(nll.sum(), tensors)
    assert all(bool(g.isfinite().all()) for g in grads)
    assert all(not bool(g[:, 1].any()) for g in grads[:3])


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("size", [1, 20])
def test_rows_without_a_likelihood_and_nan(size: int, impl: str) -> None:
    tensors = mixture(20, 3, size)
    logits, mean, log_std, target = tensors
    log_std[10] = -9.0
    logits[2] = -torch.inf  # nothing is on
    target[4], target[10] = 1e30, 3e38  # out of reach
    mean[6, 1] = torch.nan
    logits[8, 1] = torch.nan
    for x in tensors:
        x.requires_grad_()
    nll = mdn_nll(*tensors, impl=impl)  # type: ignore[arg-type]
    assert nll[2] == nll[4] == nll[10] == math.inf
    assert nll[[6, 8]].isnan().all()
    usual = [i for i in range(20) if i not in (2, 4, 6, 8, 10)]
    assert nll[usual].isfinite().all()
    for g in torch.autograd.grad(nll.sum(), tensors):
        assert g[usual].isfinite().all()
        assert g[[2, 4, 10]].isfinite().all()
        assert g[6].isnan().any()


@pytest.mark.parametrize("impl", IMPLS)
def test_log_std_is_clamped_and_still_pulled_back(impl: str) -> None:
    logits, mean, _, target = mixture(4, 2, 3)
    target = mean[:, 0] + 3e-7
    for value, bound in (
        (-40.0, LOG_STD_MIN),
        (30.0, LOG_STD_MAX),
        (-torch.inf, LOG_STD_MIN),
        (torch.inf, LOG_STD_MAX),
    ):
        beyond = torch.full_like(mean, value).requires_grad_()
        at = torch.full_like(mean, bound).requires_grad_()
        nll, wanted = (mdn_nll(logits, mean, x, target, impl=impl) for x in (beyond, at))  # type: ignore[arg-type]
        assert torch.equal(nll, wanted)
        pulled = torch.autograd.grad(nll.sum(), beyond)[0]
        assert torch.equal(pulled, torch.autograd.grad(wanted.sum(), at)[0])
        assert pulled.any()


@pytest.mark.parametrize("impl", IMPLS)
@given(seed=st.integers(0, 10**6), shift=st.floats(-50, 50), size=st.sampled_from([1, 2, 17]))
def test_laws(impl: str, seed: int, shift: float, size: int) -> None:
    logits, mean, log_std, target = mixture(20, 4, size, seed=seed)
    nll = mdn_nll(logits, mean, log_std, target, impl=impl)  # type: ignore[arg-type]
    close = {"rtol": 1e-4, "atol": 1e-4}
    shifted = mdn_nll(logits + shift, mean, log_std, target, impl=impl)  # type: ignore[arg-type]
    torch.testing.assert_close(shifted, nll, **close)
    order = torch.randperm(4)
    permuted = mdn_nll(logits[:, order], mean[:, order], log_std[:, order], target, impl=impl)  # type: ignore[arg-type]
    torch.testing.assert_close(permuted, nll, **close)
    # a mixture lies between its best component and its worst
    alone = torch.stack(
        [
            mdn_nll(logits[:, k : k + 1], mean[:, k : k + 1], log_std[:, k : k + 1], target, impl=impl)  # type: ignore[arg-type]
            for k in range(4)
        ]
    )
    assert (nll >= alone.amin(0) - 1e-4 * (1 + nll.abs())).all()
    assert (nll <= alone.amax(0) + 1e-4 * (1 + nll.abs())).all()
    # moving everything moves nothing; all gradients of place add up to zero
    place = [x.clone().requires_grad_() for x in (logits, mean, target)]
    moved = mdn_nll(place[0], place[1], log_std, place[2], impl=impl)  # type: ignore[arg-type]
    to_logits, to_mean, to_target = torch.autograd.grad(moved.sum(), place)
    scale = float(to_mean.abs().max()) + 1.0
    torch.testing.assert_close(to_mean.sum(1), -to_target, rtol=1e-4, atol=1e-5 * scale)
    torch.testing.assert_close(to_logits.sum(1), torch.zeros(20), rtol=0, atol=1e-5)


def test_it_is_a_density() -> None:
    logits, mean, log_std, _ = mixture(1, 3, 1)
    x = torch.linspace(-15, 15, 20001)[:, None]
    nll = mdn_nll(logits.expand(20001, -1), mean.expand(20001, -1, -1), log_std.expand(20001, -1, -1), x)
    torch.testing.assert_close(torch.trapezoid((-nll).exp(), x[:, 0]), torch.tensor(1.0), rtol=1e-4, atol=0)


@pytest.mark.parametrize("size", [1, 3])
def test_gradcheck_of_the_reference(size: int) -> None:
    tensors = [x.double().requires_grad_() for x in mixture(3, 2, size)]
    assert mdn_nll(*tensors).dtype == torch.float64
    assert torch.autograd.gradcheck(mdn_nll, tensors)
    assert torch.autograd.gradgradcheck(mdn_nll, tensors)


@needs_native
def test_second_derivatives_are_those_of_the_reference() -> None:
    both = []
    for impl in ("native", "reference"):
        tensors = [x.requires_grad_() for x in mixture(5, 3, 4)]
        nll = mdn_nll(*tensors, impl=impl)  # type: ignore[arg-type]
        first = torch.autograd.grad(nll.square().sum(), tensors[1:3], create_graph=True)
        both.append(torch.autograd.grad(sum(g.square().sum() for g in first), tensors))
    for a, b in zip(*both, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


@needs_native
def test_strided_and_unaligned_tensors() -> None:
    logits, mean, log_std, target = mixture(10, 3, 18)
    wanted = mdn_nll(logits, mean, log_std, target, impl="native")
    strided = (logits.t().contiguous().t(), mean.transpose(0, 2).contiguous().transpose(0, 2))
    shifted = [torch.cat((x.new_zeros(1), x.flatten()))[1:].reshape(x.shape) for x in (log_std, target)]
    assert torch.equal(mdn_nll(*strided, *shifted, impl="native"), wanted)


@needs_native
@pytest.mark.parametrize("shape", [(3000, 5, 1), (300, 5, 40)])
def test_threads_give_the_same_bits(shape: tuple[int, ...]) -> None:
    before, results = torch.get_num_threads(), []
    tensors = [x.requires_grad_() for x in mixture(*shape)]
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            nll = mdn_nll(*tensors, impl="native")
            results.append((nll, *torch.autograd.grad(nll.sum(), tensors)))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@needs_native
@pytest.mark.parametrize("dtype", DTYPES)
def test_opcheck(dtype: torch.dtype) -> None:
    tensors = mixture(6, 3, 5, dtype=dtype)
    opcheck(torch.ops.gdl.mdn_nll_forward.default, tensors)
    opcheck(torch.ops.gdl.mdn_nll_backward.default, (torch.ones(6), *tensors))
    opcheck(torch.ops.gdl.mdn_nll_forward.default, (tensors[0].t().contiguous().t(), *tensors[1:]))


@needs_native
def test_ops_refuse_what_does_not_fit() -> None:
    logits, mean, log_std, target = mixture(6, 3, 5)
    ops, ones = torch.ops.gdl, torch.ones(6)
    for call in (
        lambda: ops.mdn_nll_forward(logits[:2], mean, log_std, target),
        lambda: ops.mdn_nll_forward(logits, mean[0], log_std[0], target),
        lambda: ops.mdn_nll_forward(logits, mean, log_std[:, :, :2], target),
        lambda: ops.mdn_nll_forward(logits, mean, log_std, target[:, :2]),
        lambda: ops.mdn_nll_forward(logits, mean, log_std, target.double()),
        lambda: ops.mdn_nll_forward(logits[:, :0], mean[:, :0], log_std[:, :0], target),
        lambda: ops.mdn_nll_forward(*(x.double() for x in (logits, mean, log_std, target))),
        lambda: ops.mdn_nll_backward(ones[:3], logits, mean, log_std, target),
        lambda: ops.mdn_nll_backward(ones.double(), logits, mean, log_std, target),
    ):
        with pytest.raises(RuntimeError, match="gdl"):
            call()


def gradients(f: Callable[..., Tensor]) -> list[Tensor]:
    tensors = [x.requires_grad_() for x in mixture(6, 3, 5)]
    nll = f(*tensors)
    return [nll.detach(), *torch.autograd.grad(nll.mean(), tensors)]


@pytest.mark.parametrize("impl", IMPLS)
def test_compiled_training_step_equals_eager(impl: str) -> None:
    def f(*tensors: Tensor) -> Tensor:
        return mdn_nll(*tensors, impl=impl)  # type: ignore[arg-type]

    torch._dynamo.reset()
    compiled = gradients(torch.compile(f, fullgraph=True, backend="aot_eager"))
    for a, b in zip(compiled, gradients(f), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("impl", IMPLS)
def test_functorch(impl: str) -> None:
    tensors = mixture(6, 3, 5)

    def f(*x: Tensor) -> Tensor:
        return mdn_nll(*x, impl=impl)  # type: ignore[arg-type]

    torch.testing.assert_close(vmap(f)(*tensors), f(*tensors))
    expected_grads = gradients(f)[1:]
    got = grad(lambda *x: f(*x).mean(), argnums=(0, 1, 2, 3))(*tensors)
    torch.testing.assert_close(got, tuple(expected_grads))
    one = [x[0] for x in tensors]
    assert hessian(f, argnums=1)(*one).shape == (3, 5, 3, 5)


def test_misuse_is_named() -> None:
    logits, mean, log_std, target = mixture(6, 3, 5)
    with pytest.raises(ValueError, match="components, size"):
        mdn_nll(logits[:, :2], mean, log_std, target)
    with pytest.raises(ValueError, match="components, size"):
        mdn_nll(logits, mean, log_std[:2], target)
    with pytest.raises(ValueError, match="components, size"):
        mdn_nll(logits[0, 0], mean[0, 0], log_std[0, 0], target[0])
    with pytest.raises(ValueError, match="one component"):
        mdn_nll(logits[:, :0], mean[:, :0], log_std[:, :0], target)
    with pytest.raises(ValueError, match=r"target must have shape \(6, 5\)"):
        mdn_nll(logits, mean, log_std, target[:, :4])
    with pytest.raises(TypeError, match="one floating dtype"):
        mdn_nll(logits.double(), mean, log_std, target)
    with pytest.raises(TypeError, match="target must have the dtype"):
        mdn_nll(logits, mean, log_std, target.double())
    with pytest.raises(ValueError, match="'fast'"):
        mdn_nll(logits, mean, log_std, target, impl="fast")  # type: ignore[arg-type]
