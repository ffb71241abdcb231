"""Running: complete steps are left alone, begun ones go on, changed ones start over, failures are told in one line."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from recipe import fakes

from gdl_core import media
from gdl_core.errors import CancelledError, GdlError, InputError, PluginError, StorageError
from gdl_core.recipe import Observer, RunResult, check_text, plan_run, run_recipe
from gdl_core.registry import Registry
from gdl_core.values import Images

TEXT = """gdl: 1
title: A test
seed: 3
vars: {n: 2}
steps:
  a: {do: draw, n: $n, noise: true, save: [a.png, "each/a-{i}.png"]}
  b: {do: join, of: [$a, $a]}
  c: {do: count, of: $b, save: [c.csv, c.json]}
"""


class Run:
    """Runs a recipe in one folder, over and over."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        self.registry = registry
        self.folder = folder

    def __call__(self, text: str = TEXT, *overrides: str, **options: object) -> RunResult:
        fakes.RUNS.clear()
        fakes.HEARD.clear()
        recipe = check_text(text, self.registry, base=self.folder.parent, overrides=overrides)
        return run_recipe(recipe, self.folder, self.registry, **options)  # type: ignore[arg-type]


@pytest.fixture
def run(registry: Registry, tmp_path: Path) -> Run:
    return Run(registry, tmp_path / "run")


def contents(folder: Path) -> dict[str, str]:
    """Hash of every file that a run gives, without what tells of times."""
    left_out = {"report.md", "report.json", "report.html"}
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in left_out and ".gdl" not in path.relative_to(folder).parts
    }


def test_first_run_does_everything_and_the_second_nothing(run: Run) -> None:
    first = run()
    assert dict(fakes.RUNS) == {"a": 1, "b": 1, "c": 1}
    assert fakes.HEARD == ["a done", "b done", "c done"]
    names = [path.relative_to(run.folder).as_posix() for path in first.outputs]
    assert names[:3] == ["a.png", "each/a-0.png", "each/a-1.png"]
    assert "c.csv" in names
    before = contents(run.folder)
    second = run()
    assert dict(fakes.RUNS) == {}
    assert fakes.HEARD == ["a cached", "b cached", "c cached"]
    assert second.outputs == first.outputs
    assert contents(run.folder) == before


def test_same_recipe_in_two_folders_gives_the_same_bytes(registry: Registry, tmp_path: Path) -> None:
    Run(registry, tmp_path / "one")()
    Run(registry, tmp_path / "else" / "two")()
    assert contents(tmp_path / "one") == contents(tmp_path / "else" / "two")
    assert len(contents(tmp_path / "one")) >= 6


def test_a_change_runs_what_depends_on_it(run: Run) -> None:
    run()
    run(TEXT.replace("do: count", "do: count, seed: 5"))
    assert dict(fakes.RUNS) == {"c": 1}
    assert fakes.HEARD == ["a cached", "b cached", "c done"]


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(b"\x00" * 100)])
def test_a_result_that_is_no_longer_there_is_made_again(run: Run, spoil: Callable[[Path], None]) -> None:
    run()
    before = contents(run.folder)
    spoil(run.folder / ".gdl" / "b" / "result.safetensors")
    run(TEXT.replace("do: count", "do: count, seed: 5"))
    assert dict(fakes.RUNS) == {"b": 1, "c": 1}
    run()
    assert dict(fakes.RUNS) == {"c": 1}  # what was made again was kept again
    assert contents(run.folder) == before


def test_touching_an_input_runs_nothing(run: Run, tmp_path: Path) -> None:
    media.write(Images(np.zeros((1, 2, 2, 3), np.uint8)), tmp_path / "in.png", None, run.registry)
    text = "gdl: 1\nsteps:\n  b: {do: join, of: [in.png], save: b.png}\n"
    run(text)
    assert dict(fakes.RUNS) == {"b": 1}
    os.utime(tmp_path / "in.png", (1, 1))
    run(text)
    assert dict(fakes.RUNS) == {}
    media.write(Images(np.ones((1, 2, 2, 3), np.uint8)), tmp_path / "in.png", None, run.registry)
    run(text)
    assert dict(fakes.RUNS) == {"b": 1}


