from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gdl_cli import main
from gdl_core.registry import get_registry

Gdl = Callable[..., str]


@pytest.fixture(autouse=True)
def _fresh_registry() -> Iterator[None]:
    get_registry.cache_clear()
    yield
    get_registry.cache_clear()


@pytest.fixture
def gdl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Gdl:
    """Run the command line inside this process, in a folder of its own; returns stdout, or stderr if it should fail."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GDL_NO_PLUGIN", raising=False)

    def run(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        got = main.run(list(arguments))
        out, err = capsys.readouterr()
        assert got == code, f"exit code {got}\n{out}{err}"
        return err if code else out

    return run
