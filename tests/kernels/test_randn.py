"""The noise: the same bits everywhere, rows that stand alone, and a normal distribution."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from kernels.impls import IMPLS, ISAS, needs_native
from torch import Tensor

from gdl_core.kernels import make_key, philox, randn
from gdl_core.kernels._load import LOADED

SHAPES = [(), (1,), (7,), (0,), (0, 5), (5, 0), (3, 1), (300, 2), (5, 3), (4, 4), (9, 63), (9, 64), (9, 65), (2, 4095)]
SHAPES += [(2, 4097), (3, 2, 5), (2, 3, 4, 5)]

# sha256 of randn((61, 33), ...) as little-endian float32. A change of one of these is a new RNG_VERSION.
GOLDEN = {
    (0, 0): "14f16d4c4413f3b829e4f321355957940f1aba629a510ad96eaee3aaa2c52941",
    (7, 0): "9f8f3b8aa04484065f280d5e6d35d8c10ccb160fb2de4e871146e443e8c80433",
    (-1, 12345): "2b388aaaf118087a30b6e7a56dd20ccc4832851b433a861d09591ab017af3080",
    (2**63, 2**32 - 100): "ff38b177af46f64dbec83cb6bb8c65097329e8b7e91d509795f3a8d01ff1a36d",
    (123456789, -200): "d7d1f0c7704943d703bfe415103aff38c11697824d720e94befdb8aaf1fbcecf",
}


def digest(x: Tensor) -> str:
    return hashlib.sha256(x.contiguous().numpy().tobytes()).hexdigest()


@pytest.fixture
def restore_isa() -> Iterator[None]:
    assert LOADED.module is not None
    isa, threads = LOADED.module.isa(), torch.get_num_threads()
    yield
    LOADED.module.set_isa(isa)
    torch.set_num_threads(threads)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("key", GOLDEN)
def test_golden_bits(key: tuple[int, int], impl: str) -> None:
    assert digest(randn((61, 33), seed=key[0], offset=key[1], impl=impl)) == GOLDEN[key]


@needs_native
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.usefixtures("restore_isa")
def test_golden_bits_on_every_instruction_set_and_thread_count(isa: str, threads: int) -> None:
    assert LOADED.module is not None
    LOADED.module.set_isa(isa)
    torch.set_num_threads(threads)
    for key, expected in GOLDEN.items():
        assert digest(randn((61, 33), seed=key[0], offset=key[1], impl="native")) == expected
    big = randn((1003, 257), seed=1, impl="native")
    assert digest(big) == digest(randn((1003, 257), seed=1, impl="reference"))


@needs_native
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_native_is_the_reference_bit_for_bit(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    for seed, offset in [(3, 0), (-5, 2**32 - 3), (2**64 - 1, 2**64 - 2)]:
        native = randn(shape, seed=seed, offset=offset, dtype=dtype, impl="native")
        expected = randn(shape, seed=seed, offset=offset, dtype=dtype, impl="reference")
        assert native.shape == shape
        assert torch.equal(native, expected)


@needs_native
def test_a_long_stretch_is_the_reference_bit_for_bit() -> None:
    assert torch.equal(randn((1 << 21,), seed=99, impl="native"), randn((1 << 21,), seed=99, impl="reference"))


@needs_native
def test_philox_words_are_those_of_the_native_code() -> None:
    assert LOADED.module is not None
    for seed, counter in [(0, 0), (2**64 - 1, 2**32 - 2), (0x0123456789ABCDEF, 2**63)]:
        words = philox.philox_words(make_key(seed)[0], make_key(counter)[0] + torch.arange(5))
        assert torch.stack(words, 1).flatten().tolist() == LOADED.module.philox_words(seed, counter, 5)


def test_philox_words_are_the_known_answers_of_random123() -> None:
    words = philox.philox_words(make_key(0)[0], torch.zeros(1, dtype=torch.int64))
    assert [int(w) for w in words] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


@pytest.mark.parametrize("impl", IMPLS)
@given(cols=st.integers(1, 70), seed=st.integers(-(2**63), 2**64 - 1), offset=st.integers(0, 2**64 - 1), data=st.data())
def test_any_rows_alone_are_the_rows_of_the_batch(
    impl: str, cols: int, seed: int, offset: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, 20))
    stop = data.draw(st.integers(start, 24))
    moved = (offset + start * math.ceil(cols / 4)) % 2**64
    batch = randn((24, cols), seed=seed, offset=offset, impl=impl)
    assert torch.equal(randn((stop - start, cols), seed=seed, offset=moved, impl=impl), batch[start:stop])


@pytest.mark.parametrize("impl", IMPLS)
def test_dimensions_after_the_first_are_one_row_and_one_dimension_is_one_row(impl: str) -> None:
    flat = randn((5, 24), seed=4, impl=impl)
    assert torch.equal(randn((5, 2, 3, 4), seed=4, impl=impl), flat.reshape(5, 2, 3, 4))
    assert torch.equal(randn((24,), seed=4, impl=impl), flat[0])
    assert torch.equal(randn((), seed=4, impl=impl), flat[0, 0])


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_types_hold_the_same_numbers(dtype: torch.dtype) -> None:
    assert torch.equal(randn((40, 9), seed=2, dtype=dtype), randn((40, 9), seed=2).to(dtype))


def test_without_a_key_torch_decides() -> None:
    torch.manual_seed(1)
    first, second = randn((8,)), randn((8,))
    torch.manual_seed(1)
    assert torch.equal(randn((8,)), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"key": torch.zeros(2)}, TypeError, "int64"),
        ({"key": torch.zeros(3, dtype=torch.int64)}, ValueError, r"\(2,\)"),
        ({"key": make_key(1), "seed": 1}, ValueError, "either"),
        ({"key": make_key(1), "offset": 1}, ValueError, "either"),
        ({"seed": 2**64}, ValueError, "64 bits"),
        ({"seed": 1.5}, TypeError, "int"),
        ({"seed": 1, "dtype": torch.int32}, TypeError, "floating"),
        ({"seed": 1, "impl": "fast"}, ValueError, "impl"),
        ({"seed": 1, "impl": "native", "dtype": torch.float64}, RuntimeError, "float64"),
    ],
)
def test_misuse_is_named(arguments: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        randn((2,), **arguments)  # type: ignore[arg-type]