def test_a_lost_or_changed_output_is_made_again(run: Run) -> None:
    run()
    before = contents(run.folder)
    (run.folder / "each" / "a-1.png").unlink()
    run()
    assert dict(fakes.RUNS) == {}  # what it gave was kept for b, so it is only written again
    assert contents(run.folder) == before
    (run.folder / "c.csv").write_text("tampered")
    run()
    assert fakes.RUNS["c"] == 1
    assert contents(run.folder) == before


def test_one_more_file_to_save_is_written(run: Run) -> None:
    run()
    run(TEXT.replace("[a.png,", "[a.png, a.gif,").replace("c.csv,", "c.csv, c.md,"))
    assert dict(fakes.RUNS) == {"c": 1}  # what a gave was kept for b
    assert (run.folder / "a.gif").is_file()
    assert (run.folder / "c.md").is_file()


def test_only_runs_a_step_and_what_it_needs(run: Run) -> None:
    run(TEXT + "  z: {do: draw}\n", only=["b"])
    assert dict(fakes.RUNS) == {"a": 1, "b": 1}
    with pytest.raises(InputError, match="the recipe has no step 'bb'; did you mean 'b'"):
        run(only=["bb"])


def test_force_starts_a_step_and_its_dependents_over(run: Run) -> None:
    run()
    run(force=["b"])
    assert dict(fakes.RUNS) == {"b": 1, "c": 1}
    assert fakes.HEARD == ["a cached", "b done", "c done"]


def test_cache_false_runs_every_time(run: Run) -> None:
    text = TEXT.replace("{do: join,", "{do: join, cache: false,")
    run(text)
    run(text)
    assert dict(fakes.RUNS) == {"b": 1, "c": 1}


def test_below_a_step_that_runs_every_time_a_model_is_not_taken_from_before(run: Run) -> None:
    text = MODEL.replace("{do: cylinders,", "{do: cylinders, cache: false,")
    run(text, only=["vae"])
    before = contents(run.folder)
    (run.folder / ".gdl" / "vae" / "result.gdl").write_bytes(b"not asked for")
    run(text, only=["vae"])
    assert contents(run.folder) == before


def test_plan_run_says_what_would_happen(run: Run, registry: Registry) -> None:
    def actions(text: str, **options: list[str]) -> list[str]:
        recipe = check_text(text, registry, base=run.folder.parent)
        return [entry.action for entry in plan_run(recipe, run.folder, registry, **options)]

    assert actions(TEXT) == ["run", "run", "run"]
    assert not run.folder.exists()
    run()
    assert actions(TEXT) == ["unchanged", "unchanged", "unchanged"]
    assert actions(TEXT.replace("n: 2", "n: 3")) == ["run", "run", "run"]
    assert actions(TEXT, force=["c"]) == ["unchanged", "unchanged", "run"]
    (run.folder / "c.csv").unlink()
    assert actions(TEXT) == ["unchanged", "unchanged", "continue"]


SLOW = "gdl: 1\ntitle: Slow\nsteps: {s: {do: slow, units: 5, stop_at: 3, save: s.csv}, t: {do: draw}}\n"


def test_a_stopped_step_goes_on_where_it_was(run: Run) -> None:
    with pytest.raises(CancelledError, match=r"^stopped in step 's'; run the same command again to go on") as caught:
        run(SLOW, cancelled=lambda: fakes.STOP)
    assert caught.value.exit_code == 130
    assert not (run.folder / "s.csv").exists()
    fakes.STOP = False
    assert fakes.HEARD == ["s failed"]
    assert json.loads((run.folder / "report.json").read_text())["steps"][0]["status"] == "stopped"
    run(SLOW, cancelled=lambda: fakes.STOP)
    assert (run.folder / "s.csv").read_text().splitlines()[-1] == "3,5"
    assert dict(fakes.RUNS) == {"s": 1, "t": 1}


