"""What holds for every test: one thread unless told otherwise, a cache folder of its own, examples that come again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Before anything imports torch: many small tests run faster on one thread, and other work goes on beside them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

MOST_PROCESSES = 8

settings.register_profile("gdl", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("gdl")


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_auto_num_workers() -> int:
    """Processes of `pytest -n auto`: one for each core, but no more than memory is sure to be there for."""
    return min(os.cpu_count() or 1, MOST_PROCESSES)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The cache folder of this test run, empty at its beginning; programs that tests start use it too."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GDL_CACHE", str(folder))
        patch.setenv("GDL_CACHE_SIZE", "0")  # tests of resuming would find results instead
        patch.delenv("GDL_PLUGINS", raising=False)
        yield folder
