"""What holds for every function alike: torch.compile, torch.export, autocast, and the same bits in every process."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from kernels.every_function import Call, calls, names, results, results_and_gradients
from torch import Tensor, nn

from gdl_core.kernels import lerp, randn

CALLS = calls()
DTYPES = [torch.float32, torch.bfloat16, torch.float16]
each_call = pytest.mark.parametrize("call", CALLS.values(), ids=[name.replace(", ", "-") for name in CALLS])

# torch's own code paths under compile and export
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.*is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*autograd.function.Function.*should not be instantiated:DeprecationWarning"),
]


def test_no_function_is_left_out() -> None:
    assert {name.partition(",")[0] for name in CALLS} == names()


@each_call
def test_compiles_to_one_graph(call: Call) -> None:
    torch._dynamo.reset()
    out = torch.compile(call.function, fullgraph=True, backend="aot_eager")(*call.inputs)
    torch.testing.assert_close(out if isinstance(out, tuple) else (out,), results(call))


@each_call
def test_exports(call: Call) -> None:
    class Module(nn.Module):
        def forward(self, *inputs: Tensor) -> object:
            return call.function(*inputs)

    with torch.no_grad():
        out = torch.export.export(Module(), call.inputs).module()(*call.inputs)
    torch.testing.assert_close(out if isinstance(out, tuple) else (out,), results(call))


@each_call
@pytest.mark.parametrize("dtype", DTYPES)
def test_autocast_changes_neither_dtype_nor_value(call: Call, dtype: torch.dtype) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        without_gradients = results(call, dtype)
    got = (*without_gradients, *results_and_gradients(call, dtype, autocast=True))
    expected = (*results(call, dtype), *results_and_gradients(call, dtype, autocast=False))
    for out, wanted in zip(got, expected, strict=True):
        assert out.dtype == wanted.dtype
        assert torch.equal(out, wanted)


def digest() -> str:
    """Of all results, in every dtype."""
    whole = hashlib.sha256()
    for call in CALLS.values():
        for dtype in DTYPES:
            for out in results(call, dtype):
                whole.update(out.flatten().view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()


def test_another_process_with_more_threads_computes_the_same_bits() -> None:
    program = "import torch; torch.set_num_threads(2); from kernels.test_every_function import digest; print(digest())"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    made = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert made.stdout.split() == [digest()], made.stderr


def memory() -> int:
    """Bytes of memory that are free; 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0


@pytest.mark.slow
@pytest.mark.skipif(memory() < 6 << 30, reason="needs 6 GiB of free memory")
def test_more_elements_than_fit_in_thirty_two_bits() -> None:
    rows, cols = (1 << 31) // 4096 + 1, 4096
    numbers = randn((rows, cols), seed=5, dtype=torch.bfloat16)
    for row in (0, rows // 2, rows - 1):
        assert torch.equal(numbers[row], randn((1, cols), seed=5, offset=row * cols // 4, dtype=torch.bfloat16)[0])


@pytest.mark.slow
@pytest.mark.skipif(memory() < 6 << 30, reason="needs 6 GiB of free memory")
def test_a_line_of_more_elements_than_fit_in_thirty_two_bits() -> None:
    a, b = randn((2, 1, 1 << 20), seed=1, dtype=torch.bfloat16)
    t = torch.linspace(0, 1, 2049)
    line = lerp(a, b, t)
    assert line.numel() > 1 << 31
    for step in (0, 1024, 2048):
        assert torch.equal(line[step], lerp(a, b, t[step : step + 1])[0])
