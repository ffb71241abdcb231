"""Baselines fitted as a recipe fits them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from data.fakes import Context

import gdl_baseline
import gdl_data
from gdl_core import builtin
from gdl_core.data.dataset import Dataset
from gdl_core.noise import Noise
from gdl_core.registry import Registry
from gdl_core.steps.context import StepContext
from gdl_core.steps.train import Arguments, run
from gdl_core.values import TrainedModel
from gdl_data import digits
from gdl_data.config import DigitsConfig

REGISTRY = Registry.from_plugins({"core": builtin, "data": gdl_data, "baseline": gdl_baseline})
NAMES = [spec.name for spec in gdl_baseline.gdl_models()]


@cache
def digit_pictures() -> Dataset:
    """The digits that come along."""
    return digits.build(DigitsConfig(), Context())


def fitted(name: str, data: Dataset, folder: Path, seed: int = 5, **settings: Any) -> TrainedModel:
    """Return a baseline fitted to data."""
    arguments = Arguments.model_validate({"model": name, "data": data, "set": settings}, context={"base": folder})
    assert list(arguments.faults(REGISTRY)) == []
    return run(arguments, StepContext("fit", Noise(seed), folder / "fit", folder, REGISTRY, device="cpu"))
