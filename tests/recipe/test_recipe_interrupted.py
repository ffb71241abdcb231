"""A full disk, a folder that cannot be written, a plugin or an observer that raises: one line, and nothing is lost."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from recipe import fakes
from recipe.killing import contents, temporary

from gdl_core.errors import CancelledError, GdlError, StorageError, TrainingError
from gdl_core.recipe import Observer, check_text, run_recipe
from gdl_core.registry import Registry

QUICK = """gdl: 1
seed: 3
steps:
  a: {do: draw, n: 2, noise: true, save: [a.png, "each/a-{i}.png"]}
  b: {do: join, of: [$a, $a]}
  c: {do: count, of: $b, save: [c.csv, c.json]}
"""
TRAINING = """gdl: 1
seed: 1
steps:
  data: {do: cylinders, n: 60, size: 8}
  vae:
    do: train
    model: vae
    data: $data
    for: 6 steps
    batch: 16
    precision: fp32
    set: {network: mlp, width: 8}
    save: vae.gdl
"""

Go = Callable[..., Any]


@pytest.fixture
def go(registry: Registry, tmp_path: Path) -> Go:
    def run(text: str, folder: str = "run", **options: Any) -> Any:
        return run_recipe(check_text(text, registry, base=tmp_path), tmp_path / folder, registry, **options)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, int], None]]:
    """Let writing under a name that fits a pattern end after ten bytes, with an error of the system."""
    real = Path.open

    def refuse(pattern: str, number: int) -> None:
        class Refusing:
            def __init__(self, stream: Any) -> None:
                self.stream = stream

            def __enter__(self) -> Any:
                return self

            def __exit__(self, *_: object) -> None:
                self.stream.close()

            def write(self, data: Any) -> int:
                self.stream.write(data[:10])
                self.stream.flush()
                raise OSError(number, os.strerror(number))

        def opening(path: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
            stream = real(path, mode, *rest, **named)
            return Refusing(stream) if set(mode) & set("wa") and re.search(pattern, path.name) else stream

        monkeypatch.setattr(Path, "open", opening)
        monkeypatch.setattr(Path, "write_bytes", lambda path, data: _written(path, data))

    def _written(path: Path, data: bytes) -> int:
        with path.open("wb") as stream:
            return int(stream.write(data))

    yield refuse
    monkeypatch.undo()


REFUSALS = [
    ("checkpoint-", "checkpoint-000000000006.safetensors", errno.ENOSPC),
    ("checkpoint-", "checkpoint-000000000006.safetensors", errno.EACCES),
    ("result.gdl", "result.gdl", errno.ENOSPC),
    ("vae.gdl", "vae.gdl", errno.ENOSPC),
    ("vae.gdl", "vae.gdl", errno.EROFS),
    ("result.json", "result.json", errno.ENOSPC),
    ("key", "key", errno.ENOSPC),
    ("run.lock", "run.lock.json", errno.ENOSPC),
    ("report", "report.json", errno.ENOSPC),
    ("recipe", "recipe.yaml", errno.ENOSPC),
    ("log.jsonl", "log.jsonl", errno.ENOSPC),
    ("log.jsonl", "log.jsonl", errno.EACCES),
]
HINTS = {
    errno.ENOSPC: "make room in",
    errno.EACCES: "make its folder writable",
    errno.EROFS: "choose a folder on a disk that can be written",
}


@pytest.fixture(scope="module")
def trained(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `TRAINING` gives when nothing disturbs it."""
    folder = tmp_path_factory.mktemp("trained")
    run_recipe(check_text(TRAINING, registry, base=folder), folder / "run", registry)
    return folder / "run"


