"""A run folder that a stranger packed: links lead nowhere, and a lock file vouches for nothing outside."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recipe import fakes
from recipe.killing import contents
from recipe.test_recipe_interrupted import QUICK, TRAINING

from gdl_core.errors import GdlError, InputError
from gdl_core.recipe import check_text, run_recipe
from gdl_core.registry import Registry

Go = Callable[..., Any]


@pytest.fixture
def go(registry: Registry, tmp_path: Path) -> Go:
    def run(text: str, folder: str = "run", **options: Any) -> Any:
        return run_recipe(check_text(text, registry, base=tmp_path), tmp_path / folder, registry, **options)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.mark.parametrize(
    "lock", ['{"gdl": 1, "steps": ' + "[" * 5000, '{"gdl": 1, "steps": {"a": {"key": 1}}}', "[]", "\xff"]
)
def test_a_lock_file_of_nonsense_means_that_nothing_is_complete(go: Go, folder: Path, lock: str) -> None:
    folder.mkdir()
    (folder / "run.lock.json").write_text(lock, "latin-1")
    go(QUICK)
    assert dict(fakes.RUNS) == {"a": 1, "b": 1, "c": 1}


def test_a_lock_file_does_not_vouch_for_files_outside(go: Go, folder: Path, tmp_path: Path) -> None:
    go(QUICK)
    lock = json.loads((folder / "run.lock.json").read_bytes())
    fake = tmp_path / "outside.csv"
    fake.write_bytes((folder / "c.csv").read_bytes())
    digest = lock["steps"]["c"]["outputs"]["c.csv"].pop("c.csv")
    for name in (str(fake), "../outside.csv"):
        lock["steps"]["c"]["outputs"]["c.csv"] = {name: digest}
        (folder / "run.lock.json").write_text(json.dumps(lock))
        fakes.RUNS.clear()
        go(QUICK)
        assert fakes.RUNS["c"] == 1


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs symbolic links")
class TestLinks:
    """Links in a run folder that somebody else packed."""

    @pytest.fixture
    def outside(self, tmp_path: Path) -> Path:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "mine").write_text("precious")
        return outside

    def untouched(self, outside: Path) -> None:
        assert [path.name for path in outside.iterdir()] == ["mine"]
        assert (outside / "mine").read_text() == "precious"

    def test_in_place_of_the_state(self, go: Go, folder: Path, outside: Path) -> None:
        folder.mkdir()
        (folder / ".gdl").symlink_to(outside)
        with pytest.raises(InputError, match="leads out of the run folder through a link; remove the link"):
            go(QUICK)
        self.untouched(outside)

    @pytest.mark.parametrize(
        "name",
        [
            "a.png",
            "run.lock.json",
            "recipe.yaml",
            "report.md",
            "report.json",
            "error.log",
            ".gdl/run.lock",
            ".gdl/a/key",
        ],
    )
    def test_in_place_of_a_file(self, go: Go, folder: Path, outside: Path, name: str) -> None:
        (folder / name).parent.mkdir(parents=True)
        (folder / name).symlink_to(outside / "mine")
        go(QUICK)
        with pytest.raises(GdlError, match="bug in plugin"):
            go("gdl: 1\nsteps: {f: {do: fail}}")
        self.untouched(outside)

    @pytest.mark.parametrize("name", ["", "previews", "log.jsonl", "result.gdl", "checkpoint-000000000009.safetensors"])
    def test_in_the_state_of_a_step(self, go: Go, folder: Path, outside: Path, name: str) -> None:
        go(TRAINING)
        before = contents(folder)
        key = (folder / ".gdl/vae/key").read_bytes()
        (folder / "vae.gdl").unlink()
        shutil.rmtree(folder / ".gdl/vae")
        if name:
            (folder / ".gdl/vae").mkdir()
            (folder / ".gdl/vae/key").write_bytes(key)
            (folder / ".gdl/vae" / name).symlink_to(outside / ("mine" if "." in name else ""))
        else:
            (outside / "key").write_bytes(key)
            (folder / ".gdl/vae").symlink_to(outside)
        go(TRAINING)
        (outside / "key").unlink(missing_ok=True)
        self.untouched(outside)
        assert contents(folder) == before
