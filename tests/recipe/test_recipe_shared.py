"""Results that runs share: found by key, whole or not there, bounded, and never a way for a run to fail."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import time
from pathlib import Path

import pytest
from recipe import fakes
from recipe.crowd import TEXT, go, run_often

from gdl_core.errors import InputError
from gdl_core.recipe import SharedResults, check_text, plan_run, run_recipe, shared
from gdl_core.recipe.keep import VALUE
from gdl_core.registry import Registry


@pytest.fixture(autouse=True)
def _all_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "WORTH_SECONDS", 0.0)


@pytest.fixture
def results(tmp_path: Path) -> SharedResults:
    return SharedResults(tmp_path / "cache" / "results", 10**9, "cpu")


def test_a_second_folder_takes_what_the_first_has_made(
    registry: Registry, tmp_path: Path, results: SharedResults
) -> None:
    assert go(registry, tmp_path / "one", results) == {"a": "done", "b": "done", "c": "done"}
    assert {entry.step for entry in results.entries()} == {"a", "b"}
    assert go(registry, tmp_path / "two", results) == {"a": "cached", "b": "cached", "c": "done"}
    assert dict(fakes.RUNS) == {"c": 1}
    for name in ("a.png", "c.csv", "c.csv.gdl.json"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    assert go(registry, tmp_path / "two", results) == dict.fromkeys("abc", "unchanged")


def test_where_files_cannot_be_linked_they_are_copied(
    registry: Registry, tmp_path: Path, results: SharedResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    go(registry, tmp_path / "one", results)
    assert go(registry, tmp_path / "two", results)["a"] == "cached"
    assert not list(tmp_path.rglob(".gdl-part-*"))


def test_a_value_that_was_there_before_is_there_again(
    registry: Registry, tmp_path: Path, results: SharedResults
) -> None:
    folder = tmp_path / "run"
    go(registry, folder, results)
    assert go(registry, folder, results, "n=3")["a"] == "done"
    assert go(registry, folder, results, "n=2") == {"a": "cached", "b": "cached", "c": "done"}


def test_without_the_cache_nothing_is_taken_or_left(registry: Registry, tmp_path: Path, results: SharedResults) -> None:
    go(registry, tmp_path / "one", None)
    assert results.entries() == []
    go(registry, tmp_path / "two", results)
    assert go(registry, tmp_path / "three", None) == dict.fromkeys("abc", "done")
    nothing = SharedResults(results.folder, 0, "cpu")
    assert go(registry, tmp_path / "four", nothing) == dict.fromkeys("abc", "done")


def test_force_does_it_again(registry: Registry, tmp_path: Path, results: SharedResults) -> None:
    go(registry, tmp_path / "one", results)
    assert go(registry, tmp_path / "two", results, force=["a"]) == dict.fromkeys("abc", "done")


def test_steps_that_run_every_time_are_not_shared(registry: Registry, tmp_path: Path, results: SharedResults) -> None:
    text = "gdl: 1\nsteps:\n  a: {do: draw, cache: false}\n  c: {do: count, of: $a, save: c.csv}\n"
    for folder in ("one", "two"):
        run_recipe(check_text(text, registry), tmp_path / folder, registry, shared=results)
    assert results.entries() == []
    assert fakes.RUNS == {"a": 2, "c": 2}


def test_other_arithmetic_has_other_results(registry: Registry, tmp_path: Path, results: SharedResults) -> None:
    go(registry, tmp_path / "one", results)
    other = SharedResults(results.folder, results.limit, "cpu")
    other.__dict__["_surroundings"] = "another torch"
    assert go(registry, tmp_path / "two", other)["a"] == "done"


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: (entry / VALUE).write_bytes(b"x"),
        lambda entry: (entry / VALUE).unlink(),
        lambda entry: (entry / "entry.json").write_text("[]"),
        lambda entry: (entry / "entry.json").write_text('{"gdl": 1, "files": {"../../../owned": ""}}'),
        lambda entry: (entry / "entry.json").write_text(json.dumps({"gdl": 99, "files": {}})),
        lambda entry: (entry / "entry.json").write_bytes(b"\xff\xfe"),
    ],
    ids=["changed", "lost", "other json", "leads out", "newer", "no text"],
)
def test_what_is_damaged_is_made_again(
    registry: Registry, tmp_path: Path, results: SharedResults, damage: object
) -> None:
    go(registry, tmp_path / "one", results)
    for entry in results.entries():
        (entry.folder / VALUE).chmod(0o644)
        damage(entry.folder)  # type: ignore[operator]
    assert go(registry, tmp_path / "two", results)["a"] == "done"
    assert (tmp_path / "two" / "a.png").read_bytes() == (tmp_path / "one" / "a.png").read_bytes()
    assert go(registry, tmp_path / "three", results)["a"] == "cached"


def test_a_cache_that_cannot_be_written_harms_no_run(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    results = SharedResults(tmp_path / "cache" / "results", 10**9, "cpu")
    assert go(registry, tmp_path / "one", results) == dict.fromkeys("abc", "done")


def test_dry_run_tells_what_is_cached_and_makes_nothing(
    registry: Registry, tmp_path: Path, results: SharedResults
) -> None:
    go(registry, tmp_path / "one", results)
    actions = plan_run(check_text(TEXT, registry), tmp_path / "two", registry, shared=results)
    assert {entry.planned.step.name: entry.action for entry in actions} == {"a": "cached", "b": "cached", "c": "run"}
    assert not (tmp_path / "two").exists()


def test_the_least_recently_used_make_room(registry: Registry, tmp_path: Path, results: SharedResults) -> None:
    go(registry, tmp_path / "one", results)
    go(registry, tmp_path / "one", results, "n=3")
    by_age = sorted(results.entries(), key=lambda entry: entry.used)
    for age, entry in enumerate(reversed(by_age)):
        os.utime(entry.folder / "entry.json", (time.time() - 100 * age,) * 2)
    kept = results.entries()[:2]
    results.prune(sum(entry.size for entry in kept))
    assert [entry.folder for entry in results.entries()] == [entry.folder for entry in kept]
    assert shared.beyond(kept, 10**9, days=50 / 86400) == kept[1:]
    assert shared.beyond(kept, kept[0].size) == kept[1:]
    small = SharedResults(results.folder, 10, "cpu")
    go(registry, tmp_path / "two", small)
    assert sum(entry.size for entry in small.entries()) <= 10**9


def test_using_a_result_keeps_it(registry: Registry, tmp_path: Path, results: SharedResults) -> None:
    go(registry, tmp_path / "one", results)
    for entry in results.entries():
        os.utime(entry.folder / "entry.json", (1, 1))
    go(registry, tmp_path / "two", results)
    assert all(entry.used > 1 for entry in results.entries())


def test_what_a_dead_process_left_half_made_goes(tmp_path: Path, results: SharedResults) -> None:
    old, new = results.folder / ".dead", results.folder / ".working"
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (1, 1))
    assert results.entries() == []
    results.prune(10**9)
    assert not old.exists()
    assert new.exists()


def test_many_runs_at_once_do_not_harm_one_another(registry: Registry, tmp_path: Path) -> None:
    """Four processes make, use and prune the same results; every run has the bytes of a run alone."""
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=run_often, args=(str(tmp_path / f"worker{index}"), str(tmp_path / "cache"), 12))
        for index in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0] * 4
    for n in range(1, 5):
        go(registry, tmp_path / f"alone{n}", None, f"n={n}")
    for folder in tmp_path.glob("worker*/*"):
        alone = tmp_path / f"alone{int(folder.name) % 4 + 1}"
        for name in ("a.png", "c.csv"):
            assert (folder / name).read_bytes() == (alone / name).read_bytes()


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("1500", 1500), ("2 kB", 2000), ("1.5gb", 1_500_000_000), (" 3TB ", 3 * 10**12)]
)
def test_sizes(text: str, size: int) -> None:
    assert shared.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1 GB", "1e400", "nan", "5 parsecs", "GB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(InputError, match="is no size; write one like"):
        shared.parse_size(text)