def test_a_changed_step_starts_over(run: Run) -> None:
    with pytest.raises(CancelledError):
        run(SLOW, cancelled=lambda: fakes.STOP)
    fakes.STOP = False
    run(SLOW.replace("units: 5, stop_at: 3", "units: 6, stop_at: 9"))
    assert (run.folder / "s.csv").read_text().splitlines()[-1] == "0,6"


def test_a_lost_lock_file_loses_no_state(run: Run) -> None:
    run(SLOW.replace("stop_at: 3", "stop_at: 9"))
    (run.folder / "run.lock.json").write_text("{broken")
    run(SLOW.replace("stop_at: 3", "stop_at: 9"))
    assert (run.folder / "s.csv").read_text().splitlines()[-1] == "5,5"


def test_stop_between_steps(run: Run) -> None:
    with pytest.raises(CancelledError, match="stopped before step 'a'"):
        run(cancelled=lambda: True)
    assert dict(fakes.RUNS) == {}


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("input", InputError, r"^step 'f': the pictures are empty; give others$"),
        (
            "bug",
            GdlError,
            r"^step 'f': ZeroDivisionError: division; this is a bug in plugin 'fakes', and the traceback",
        ),
        ("kind", PluginError, r"^step 'f': plugin 'fakes' is broken: 'fail' gave str, not an image$"),
        ("memory", GdlError, r"^step 'f': out of memory"),
    ],
)
def test_failures_are_one_line(run: Run, how: str, kind: type[GdlError], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        run(f"gdl: 1\nsteps: {{a: {{do: draw, save: a.png}}, f: {{do: fail, how: {how}}}}}")
    assert "\n" not in str(caught.value)
    assert (run.folder / "a.png").is_file()
    assert fakes.HEARD == ["a done", "f failed"]
    assert (run.folder / "error.log").is_file() == (how == "bug")
    run("gdl: 1\nsteps: {a: {do: draw, save: a.png}}")
    assert dict(fakes.RUNS) == {}  # what was done before the failure stays done


def test_interrupt_passes_through(run: Run) -> None:
    with pytest.raises(KeyboardInterrupt):
        run("gdl: 1\nsteps: {f: {do: fail, how: interrupt}}")


def test_two_runs_in_one_folder_are_kept_apart(run: Run) -> None:
    run()
    with FileLock(run.folder / ".gdl" / "run.lock"), pytest.raises(InputError, match="another run is at work"):
        run()
    run()


def test_record_tells_all_and_nothing_private(run: Run) -> None:
    run(TEXT, "n=3")
    record = media.read_record(run.folder / "each" / "a-1.png", run.registry)
    assert record is not None
    assert record["item"] == 1
    assert (record["title"], record["step"], record["do"], record["seed"]) == ("A test", "a", "fakes/draw", 3)
    assert "vars: {n: 3}" in record["recipe"]
    assert set(record["versions"]) == {"gdl", "plugin", "torch", "rng"}
    text = json.dumps(record)
    for private in (str(run.folder), str(Path.home()), os.uname().nodename if hasattr(os, "uname") else "\0"):
        assert private not in text
    again = check_text(record["recipe"], run.registry, base=run.folder.parent)
    assert [entry.action for entry in plan_run(again, run.folder, run.registry)] == ["unchanged"] * 3


def test_noise_depends_on_seed_and_step_alone(run: Run, registry: Registry, tmp_path: Path) -> None:
    text = "gdl: 1\nseed: {}\nsteps: {{{}: {{do: draw, noise: true, n: 1, save: x.png}}}}"

    def pixels(folder: str, seed: int, step: str, more: str = "") -> bytes:
        other = Run(registry, tmp_path / folder)
        other(text.format(seed, step).replace("steps: {", f"steps: {{{more}"))
        value = media.read(tmp_path / folder / "x.png", registry)
        return bytes(value.pixels.tobytes())

    first = pixels("1", 1, "a")
    assert pixels("2", 1, "a", "before: {do: draw}, ") == first
    assert pixels("3", 2, "a") != first
    assert pixels("4", 1, "b") != first


def test_report_tells_steps_notes_tables_and_pictures(run: Run) -> None:
    run()
    for _ in range(2):
        page = (run.folder / "report.md").read_text()
        assert page.startswith("# A test\n\nSeed 3, on ")
        assert "![a](a.png)" in page
        assert "- joined 2 of 2" in page
        assert "| pictures | 4 |" in page
        assert "| share | 0.1235 |" in page
        run()
    facts = json.loads((run.folder / "report.json").read_text())
    assert [step["status"] for step in facts["steps"]] == ["unchanged"] * 3
    assert facts["steps"][1]["notes"] == ["joined 2 of 2"]


def test_recipe_as_run_lies_in_the_folder(run: Run) -> None:
    run(TEXT, "n=5")
    assert (run.folder / "recipe.yaml").read_text() == TEXT.replace("n: 2", "n: 5")


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs symbolic links")
def test_a_link_does_not_lead_out_of_the_folder(run: Run, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    run.folder.mkdir()
    (run.folder / "each").symlink_to(outside)
    with pytest.raises(InputError, match="leads out of the run folder through a link"):
        run()
    assert list(outside.iterdir()) == []


def test_run_folder_that_cannot_be_made(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="cannot be made the run folder"):
        Run(registry, tmp_path / "file")()


def test_unknown_device_is_refused_before_any_work(run: Run) -> None:
    with pytest.raises(InputError, match="cuda:77"):
        run(device="cuda:77")
    assert dict(fakes.RUNS) == {}


def test_observer_hears_everything(run: Run) -> None:
    heard: list[str] = []

    class Ear(Observer):
        def run_start(self, folder: Path, title: str, steps: object) -> None:
            heard.append(f"start {title} {steps}")

        def progress(self, step: str, done: int, total: int, parts: dict[str, float]) -> None:
            heard.append(f"{step} {done}/{total} {sorted(parts)}")

        def note(self, step: str, text: str) -> None:
            heard.append(f"{step}: {text}")

        def run_end(self, folder: Path, error: BaseException | None) -> None:
            heard.append(f"end {error}")

    run(
        "gdl: 1\ntitle: T\nsteps: {s: {do: slow, units: 2, stop_at: 9}, d: {do: draw}, j: {do: join, of: [$d]}}",
        observer=Ear(),
    )
    assert heard == ["start T ['s', 'd', 'j']", "s 1/2 ['loss']", "s 2/2 ['loss']", "j: joined 1 of 1", "end None"]


MODEL = """gdl: 1
title: A model
seed: 1
steps:
  data: {do: cylinders, n: 60, size: 8}
  vae:
    do: train
    model: vae
    data: $data
    for: 2 steps
    batch: 16
    previews: false
    precision: fp32
    set: {network: mlp, width: 8}
    save: vae.gdl
  new:  {do: sample, model: $vae, n: 4, save: new.png}
"""


def test_a_trained_model_is_read_and_not_trained_again(run: Run) -> None:
    run(MODEL)
    before = contents(run.folder)
    progress: list[str] = []

    class Ear(Observer):
        def progress(self, step: str, done: int, total: int, parts: dict[str, float]) -> None:
            progress.append(step)

    (run.folder / "new.png").unlink()
    result = run(MODEL, observer=Ear())
    assert "vae" not in progress
    assert [step.status for step in result.steps] == ["unchanged", "unchanged", "done"]
    (run.folder / "vae.gdl").unlink()
    run(MODEL, observer=Ear())
    assert "vae" not in progress
    assert contents(run.folder) == before


def test_a_step_may_have_any_name(run: Run) -> None:
    text = "gdl: 1\nsteps:\n  lock: {do: draw}\n  begun: {do: join, of: [$lock]}\n  results: {do: count, of: $begun}\n"
    assert [step.status for step in run(text).steps] == ["done"] * 3
    assert [step.status for step in run(text).steps] == ["unchanged"] * 3
