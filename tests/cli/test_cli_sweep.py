"""`gdl run --each`, `gdl cache`, and what a dry run says of time, as a person would use them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from gdl_cli.words import duration, size
from gdl_core import media
from gdl_core.recipe import shared
from gdl_core.registry import get_registry

Gdl = Callable[..., str]

SMALL = """gdl: 1
title: Ones and sevens
seed: 7
vars: {n: 2}
steps:
  data: {do: digits}
  ones: {do: pick, data: $data, where: {label: 1}, n: $n, save: [ones.png, "each/{i}.png"]}
"""

TRAINED = """gdl: 1
title: Trained
seed: 7
steps:
  data: {do: digits}
  vae: {do: train, model: vae, data: $data, for: 4 steps, precision: fp32, set: {latent: 2, network: mlp}}
  new: {do: sample, model: $vae, n: 4, save: new.png}
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that keeps everything."""
    monkeypatch.setenv("GDL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GDL_CACHE_SIZE", "1 GB")
    monkeypatch.setattr(shared, "WORTH_SECONDS", 0.0)
    return tmp_path / "cache"


def test_each_value_is_a_run_and_all_are_on_one_sheet(gdl: Gdl, small: Path) -> None:
    out = gdl("run", str(small), "--each", "seed=1..3", "--each", "n=1,2")
    assert "[6/6] seed-3_n-2" in out
    assert out.rstrip().endswith("runs/small-each/report.html")
    folder = Path("runs/small-each")
    assert len(list(folder.glob("seed-*/ones.png"))) == 6
    assert (folder / "seed-3_n-2" / "each" / "1.png").is_file()
    table = media.read(folder / "runs.csv", get_registry())
    assert table.header[:4] == ("seed", "n", "folder", "status")
    again = gdl("run", str(small), "--each", "seed=1..3", "--each", "n=1,2")
    assert again.count("ones: unchanged") == 6
    dry = gdl("run", str(small), "--each", "seed=3..4", "--each", "n=1,2", "--dry-run")
    assert dry.splitlines() == [
        "runs/small-each/seed-3_n-1: 2 unchanged",
        "runs/small-each/seed-3_n-2: 2 unchanged",
        "runs/small-each/seed-4_n-1: 2 run",
        "runs/small-each/seed-4_n-2: 2 run",
    ]


def test_a_sweep_as_json(gdl: Gdl, small: Path) -> None:
    lines = [json.loads(line) for line in gdl("run", str(small), "--each", "seed=1,2", "--json").splitlines()]
    assert lines[-1] == {
        "event": "sweep_end",
        "files": [f"runs/small-each/{name}" for name in ("runs.csv", "ones.png", "each.png", "report.html")],
        "failed": 0,
    }
    dry = gdl("run", str(small), "--each", "seed=1..2", "--json", "--dry-run").splitlines()
    assert json.loads(dry[0]) == {"folder": "seed-1", "unchanged": 2}


def test_a_wrong_value_is_told_before_any_run(gdl: Gdl, small: Path, tmp_path: Path) -> None:
    err = gdl("run", str(small), "--each", "ones.n=1,0", "--each", "sede=1", code=2)
    assert "--each sede=1 the recipe has no var 'sede'; did you mean 'seed'?" in err
    err = gdl("run", str(small), "--each", "ones.n=1,0", code=2)
    assert err.startswith("--each ones.n=0 'n' should be at least 1")
    assert not (tmp_path / "runs").exists()


def test_a_run_that_fails_keeps_no_other_from_running(gdl: Gdl, small: Path) -> None:
    gdl("run", str(small), "--each", "ones.where.label=1,11", code=1)
    folder = Path("runs/small-each")
    table = media.read(folder / "runs.csv", get_registry())
    assert table.column("status")[0] == "done"
    assert "11" in str(table.column("status")[1])
    assert (folder / "ones.png").is_file()


def test_what_one_run_has_made_another_takes(gdl: Gdl, tmp_path: Path, cache: Path) -> None:
    (tmp_path / "trained.yaml").write_text(TRAINED)
    gdl("run", "trained.yaml", "--out", "one")
    assert "cached     vae" in gdl("run", "trained.yaml", "--out", "two", "--dry-run")
    assert "vae: taken from the cache; --no-cache makes it again" in gdl("run", "trained.yaml", "--out", "two")
    assert Path("two/new.png").read_bytes() == Path("one/new.png").read_bytes()
    assert "taken from the cache" not in gdl("run", "trained.yaml", "--out", "three", "--no-cache")
    assert "new.png, equal bit for bit" in gdl("run", "one/new.png", "--out", "four")
    assert "taken from the cache" not in Path("four/report.md").read_text()
    listed = gdl("cache", "ls")
    assert listed.splitlines()[1].split()[:2] == ["vae", "core/train"]
    assert f" in {cache}; results may take 1.0 GB (GDL_CACHE_SIZE)" in listed
    facts = json.loads(gdl("cache", "ls", "--json"))
    assert facts["do"] == "core/train"
    assert (cache / facts["name"] / "result.gdl").is_file()
    assert gdl("cache", "prune", "--size", "1 GB").startswith("removed 0, 0 B; ")
    assert gdl("cache", "prune", "--size", "10 kB").startswith("removed 1, ")
    assert "vae: taken from the cache" not in gdl("run", "trained.yaml", "--out", "five")
    assert gdl("cache", "prune", "--all").startswith("removed 1, ")
    assert gdl("cache", "ls").startswith("0 B in ")


def test_decoded_pictures_are_listed_and_removed(gdl: Gdl, tmp_path: Path, cache: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(12):
        Image.new("RGB", (8, 8), (number * 20, 0, 0)).save(tmp_path / "photos" / f"{number}.png")
    text = "gdl: 1\nsteps:\n  d: {do: images, path: photos, size: 8}\n  p: {do: pick, data: $d, n: 1, save: p.png}\n"
    (tmp_path / "photos.yaml").write_text(text)
    gdl("run", "photos.yaml")
    before = Path("runs/photos/p.png").read_bytes()
    assert gdl("cache", "ls").splitlines()[1].split()[0] == "pictures"
    assert gdl("cache", "prune", "--days", "1").startswith("removed 0, ")
    for file in (cache / "pictures").iterdir():
        os.utime(file, (1, 1))
    gdl("run", "photos.yaml", "--force", "d")
    assert gdl("cache", "prune", "--days", "1").startswith("removed 0, "), "use is not remembered"
    assert gdl("cache", "prune", "--size", "0").startswith("removed 1, ")
    assert list((cache / "pictures").iterdir()) == []
    gdl("run", "photos.yaml", "--force", "d")
    assert Path("runs/photos/p.png").read_bytes() == before


def test_two_runs_of_one_recipe_in_one_folder(gdl: Gdl, small: Path, tmp_path: Path) -> None:
    from filelock import FileLock

    gdl("run", str(small), "--out", "here")
    with FileLock(tmp_path / "here" / ".gdl" / "run.lock"):
        err = gdl("run", str(small), "--out", "here", code=2)
    assert (
        err == "gdl: another run is at work in " + str(tmp_path / "here") + "; wait for it, or choose another --out\n"
    )


def test_two_sweeps_in_one_folder(gdl: Gdl, small: Path, tmp_path: Path) -> None:
    from filelock import FileLock

    (tmp_path / "here" / ".gdl").mkdir(parents=True)
    with FileLock(tmp_path / "here" / ".gdl" / "run.lock"):
        err = gdl("run", str(small), "--out", "here", "--each", "seed=1,2", code=2)
    assert err.startswith(f"gdl: another run is at work in {tmp_path / 'here'}; ")


def test_a_dry_run_says_how_long(gdl: Gdl, tmp_path: Path) -> None:
    (tmp_path / "trained.yaml").write_text(TRAINED)
    assert "about" not in gdl("run", "trained.yaml", "--dry-run")
    gdl("run", "trained.yaml")
    facts = tmp_path / "runs" / "trained" / ".gdl" / "vae" / "result.json"
    told = json.loads(facts.read_text())
    facts.write_text(json.dumps({**told, "seconds": 60.0}))
    lines = [
        json.loads(line) for line in gdl("run", "trained.yaml", "--dry-run", "--json", "--force", "vae").splitlines()
    ]
    assert [line["action"] for line in lines] == ["unchanged", "run", "run"]
    assert lines[1]["seconds"] == 60.0
    longer = gdl("run", "trained.yaml", "--dry-run", "-s", "vae.for=40 steps")
    assert "about 10 min 0 s" in longer
    assert "about" not in gdl("run", "trained.yaml", "--dry-run", "-s", "vae.for=2 epochs", "--only", "vae")


@pytest.mark.parametrize("value", ["much", "-1"])
def test_a_cache_size_that_is_none(gdl: Gdl, small: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("GDL_CACHE_SIZE", value)
    for command in (["run", str(small)], ["cache", "ls"], ["cache", "prune"]):
        assert gdl(*command, code=2) == (f"gdl: '{value}' is no size; write one like 500 MB or 20 GB, 0 for nothing\n")


def test_words() -> None:
    assert [duration(seconds) for seconds in (0, 9.96, 59.6, 3599.7)] == ["0.0 s", "10 s", "1 min 0 s", "1 h 0 min"]
    assert [size(count) for count in (0, 999, 1000, 10**15)] == ["0 B", "999 B", "1.0 kB", "1000.0 TB"]
