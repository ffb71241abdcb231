"""Sweeps: what `--each` means, one run for each combination, and what is shown over all of them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recipe import fakes

from gdl_core import media
from gdl_core.errors import InputError, RecipeError
from gdl_core.recipe import SharedResults, check_text, run_recipe, shared
from gdl_core.recipe.again import read_recorded
from gdl_core.recipe.overview import Outcome, write_overview
from gdl_core.recipe.sweep import Axis, Variant, parse_each, variants
from gdl_core.registry import Registry
from gdl_core.values import Frames, Images

TEXT = """gdl: 1
title: Varied
seed: 3
vars: {n: 2}
steps:
  same: {do: draw, n: 1}
  a: {do: draw, n: $n, size: 6, noise: true, save: [a.png, a.webp, "each/a-{i}.png"]}
  b: {do: join, of: [$a], weight: 0.5}
  c: {do: count, of: $b, save: c.csv}
  f: {do: film, of: $a, save: [f.gif, f.webp]}
"""


def sweep(registry: Registry, folder: Path, *each: str, text: str = TEXT) -> tuple[tuple[Axis, ...], list[Variant]]:
    axes = parse_each(each)
    return axes, variants(axes, lambda pairs: check_text(text, registry, base=folder, overrides=pairs), folder)


def run(
    registry: Registry, folder: Path, *each: str, results: SharedResults | None = None, text: str = TEXT
) -> list[Path]:
    """Run a sweep and return the names of the files over all runs."""
    fakes.RUNS.clear()
    axes, runs = sweep(registry, folder, *each, text=text)
    outcomes = [Outcome(one, run_recipe(one.recipe, one.folder, registry, shared=results).steps) for one in runs]
    return write_overview(folder, runs[0].recipe, axes, outcomes, registry)


@pytest.mark.parametrize(
    ("option", "texts"),
    [
        ("seed=1..4", ("1", "2", "3", "4")),
        ("seed = -2 .. 0", ("-2", "-1", "0")),
        ("n=0..10..5", ("0", "5", "10")),
        ("n=7..7", ("7",)),
        ("a.set.beta=0.5,1,4", ("0.5", "1", "4")),
        ("a.lr=1e-3, 1e-2", ("0.001", "0.01")),
        ("a.how=row,column", ('"row"', '"column"')),
        ("a.flag=true,false", ("true", "false")),
        ("a.of=[1, 2],[3]", ("[1, 2]", "[3]")),
        ('a.text="1..4","x, y"', ('"1..4"', '"x, y"')),
        ("a.x=5", ("5",)),
    ],
)
def test_values_of_an_option(option: str, texts: tuple[str, ...]) -> None:
    (axis,) = parse_each([option])
    assert axis.texts == texts


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["seed"], "--each seed should be name=first..last, or name=value,value"),
        (["=1,2"], "--each =1,2 should be name=first..last, or name=value,value"),
        (["seed="], "--each seed= should have values, like name=0.5,1,4"),
        (["seed=4..1"], "--each seed=4..1 should go from a number to a larger one, in at most 1,000 steps"),
        (["seed=1..9..0"], "--each seed=1..9..0 should go from a number to a larger one, in at most 1,000 steps"),
        (["seed=1..5000"], "--each seed=1..5000 should go from a number to a larger one, in at most 1,000 steps"),
        (["seed=1,1"], "--each seed=1,1 the same value is here twice"),
        (["seed=1,2", "seed=3"], "--each seed=3 'seed' is varied twice"),
        (["seed=1..100", "n=1..100"], "--each these are 10,000 runs; a sweep may have 1,000"),
        (
            ["n=[1, 2"],
            "--each n=[1, 2 not YAML: while parsing a flow sequence expected ',' or ']', but got '<stream end>'",
        ),
        (["n=&a 1,*a"], "--each n=&a 1,*a anchors (&, *) are not used in recipes; write a var and $name"),
    ],
)
def test_malformed_options(options: list[str], message: str) -> None:
    with pytest.raises(RecipeError) as error:
        parse_each(options)
    assert str(error.value.faults[0]) == message


@given(st.text(max_size=30))
def test_any_option_is_values_or_a_fault(text: str) -> None:
    with suppress(RecipeError):
        assert parse_each([text])[0].texts
        return
    with pytest.raises(RecipeError) as error:
        parse_each([text])
    assert len(str(error.value).split("\n")) == len(error.value.faults)


def test_every_combination_in_a_folder_of_its_own(registry: Registry, tmp_path: Path) -> None:
    _, runs = sweep(registry, tmp_path, "seed=1,2", "b.weight=0,0.5")
    assert [one.folder.name for one in runs] == [
        "seed-1_weight-0", "seed-1_weight-0.5", "seed-2_weight-0", "seed-2_weight-0.5",
    ]  # fmt: skip
    assert [one.recipe.seed for one in runs] == [1, 1, 2, 2]
    assert [one.labels for one in runs] == [("1", "0"), ("1", "0.5"), ("2", "0"), ("2", "0.5")]


def test_values_that_would_share_a_folder_do_not(registry: Registry, tmp_path: Path) -> None:
    text = "gdl: 1\nvars: {t: x}\nsteps: {a: {do: tell, texts: [$t]}}"
    _, runs = sweep(registry, tmp_path, 't="a/b","a b","A:B","..","con"', text=text)
    names = [one.folder.name for one in runs]
    assert names == ["t-a-b", "t-a-b-2", "t-A-B-3", "t", "t-con"]
    assert all(one.folder.parent == tmp_path for one in runs)


def test_faults_of_all_combinations_are_told_once_before_anything_runs(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as error:
        sweep(registry, tmp_path, "seed=1..3", "b.weight=0.5,2,x", "b.wieght=1")
    assert [str(fault) for fault in error.value.faults] == [
        "--each b.wieght=1 unknown key 'wieght' for step join; did you mean 'weight'?",
        "--each b.weight=2 'weight' should be at least 0 and at most 1, got 2",
        "--each b.weight=\"x\" 'weight' should be a number, got 'x'",
    ]
    assert not list(tmp_path.iterdir())


def test_sheets_films_and_tables_over_all_runs(registry: Registry, tmp_path: Path) -> None:
    files = run(registry, tmp_path, "seed=1..3", "n=2,3")
    names = [path.name for path in files if not path.name.endswith(".gdl.json")]
    assert names == ["runs.csv", "a.png", "each-a.png", "c.csv", "f.gif", "report.html"]
    table = media.read(tmp_path / "c.csv", registry)
    assert table.header == ("seed", "n", "what", "how many")
    assert [row[:3] for row in table.rows][:2] == [(1, 2, "pictures"), (1, 2, "share")]
    assert [row[3] for row in table.rows][::2] == [2, 3] * 3
    runs = media.read(tmp_path / "runs.csv", registry)
    assert runs.header == ("seed", "n", "folder", "status", "seconds")
    assert runs.column("status") == ("done",) * 6


def test_a_film_of_every_run_is_one_film(registry: Registry, tmp_path: Path) -> None:
    files = run(registry, tmp_path, "seed=1..3")
    assert [path.name for path in files if path.suffix in (".gif", ".webp")] == ["f.gif"]
    film = media.read(tmp_path / "f.gif", registry)
    assert isinstance(film, Frames)
    assert len(film.pixels) == 2
    assert film.fps == pytest.approx(8, rel=0.05)


def test_pictures_keep_their_pixels_on_the_sheet(registry: Registry, tmp_path: Path) -> None:
    run(registry, tmp_path, "seed=1..2", text=TEXT.replace("n: 2", "n: 1"))
    sheet = media.read(tmp_path / "a.png", registry)
    assert isinstance(sheet, Images)
    one = media.read(tmp_path / "seed-1" / "a.png", registry).pixels[0]
    assert one.shape == (6, 6, 3)
    big = one.repeat(43, axis=0).repeat(43, axis=1)
    tops, lefts = np.nonzero((sheet.pixels[0] == big[0, 0]).all(-1))
    assert any(
        (sheet.pixels[0][top : top + len(big), left : left + len(big[0])] == big).all()
        for top, left in zip(tops, lefts, strict=True)
        if top + len(big) <= len(sheet.pixels[0]) and left + len(big[0]) <= len(sheet.pixels[0][0])
    )


def test_what_does_not_depend_on_the_values_runs_once(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "WORTH_SECONDS", 0.0)
    run(registry, tmp_path, "b.weight=0,0.5,1", results=SharedResults(tmp_path / "results", 10**9, "cpu"))
    assert fakes.RUNS["a"] == 1
    assert fakes.RUNS["b"] == 3


def test_a_failed_run_is_in_the_table_and_the_others_on_the_sheet(registry: Registry, tmp_path: Path) -> None:
    axes, runs = sweep(registry, tmp_path, "seed=1..3")
    outcomes = [Outcome(one, run_recipe(one.recipe, one.folder, registry).steps) for one in runs[1:]]
    outcomes.insert(0, Outcome(runs[0], (), "step 'a': out of luck"))
    write_overview(tmp_path, runs[0].recipe, axes, outcomes, registry)
    assert media.read(tmp_path / "runs.csv", registry).column("status") == ("step 'a': out of luck", "done", "done")
    assert (tmp_path / "a.png").is_file()
    assert "1 of 3 runs failed" in (tmp_path / "report.html").read_text()


def test_all_failed(registry: Registry, tmp_path: Path) -> None:
    axes, runs = sweep(registry, tmp_path, "seed=1..2")
    files = write_overview(tmp_path, runs[0].recipe, axes, [Outcome(one, (), "no") for one in runs], registry)
    assert [path.name for path in files] == ["runs.csv", "runs.csv.gdl.json", "report.html"]


def test_the_page_over_all_runs_shows_them_and_leads_to_theirs(registry: Registry, tmp_path: Path) -> None:
    run(registry, tmp_path, "seed=1..2", 'b.how="row","column"')
    page = (tmp_path / "report.html").read_text()
    for shown in ("Varied", "seed=1,2", "seed-2_how-column/report.html", "data:image/png;base64,", "how many"):
        assert shown in page
    assert (tmp_path / "seed-2_how-column" / "report.html").is_file()
    assert "All steps" not in page
    assert "took" in page


def test_the_record_of_a_sheet_says_what_was_varied(registry: Registry, tmp_path: Path) -> None:
    run(registry, tmp_path, "seed=1..2", "n=2,3")
    record = media.read_record(tmp_path / "a.png", registry)
    assert record is not None
    assert record["each"] == ["seed=1,2", "n=2,3"]
    assert media.verify(tmp_path / "a.png", registry)
    with pytest.raises(
        InputError, match=r"shows a whole sweep; run its recipe .gdl show. with --each seed=1,2 --each n=2,3"
    ):
        read_recorded(tmp_path / "a.png", registry)


def test_names_over_all_runs_do_not_clash(registry: Registry, tmp_path: Path) -> None:
    text = """gdl: 1
steps:
  runs: {do: draw, size: 6, save: [a.png, "a-{i}.png", "{i}.png"]}
  b: {do: draw, size: 6, save: [in/a.webp, A/A.png, "x/{i}.png"]}
  count: {do: count, of: $b, save: runs.csv}
"""
    files = run(registry, tmp_path, "seed=1,2", text=text)
    names = [path.name for path in files if not path.name.endswith(".gdl.json")]
    assert names == ["runs.csv", "a.png", "a-more.png", "in-a.webp", "x.png", "count.csv", "report.html"]