@pytest.mark.parametrize(("pattern", "file", "number"), REFUSALS)
def test_what_the_disk_refuses_is_named_and_made_good(
    go: Go, folder: Path, trained: Path, refuse: Any, pattern: str, file: str, number: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    go(QUICK)  # what was there before
    before = contents(folder)
    refuse(pattern, number)
    with pytest.raises(StorageError) as caught:
        go(TRAINING)
    monkeypatch.undo()
    assert caught.value.exit_code == 1
    told = str(caught.value)
    assert "\n" not in told
    assert file in told
    assert HINTS[number] in told
    assert temporary(folder) == []
    after = contents(folder)
    json.loads(after["run.lock.json"])
    its_own = {"recipe.yaml", "run.lock.json"}
    assert {name: after.get(name) for name in before.keys() - its_own} == {
        name: data for name, data in before.items() if name not in its_own
    }
    go(TRAINING)
    assert (folder / "vae.gdl").read_bytes() == (trained / "vae.gdl").read_bytes()


def test_a_full_disk_at_an_output_leaves_the_old_one(
    go: Go, folder: Path, refuse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(QUICK)
    before = contents(folder)
    refuse(r"c\.csv", errno.ENOSPC)
    with pytest.raises(
        StorageError, match=r"^step 'c': no space left to write c\.csv; make room in .*run and run again$"
    ):
        go(QUICK, force=["c"])
    assert {**contents(folder), "run.lock.json": b""} == {**before, "run.lock.json": b""}
    assert temporary(folder) == []
    monkeypatch.undo()
    fakes.RUNS.clear()
    go(QUICK)
    assert dict(fakes.RUNS) == {"c": 1}
    assert contents(folder) == before


def test_a_traceback_that_cannot_be_written_does_not_hide_the_failure(go: Go, refuse: Any) -> None:
    refuse("error", errno.ENOSPC)
    with pytest.raises(GdlError, match=r"^step 'f': ZeroDivisionError: division; this is a bug in plugin 'fakes'"):
        go("gdl: 1\nsteps: {f: {do: fail}}")


@pytest.mark.parametrize("file", ["c.csv", "each"])
def test_something_else_in_the_place_of_an_output(go: Go, folder: Path, file: str) -> None:
    folder.mkdir()
    if file == "each":
        (folder / file).write_text("mine")
    else:
        (folder / file / "mine").mkdir(parents=True)
    with pytest.raises(StorageError, match=rf"{file}.* cannot be written: .*: move it away$"):
        go(QUICK)
    assert (folder / file).exists()
    assert temporary(folder) == []
    shutil.rmtree(folder / file) if file == "c.csv" else (folder / file).unlink()
    go(QUICK)
    go(QUICK, "whole")
    assert contents(folder) == contents(folder.parent / "whole")


def test_the_state_folder_is_a_file(go: Go, folder: Path) -> None:
    folder.mkdir()
    (folder / ".gdl").write_text("in the way")
    with pytest.raises(StorageError, match=r"run: cannot be made the run folder: File exists; choose another --out$"):
        go(QUICK)


class _Saboteur(Observer):
    def __init__(self, folder: Path, step: str) -> None:
        self.folder, self.step, self.done = folder, step, False

    def progress(self, step: str, done: int, total: int, parts: dict[str, float]) -> None:
        if step == self.step and not self.done:
            self.done = True
            shutil.rmtree(self.folder)


def test_the_folder_is_removed_while_a_training_is_at_work(go: Go, folder: Path, trained: Path) -> None:
    go(TRAINING, observer=_Saboteur(folder, "vae"))
    assert contents(folder)["vae.gdl"] == contents(trained)["vae.gdl"]
    go(TRAINING)
    assert contents(folder) == contents(trained)
    assert (folder / ".gdl/vae/key").read_text() == (trained / ".gdl/vae/key").read_text()


def test_the_folder_becomes_a_file_while_a_training_is_at_work(go: Go, folder: Path) -> None:
    class Worse(_Saboteur):
        def progress(self, step: str, done: int, total: int, parts: dict[str, float]) -> None:
            if step == self.step and not self.done:
                super().progress(step, done, total, parts)
                self.folder.write_text("a file")

    with pytest.raises(StorageError, match=r"^step '\w+': .* cannot be written: .*: move it away") as caught:
        go(TRAINING, observer=Worse(folder, "vae"))
    assert "\n" not in str(caught.value)
    assert folder.read_text() == "a file"


def test_a_plugin_that_raises_keeps_what_the_others_did(go: Go, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go(QUICK, "whole")
    fakes.RUNS.clear()
    mended = fakes.count

    def broken(arguments: Any, context: Any) -> Any:
        raise LookupError("no such\ncolumn \x1b[31m")

    monkeypatch.setattr(fakes, "count", broken)
    with pytest.raises(GdlError, match=r"^step 'c': LookupError: no such; this is a bug in plugin 'fakes'") as caught:
        go(QUICK)
    assert caught.value.exit_code == 1
    assert "LookupError: no such" in (folder / "error.log").read_text()
    assert dict(fakes.RUNS) == {"a": 1, "b": 1}
    monkeypatch.setattr(fakes, "count", mended)
    go(QUICK)
    assert dict(fakes.RUNS) == {"a": 1, "b": 1, "c": 1}
    after = contents(folder)
    after.pop("error.log", None)
    assert after == contents(folder.parent / "whole")


@pytest.mark.parametrize("hook", ["gdl_run_start", "gdl_step_start", "gdl_progress", "gdl_step_end", "gdl_run_end"])
def test_a_hook_that_raises_harms_nothing(tmp_path: Path, hook: str, caplog: pytest.LogCaptureFixture) -> None:
    import gdl_core.builtin
    from gdl_core.hooks import hookimpl

    class Bad:
        pass

    def raising(self: Any) -> None:
        raise RuntimeError("the watcher fell asleep")

    raising.__name__ = hook
    setattr(Bad, hook, hookimpl(raising))
    text = QUICK.replace("  b:", "  s: {do: slow, units: 2, stop_at: 9}\n  b:")
    for name, plugins in (("whole", {}), ("run", {"bad": Bad()})):
        registry = Registry.from_plugins({"core": gdl_core.builtin, "fakes": fakes, **plugins})
        run_recipe(check_text(text, registry, base=tmp_path), tmp_path / name, registry)
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")
    assert "the watcher fell asleep" in caplog.text
    assert "bad" in caplog.text


def test_a_loss_that_is_not_finite_stops_and_poisons_nothing(
    go: Go, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gdl_core.training import loop
    from gdl_core.training.checkpoint import load

    text = TRAINING.replace("6 steps", "60 steps")
    go(text, "whole")
    healthy, ticks = loop._Run._losses, iter(range(0, 10**6, 10))
    monkeypatch.setattr(loop.time, "monotonic", lambda: float(next(ticks)))

    def losses(self: Any, seat: Any, batch: Any) -> Any:
        parts = dict(healthy(self, seat, batch))
        if batch.training and batch.step >= 33:
            parts["loss"] = parts["loss"] * float("nan")
        return parts

    monkeypatch.setattr(loop._Run, "_losses", losses)
    for _ in range(2):  # given again, the same command ends the same way: it never trains on from spoilt weights
        with pytest.raises(
            TrainingError, match=r"^step 'vae': training diverged at step 33: .*of step 3\d is kept; try a"
        ):
            go(text)
        kept = sorted((folder / ".gdl" / "vae").glob("checkpoint-*"))
        assert kept
        for path in kept:
            tensors = load(path).tensors.values()
            assert all(bool(tensor.isfinite().all()) for tensor in tensors if tensor.is_floating_point())
    monkeypatch.undo()
    go(text)
    assert contents(folder) == contents(folder.parent / "whole")


def test_two_stops_in_a_row(go: Go, folder: Path) -> None:
    text = TRAINING.replace("6 steps", "40 steps")
    go(text, "whole")
    for limit in (4, 9):
        asked = iter([False] * limit + [True] * 99)
        with pytest.raises(CancelledError, match="run it again to go on"):
            go(text, cancelled=asked.__next__)
        assert temporary(folder) == []
    go(text)
    assert contents(folder) == contents(folder.parent / "whole")


def test_a_step_may_be_called_lock(go: Go, folder: Path) -> None:
    text = "gdl: 1\nsteps: {lock: {do: draw, save: a.png}}"
    go(text)
    go(text)
    assert dict(fakes.RUNS) == {"lock": 1}


def test_observers_hear_the_end_where_the_report_cannot_be_written(go: Go, refuse: Callable[[str, int], None]) -> None:
    heard: list[BaseException | None] = []

    class Ears(Observer):
        def run_end(self, folder: Path, error: BaseException | None) -> None:
            heard.append(error)

    refuse("report", errno.ENOSPC)
    with pytest.raises(StorageError, match=r"no space left to write report\.json"):
        go(QUICK, observer=Ears())
    assert [type(error) for error in heard] == [StorageError]
