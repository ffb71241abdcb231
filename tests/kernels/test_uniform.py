"""Uniform noise, and keys of rows: the same bits everywhere, rows that stand alone, an even distribution."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from kernels.impls import IMPLS, ISAS, needs_native
from torch import Tensor
from torch.func import vmap  # type: ignore[attr-defined]

from gdl_core.kernels import make_key, philox, randn, reparameterize, uniform
from gdl_core.kernels._load import LOADED

GOLDEN = "68551e6a16986a588313352f7e850035254abe2c223f9c6fb68a812d8fd8c62a"
SHAPES = [(), (7,), (0, 5), (5, 0), (300, 2), (5, 3), (9, 63), (9, 65), (2, 4097), (3, 2, 5)]
BITS = {torch.float32: 24, torch.float16: 11, torch.bfloat16: 8}


@pytest.mark.parametrize("impl", IMPLS)
def test_golden_bits(impl: str) -> None:
    numbers = uniform((61, 33), seed=7, offset=5, impl=impl)  # type: ignore[arg-type]
    assert hashlib.sha256(numbers.numpy().tobytes()).hexdigest() == GOLDEN


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("dtype", BITS)
def test_a_number_is_the_top_of_its_word(dtype: torch.dtype, impl: str) -> None:
    words = torch.stack(philox.philox_words(make_key(3)[0], torch.arange(4)), 1).flatten()
    numbers = uniform((16,), seed=3, dtype=dtype, impl=impl)  # type: ignore[arg-type]
    assert numbers.dtype == dtype
    assert (numbers.double() * 2.0 ** BITS[dtype]).long().tolist() == (words >> (32 - BITS[dtype])).tolist()


@needs_native
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", BITS)
@pytest.mark.parametrize("draw", [randn, uniform])
def test_native_is_the_reference_bit_for_bit(
    draw: Callable[..., Tensor], shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    rows = shape[0] if len(shape) >= 2 else 1
    keys = torch.stack([make_key(5 - i, 2**32 - 3 + i) for i in range(rows)]) if rows else torch.zeros(0, 2).long()
    for key in (make_key(3), make_key(-5, 2**32 - 3), keys):
        native = draw(shape, key=key, dtype=dtype, impl="native")
        assert native.shape == shape
        assert torch.equal(native, draw(shape, key=key, dtype=dtype, impl="reference"))


@needs_native
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("threads", [1, 2])
def test_bits_on_every_instruction_set_and_thread_count(isa: str, threads: int) -> None:
    assert LOADED.module is not None
    before = LOADED.module.isa(), torch.get_num_threads()
    try:
        LOADED.module.set_isa(isa)
        torch.set_num_threads(threads)
        assert torch.equal(uniform((1003, 257), seed=1), uniform((1003, 257), seed=1, impl="reference"))
    finally:
        LOADED.module.set_isa(before[0])
        torch.set_num_threads(before[1])


@pytest.mark.parametrize("dtype", BITS)
def test_one_is_never_reached(dtype: torch.dtype) -> None:
    numbers = uniform((1 << 20,), seed=2, dtype=dtype).float()
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert numbers.max() > 1 - 2.0**-7


def test_the_distribution_is_even() -> None:
    n = 1 << 22
    numbers = uniform((n,), seed=11).double()
    assert abs(numbers.mean().item() - 0.5) < 4 * math.sqrt(1 / 12 / n)
    assert abs(numbers.var().item() - 1 / 12) < 4 * math.sqrt(1 / 180 / n)
    counts = torch.histc(numbers, 1024, 0, 1)
    chi2 = ((counts - n / 1024).square() / (n / 1024)).sum().item()
    assert abs(chi2 - 1023) < 4 * math.sqrt(2 * 1023)
    pairs = numbers.reshape(-1, 2)
    joint = torch.histc(torch.floor(pairs[:, 0] * 32) * 32 + torch.floor(pairs[:, 1] * 32), 1024, 0, 1024)
    chi2 = ((joint - n / 2048).square() / (n / 2048)).sum().item()
    assert abs(chi2 - 1023) < 4 * math.sqrt(2 * 1023)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("draw", [randn, uniform])
@given(rows=st.integers(1, 9), cols=st.integers(1, 70), seed=st.integers(-(2**63), 2**63 - 1), data=st.data())
def test_a_row_has_the_numbers_of_its_own_key(
    draw: Callable[..., Tensor], impl: str, rows: int, cols: int, seed: int, data: st.DataObject
) -> None:
    offset = data.draw(st.integers(-(2**40), 2**40))
    keys = torch.stack([make_key(seed ^ i, offset + i) for i in range(rows)])
    together = draw((rows, cols), key=keys, impl=impl)
    row = data.draw(st.integers(0, rows - 1))
    assert torch.equal(together[row], draw((cols,), key=keys[row], impl=impl))


@pytest.mark.parametrize("impl", IMPLS)
def test_reparameterize_with_a_key_for_each_row(impl: str) -> None:
    torch.manual_seed(0)
    mean, log_var = (torch.randn(5, 7).requires_grad_() for _ in range(2))
    keys = torch.stack([make_key(100 + i, i) for i in range(5)])
    z = reparameterize(mean, log_var, key=keys, impl=impl)  # type: ignore[call-overload]
    grads = torch.autograd.grad(z.square().sum(), (mean, log_var))
    for row in range(5):
        m, v = (x[row].detach().requires_grad_() for x in (mean, log_var))
        alone = reparameterize(m, v, key=keys[row], impl=impl)  # type: ignore[call-overload]
        torch.testing.assert_close(z[row], alone)
        for a, b in zip(torch.autograd.grad(alone.square().sum(), (m, v)), grads, strict=True):
            torch.testing.assert_close(a, b[row])


@pytest.mark.parametrize("impl", IMPLS)
def test_vmap_over_keys(impl: str) -> None:
    keys = torch.stack([make_key(seed) for seed in range(4)])
    drawn = vmap(lambda key: uniform((7,), key=key, impl=impl))(keys)  # type: ignore[arg-type]
    assert torch.equal(drawn, torch.stack([uniform((7,), seed=seed) for seed in range(4)]))


def test_misuse_is_named() -> None:
    with pytest.raises(TypeError, match="floating"):
        uniform((3,), seed=1, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"\(3, 2\), one such pair for each row, got \(2, 2\)"):
        uniform((3, 4), key=torch.zeros(2, 2, dtype=torch.int64))
    with pytest.raises(TypeError, match="int64"):
        randn((3, 4), key=torch.zeros(3, 2))
