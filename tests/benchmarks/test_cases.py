"""The cases of the kernel benchmark: none is forgotten, and what fails says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from gdl_core import kernels

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
NOT_TIMED = {"info", "make_filter", "make_key"}


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_every_public_kernel_is_timed() -> None:
    from kernel_cases import all_cases

    public = {name for name in kernels.__all__ if callable(getattr(kernels, name))}
    assert {case.operation.op for case in all_cases()} == public - NOT_TIMED


def test_every_case_has_a_name_of_its_own() -> None:
    from kernel_cases import all_cases

    names = [case.name for case in all_cases()]
    assert len(set(names)) == len(names)


def test_goals_name_rivals_that_there_are() -> None:
    from kernel_cases import all_cases
    from kernel_rivals import COMPILED

    for case in all_cases():
        for device in ("cpu", "cuda"):
            wanted = set(case.goals(device)) - {"copy"}
            if wanted and not case.is_large:
                assert wanted <= {*case.subject("cpu").rivals, *COMPILED}, case.name


@pytest.mark.parametrize("kind", ["forward", "full"])
def test_two_tiny_cases_are_timed_against_plain_torch_and_numpy(kind: str) -> None:
    from kernel_cases import all_cases
    from kernel_rivals import Setting
    from kernel_run import measure
    from paired import CpuClock

    (case,) = (case for case in all_cases() if case.name == f"slerp path {kind} 16x1x512 float32")
    setting = Setting("cpu", pairs=2, budget=0.1, rivals=("eager", "numpy"))
    (row,) = measure(case, [CpuClock()], setting, {"float32": 10.0})
    assert row.error == ""
    assert set(row.against) == ({"eager", "numpy"} if kind == "forward" else {"eager"})
    for against in row.against.values():
        assert against.error == ""
        assert against.pairs == 2
        assert 0 < against.low <= against.ratio <= against.high
    ends, line = 2 * 512 * 4, 16 * 512 * 4
    assert row.bytes == (ends + line if kind == "forward" else 3 * ends + 2 * line)
    assert row.share == pytest.approx(row.bytes / row.seconds / 1e10)


def operation(**functions: Any) -> Any:
    from kernel_case import Operation, Subject

    def make(shape: tuple[int, ...], dtype: torch.dtype, device: str) -> Subject:
        return Subject([torch.ones(shape)], functions.pop("ours", torch.neg), functions)

    return Operation("noise", "negate", "", [(3,)], make, goals=lambda *case: dict.fromkeys(functions, 1e9))


def timed(**functions: Any) -> Any:
    from kernel_rivals import Setting
    from kernel_run import measure
    from paired import CpuClock

    (case,) = operation(**functions).cases()
    return measure(case, [CpuClock()], Setting("cpu", pairs=2, budget=0.01), {})[0]


def test_rivals_that_fail_or_differ_are_told_and_the_others_timed() -> None:
    def fails(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("in /some/folder:\n\nno compiler was found")

    row = timed(fails=fails, differs=torch.abs, slow=lambda x: -x)
    assert row.against["fails"].error == "RuntimeError: no compiler was found"
    assert row.against["fails"].verdict == "not run"
    assert row.against["differs"].verdict == "DIFFERS"
    assert row.against["slow"].verdict == "MISSED"
    assert row.against["slow"].pairs == 2


def test_a_kernel_that_fails_is_told() -> None:
    def fails(x: torch.Tensor) -> torch.Tensor:
        raise ValueError("no such kernel")

    assert timed(ours=fails, eager=torch.neg).error == "ValueError: no such kernel"


def test_pairs_are_compared_with_one_another_and_change_their_order() -> None:
    from paired import compare

    class Script:
        """Hands out seconds: ours doubles from pair to pair as the machine slows down, and so does the rival."""

        name = "script"

        def __init__(self) -> None:
            self.order: list[str] = []

        def prepare(self, call: Any) -> Any:
            return call

        def seconds(self, call: Any, calls: int) -> float:
            self.order.append(call())
            pair = (len(self.order) - 3) // 2
            return float(2.0 ** max(pair, 0) * (1 if call() == "ours" else 3 + (pair == 4)))

        def calls(self, seconds: float, pairs: int) -> int:
            return 1

    clock = Script()
    result = compare(lambda: "ours", lambda: "rival", clock, 5, 1e9)
    assert (result.ratio, result.low, result.high, result.pairs) == (3.0, 3.0, 4.0, 5)
    pairs = [clock.order[i : i + 2] for i in range(2, 12, 2)]
    assert all(sorted(pair) == ["ours", "rival"] for pair in pairs)
    assert [pair[0] for pair in pairs] == ["rival", "ours", "rival", "ours", "rival"]


def test_a_call_costs_what_is_beyond_the_arithmetic_of_its_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    import kernel_run
    from kernel_cases import all_cases
    from kernel_rivals import Setting

    monkeypatch.setattr(kernel_run, "blocks_of_pairs", lambda *_: ([20e-6, 10e-6, 30e-6], [640e-6, 640e-6, 640e-6]))
    first, second, third = kernel_run.call_costs(all_cases(), Setting("cpu"))
    assert (first.op, first.detail, first.small, first.large) == ("reparameterize", "", "64x128", "1024x512")
    assert (first.seconds, first.low, first.high) == pytest.approx((10e-6, 0.0, 20e-6))
    assert (first.verdict, second.verdict, third.verdict) == ("MISSED", "MISSED", "")


@pytest.mark.parametrize("busy", ["", "the machine had a load of 2.0"])
def test_several_threads_are_judged_by_the_copy_of_as_many_unless_the_machine_is_busy(
    monkeypatch: pytest.MonkeyPatch, busy: str
) -> None:
    import kernel_rivals
    from kernel_run import with_threads

    monkeypatch.setattr(kernel_rivals, "COPIED", (64, 64))
    kernel_rivals.copy_call.cache_clear()
    rows: list[Any] = []
    threads = torch.get_num_threads()
    try:
        setting = kernel_rivals.Setting("cpu", pairs=2, budget=0.01)
        with_threads(list(operation(eager=torch.neg).cases()), 2, setting, 1e9, busy, rows.append)
    finally:
        torch.set_num_threads(threads)
        kernel_rivals.copy_call.cache_clear()
    alone, both = rows
    assert (alone.threads, both.threads) == (1, 2)
    assert "copy" not in alone.against
    assert {row.against["eager"].verdict for row in rows} == {""}
    assert both.against["copy"].verdict == (f"not judged: {busy}" if busy else "MISSED")
