"""What the plugin offers, and that telling it costs no torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

import gdl_data
from gdl_core.config import Settings
from gdl_core.specs import DatasetSpec, load_target

SPECS = list(gdl_data.gdl_datasets())


def test_names() -> None:
    assert [spec.name for spec in SPECS] == ["digits", "mnist", "images", "cylinders", "points", "faces", "celeba"]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_targets_are_there_and_settings_are_told(spec: DatasetSpec) -> None:
    assert callable(load_target(spec.target))
    config = load_target(spec.config)
    assert issubclass(config, Settings)
    assert all(field.description for field in config.model_fields.values())
    assert spec.licence


def test_offering_and_checking_import_no_torch() -> None:
    code = (
        "import sys, gdl_data, gdl_data.config as c; list(gdl_data.gdl_datasets()); c.DigitsConfig(); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
