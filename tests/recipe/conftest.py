from __future__ import annotations

import pytest
from recipe import fakes

import gdl_baseline
import gdl_core.builtin
import gdl_data
import gdl_gan
import gdl_probe
import gdl_vae
from gdl_core.registry import Registry


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The fakes beside everything that the toolkit brings."""
    registry = Registry.from_plugins([gdl_core.builtin, gdl_baseline, gdl_data, gdl_gan, gdl_probe, gdl_vae, fakes])
    assert [info.error for info in registry.plugins if info.error] == []
    return registry


@pytest.fixture(autouse=True)
def _fresh() -> None:
    fakes.RUNS.clear()
    fakes.HEARD.clear()
    fakes.STOP = False
