"""Arithmetic is chosen by a measurement that is made once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
from training.toys import fingerprint, fit, make

from gdl_core.training import precision

CPU = torch.device("cpu")


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GDL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(precision, "has_native_bf16", lambda device: True)
    monkeypatch.setattr(precision, "SECONDS", 0.01)


def _burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def _step(fast: float) -> None:
    _burn(fast if torch.is_autocast_enabled("cpu") else 0.004)


def test_without_native_bf16_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_native_bf16", lambda device: False)
    verdict = precision.decide("auto", CPU, make(), 16, pytest.fail)
    assert verdict.precision == "fp32"
    assert "no native bfloat16" in verdict.reason
    assert "emulates" in precision.decide("bf16", CPU, make(), 16, pytest.fail).reason


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize(("fast", "expected"), [(0.002, "bf16"), (0.004, "fp32")])
def test_the_verdict_is_measured_once_and_remembered(fast: float, expected: str) -> None:
    model = make()
    first = precision.decide("auto", CPU, model, 16, lambda: _step(fast))
    assert first.precision == expected
    assert precision.decide("auto", CPU, model, 16, pytest.fail) == first
    with pytest.raises(pytest.fail.Exception):
        precision.decide("auto", CPU, model, 17, pytest.fail)


@pytest.mark.usefixtures("native")
def test_the_measurement_leaves_no_trace_in_the_model(tmp_path: Path) -> None:
    measured, told = make(), make()
    verdict = fit(measured, tmp_path / "a", precision="auto")
    fit(told, tmp_path / "b", precision=verdict.precision)
    assert "measured at" in verdict.precision_reason
    assert fingerprint(measured) == fingerprint(told)


def test_training_in_bf16_keeps_weights_in_float32(tmp_path: Path) -> None:
    model, plain = make(), make()
    assert fit(model, tmp_path / "a", precision="bf16").precision == "bf16"
    fit(plain, tmp_path / "b", precision="fp32")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert fingerprint(model) != fingerprint(plain)
