"""The implementations that a test runs through: the reference always, native code where this machine has it."""

from __future__ import annotations

import pytest

from gdl_core.kernels._load import LOADED

needs_native = pytest.mark.skipif(bool(LOADED.why_not_cpu), reason=f"no native kernels: {LOADED.why_not_cpu}")
IMPLS = [pytest.param("reference", id="reference"), pytest.param("native", id="native", marks=needs_native)]
ISAS = LOADED.module.available_isas() if LOADED.module is not None else []
