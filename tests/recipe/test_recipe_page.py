"""The page about a run: whole in one file, asks for nothing outside, runs nothing that a recipe or a file brings."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from recipe import fakes

from gdl_core import media
from gdl_core.errors import CancelledError, GdlError
from gdl_core.recipe import RunResult, check_text, page_files, run_recipe
from gdl_core.recipe.page import make_page
from gdl_core.recipe.page_markdown import make_markdown
from gdl_core.recipe.plot_svg import draw_curves, ticks
from gdl_core.recipe.report import RunReport, StepReport
from gdl_core.registry import Registry
from gdl_core.values import Images

ADDRESSES = {"src", "href", "srcset", "poster", "action", "data", "formaction", "background", "ping", "xlink:href"}
MAY_STAND = (
    "a b body code dd details div dl dt figcaption figure h1 h2 h3 head header html img li link main meta nav p pre "
    "section span style summary table tbody td th thead time title tr ul video svg text line polyline circle"
)

HOSTILE = "</script><img src=x onerror=alert(1)>'\"><script>&{{ 7*7 }}</title><!--"


class Page(HTMLParser):
    """What a page holds: elements, their addresses, its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.ids: set[str] = set()
        self.policy = ""
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        facts = {name: value or "" for name, value in attrs}
        self.addresses += [value for name, value in facts.items() if name in ADDRESSES]
        self.handlers += [name for name in facts if name.startswith("on")]
        self.ids |= {facts["id"]} if "id" in facts else set()
        if facts.get("http-equiv") == "Content-Security-Policy":
            self.policy = facts["content"]

    def handle_data(self, data: str) -> None:
        self.text += data


def check(html: str, folder: Path) -> Page:
    """Return a page that is safe: known elements, no script, no address but of data, of files here and of itself."""
    page = Page(html)
    assert set(page.tags) <= set(MAY_STAND.split()), page.tags
    assert page.handlers == []
    assert page.policy.startswith("default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'")
    for address in page.addresses:
        if address.startswith("#"):
            assert address[1:] in page.ids
        elif not address.startswith("data:"):
            assert ":" not in address
            assert not address.startswith(("/", "\\"))
            assert ".." not in address
            assert (folder / unquote(address)).is_file(), address
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    return page


def run(registry: Registry, folder: Path, text: str, **options: object) -> RunResult:
    recipe = check_text(text, registry, base=folder.parent, name="test")
    return run_recipe(recipe, folder, registry, **options)  # type: ignore[arg-type]


def shown(folder: Path) -> Page:
    return check((folder / "report.html").read_text("utf-8"), folder)


def report(*steps: StepReport, **facts: object) -> RunReport:
    begun = RunReport("T", "t", "gdl: 1\n", 1, ("a",), {}, "2030-01-02T03:04:05+00:00", where={"device": "cpu"})
    return replace(begun, steps=list(steps), **facts)  # type: ignore[arg-type]


TEXT = """gdl: 1
title: A test
seed: 3
steps:
  a: {do: draw, n: 30, size: 20, noise: true, save: [a.png, a.webp, "each/{i}.png"]}
  f: {do: film, of: $a, save: f.mp4}
  b: {do: join, of: [$a, $a]}
  c: {do: count, of: $b, save: [c.csv, c.json]}
"""


def test_pictures_films_items_notes_tables_and_the_recipe_are_in_the_page(registry: Registry, tmp_path: Path) -> None:
    run(registry, tmp_path / "run", TEXT)
    page = shown(tmp_path / "run")
    pictures = [address for address in page.addresses if address.startswith("data:image/png;base64,")]
    assert len(pictures) == 1 + 24
    assert page.tags.count("img") == len(pictures)  # the second format of one picture is a link
    assert [address[:22] for address in page.addresses if "video" in address] == ["data:video/mp4;base64,"]
    assert page.tags.count("video") == 1
    for told in (
        "A test",
        "and 6 more",
        "joined 2 of 2",
        "0.1235",
        "a.webp",
        "title: A test",
        "seed 3",
        "Python",
        "noise",
    ):
        assert told in page.text
    assert {"a.webp", "c.csv", "c.json", "recipe.yaml", "each/0.png"} <= set(page.addresses)
    facts = json.loads((tmp_path / "run" / "report.json").read_text())
    assert (facts["status"], facts["error"], facts["recipe"]) == ("done", "", "test")
    assert facts["planned"] == ["a", "f", "b", "c"]
    assert [len(step["key"]) for step in facts["steps"]] == [64] * 4
    assert facts["steps"][0]["key"][:12] in page.text
    assert facts["started"].endswith("+00:00")


def test_a_hostile_recipe_does_nothing(registry: Registry, tmp_path: Path) -> None:
    title = json.dumps(HOSTILE)
    run(registry, tmp_path / "run", f'gdl: 1\ntitle: {title}\nsteps: {{t: {{do: draw, save: "\'a&#;.png"}}}}')
    page = shown(tmp_path / "run")
    assert HOSTILE in page.text
    assert "'a&#;.png" in page.text
    assert "%27a%26%23%3B.png" in page.addresses


@pytest.mark.parametrize(
    "name", ["javascript:alert(1).png", "//host/a.png", "../../a.png", 'a" onload="x.png', "a\\b.png"]
)
def test_hostile_names_of_files_lead_nowhere(name: str, tmp_path: Path) -> None:
    step = StepReport("a", HOSTILE, outputs=[name], notes=[HOSTILE], key=HOSTILE)
    step.table = {"title": HOSTILE, "header": [HOSTILE, "n"], "count": 1, "rows": [[HOSTILE, 1]]}
    step.history = {"header": ["epoch", HOSTILE], "rows": [[1, 2.0], [2, 1.0]], "count": 2}
    where = {"device": HOSTILE, "versions": {"torch": HOSTILE, "plugins": {HOSTILE: HOSTILE}}}
    facts = dict.fromkeys(("title", "recipe", "text", "error"), HOSTILE)
    html = make_page(report(step, **facts, planned=(HOSTILE,), where=where), tmp_path, tmp_path)
    page = Page(html)
    assert set(page.tags) <= set(MAY_STAND.split())
    assert "img" not in page.tags
    assert page.handlers == []
    for address in page.addresses:
        assert not address.startswith(("/", "..", "javascript:"))
    assert name in page.text


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path, registry: Registry) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    media.write(Images(np.zeros((1, 2, 2, 3), np.uint8)), tmp_path / "secret.png", None, registry)
    (folder / "a.png").symlink_to(tmp_path / "secret.png")
    (folder / "recipe.yaml").touch()
    page = check(make_page(report(StepReport("a", "draw", outputs=["a.png"])), folder, tmp_path), folder)
    assert "img" not in page.tags
    assert "outside of the run folder" in page.text


def test_what_is_too_large_is_a_link_with_a_word(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = TEXT.replace("a.webp, ", "")
    run(registry, tmp_path / "run", text)
    size = (tmp_path / "run" / "a.png").stat().st_size
    monkeypatch.setattr(page_files, "MOST_OF_A_FILE", size - 1)
    run(registry, tmp_path / "run", text)
    page = shown(tmp_path / "run")
    assert "a.png" in page.addresses
    assert "too large for this page" in page.text
    assert page.tags.count("img") == 24
    monkeypatch.setattr(page_files, "MOST_OF_A_FILE", size)
    monkeypatch.setattr(page_files, "MOST_OF_A_PAGE", size)
    run(registry, tmp_path / "run", text)
    page = shown(tmp_path / "run")
    assert "which is full with" in page.text
    total = sum(len(address) for address in page.addresses if address.startswith("data:"))
    assert total <= size * 4 / 3 + 200


def test_a_failed_and_a_stopped_run_say_so(registry: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    text = "gdl: 1\nsteps: {a: {do: draw, save: a.png}, f: {do: fail}, z: {do: draw}}"
    with pytest.raises(GdlError):
        run(registry, folder, text)
    page = shown(folder)
    assert "step 'f': ZeroDivisionError: division; this is a bug in plugin 'fakes'" in page.text
    assert "not reached" in page.text
    assert "img" in page.tags
    facts = json.loads((folder / "report.json").read_text())
    assert (facts["status"], facts["planned"]) == ("failed", ["a", "f", "z"])
    assert facts["error"].startswith("step 'f': ZeroDivisionError")
    with pytest.raises(CancelledError):
        run(registry, folder, text, cancelled=lambda: True)
    page = shown(folder)
    assert "stopped before step 'a'; run the same command again to go on" in page.text
    assert json.loads((folder / "report.json").read_text())["status"] == "stopped"
    with pytest.raises(KeyboardInterrupt):
        run(registry, folder, "gdl: 1\nsteps: {f: {do: fail, how: interrupt}}")
    facts = json.loads((folder / "report.json").read_text())
    assert (facts["status"], facts["error"]) == ("stopped", "stopped at once")
    assert not (folder / ".gdl" / "begun.json").exists()


def test_nothing_of_this_machine_is_told(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home of ann"
    folder = home / "work" / "run"
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setenv("GDL_CACHE", str(home / "cache"))
    note = f"read {folder}/a.png and {home}/work/in.png, {home}/else, {home / 'cache'}/x; {folder}."
    html = make_page(report(StepReport("a", "d", notes=[note])), folder, home / "work")
    assert "read a.png and in.png, ~/else, the cache/x; the run folder." in html
    run(registry, folder, TEXT)
    assert str(tmp_path) not in (folder / "report.html").read_text()


def test_the_same_facts_give_the_same_page(registry: Registry, tmp_path: Path) -> None:
    pages = []
    for name in ("one", "two"):
        fakes.RUNS.clear()
        result = run(registry, tmp_path / name, TEXT)
        facts = json.loads((tmp_path / name / "report.json").read_text())
        steps = [replace(step, seconds=0.0) for step in result.steps]
        told = report(*steps, where={key: facts[key] for key in ("device", "threads", "versions")})
        pages.append(make_page(told, tmp_path / name, tmp_path))
    assert pages[0] == pages[1]


def test_long_tables_are_cut_and_numbers_stand_right(tmp_path: Path) -> None:
    step = StepReport("a", "map")
    step.table = {"title": "", "header": ["what", "n"], "count": 90, "rows": [["x", i] for i in range(90)]}
    html = make_page(report(step), tmp_path, tmp_path)
    assert "The first 20 of 90 rows." in html
    assert '<td class="n">19</td>' in html
    assert '<td class="n">20</td>' not in html
    step.table |= {"count": 20000, "rows": []}
    step.outputs = ["a.csv.gdl.json", "a.csv"]
    assert "A table of 20,000 rows, too long to stand here; all are in a.csv." in make_page(
        report(step), tmp_path, tmp_path
    )


def test_small_pictures_are_enlarged_by_whole_pixels(registry: Registry, tmp_path: Path) -> None:
    run(registry, tmp_path / "run", "gdl: 1\nsteps: {a: {do: draw, n: 1, size: 28, save: a.png}}")
    html = (tmp_path / "run" / "report.html").read_text()
    assert 'width="112" height="112" class="pixels"' in html


def test_checking_and_planning_import_no_template_engine() -> None:
    code = (
        "import sys; from gdl_cli.main import run\n"
        "run(['check', 'digits']); run(['run', 'digits', '--dry-run']); run(['runs', '.'])\n"
        "sys.exit('jinja2' if 'jinja2' in sys.modules and 'torch' not in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# Curves


def history(rows: list[list[object]], *header: str) -> dict[str, object]:
    return {"header": ["epoch", "step", *header], "rows": rows, "count": len(rows)}


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")]


def test_training_is_dashed_and_held_out_solid_with_axes_and_labels() -> None:
    rows = [[1, 10, 50.0, 40.0, 1.0], [2, 20, 30.0, 35.0, 2.0], [3, 30, 20.0, 30.0, 3.0]]
    panels = draw_curves(history(rows, "loss", "held_out_loss", "kl"))
    assert [panel.part for panel in panels] == ["loss", "kl"]
    assert [(line.told, line.style, line.last) for line in panels[0].lines] == [
        ("training", "train", 20.0), ("held-out", "held", 30.0),
    ]  # fmt: skip
    root = ElementTree.fromstring(panels[0].svg)
    lines = [element for element in root if element.tag.endswith("polyline")]
    assert [element.get("class") for element in lines] == ["train", "held"]
    for element in lines:
        places = [tuple(map(float, pair.split(","))) for pair in (element.get("points") or "").split()]
        assert [x for x, _ in places] == sorted(x for x, _ in places)
        assert [y for _, y in places] == sorted(y for _, y in places)  # what falls goes down on the page
    told = texts(panels[0].svg)
    assert {"1", "2", "3", "epoch"} <= set(told)
    assert {"20", "30", "40", "50"} <= set(told)


def test_gaps_single_points_and_constants_are_drawn() -> None:
    nan = math.nan
    rows = [[1, 1, None, nan], [2, 2, 1.0, nan], [3, 3, nan, nan], [4, 4, 2.0, nan], [5, 5, 2.0, math.inf]]
    (panel,) = draw_curves(history(rows, "loss", "held_out_loss"))
    root = ElementTree.fromstring(panel.svg)
    assert [element.tag.rpartition("}")[2] for element in root if element.get("class") == "train"] == [
        "circle",
        "polyline",
    ]
    assert "nan" not in panel.svg
    (panel,) = draw_curves(history([[1, 1, 4.5]], "loss"))
    assert "circle" in panel.svg
    (panel,) = draw_curves(history([[1, 1, 0.0], [2, 2, 0.0]], "loss"))
    assert "polyline" in panel.svg
    assert draw_curves(history([], "loss")) == []
    assert draw_curves(history([[1, 1, "words", True]], "loss", "done")) == []


_NUMBER = (
    st.none()
    | st.floats()
    | st.floats(-1e-300, 1e-300)
    | st.integers(-(10**400), 10**400)
    | st.floats(0.999999, 1.000001)
)


@given(st.lists(st.tuples(_NUMBER, _NUMBER, _NUMBER), max_size=8))
def test_whatever_the_numbers_the_drawing_is_whole(rows: list[tuple[object, ...]]) -> None:
    curves = {"header": ["epoch", "loss", "held_out_loss"], "rows": rows}
    for panel in draw_curves(curves):
        for element in ElementTree.fromstring(panel.svg).iter():
            for name in ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy"):
                if name in element.attrib:
                    assert -1 <= float(element.attrib[name]) <= 361
            for pair in element.get("points", "").split():
                x, y = map(float, pair.split(","))
                assert 0 <= x <= 361
                assert 0 <= y <= 211
        assert panel.svg == next(other.svg for other in draw_curves(curves) if other.part == panel.part)


@given(st.floats(-1e12, 1e12) | st.floats(-1e-4, 1e-4), st.floats(1e-8, 1e12))
@example(-4.06859e-05, 5.3e-3)
def test_ticks_lie_inside_are_few_and_differ(low: float, share: float) -> None:
    high = low + share * (abs(low) or 1.0)
    assume(low == 0 or abs(low) > 1e-150)
    found = ticks(low, high)
    assert 2 <= len(found) <= 7
    room = (high - low) * 1e-6
    assert all(low - room <= value <= high + room for value, _ in found)
    assert len({label for _, label in found}) == len(found)


def test_what_a_step_tells_is_nothing_but_text_in_markdown_too() -> None:
    table = {"title": "", "header": ["a|b", "\x1b[2J"], "count": 1, "rows": [["\u202e<script>x|y\n", 0.5]]}
    steps = [StepReport("a", "draw", notes=["\x07 note"], table=table)]
    run = RunReport("t", "r", "", 0, ("a",), {}, "2026-01-01T00:00:00+00:00", where={"device": "cpu"}, steps=steps)
    text = make_markdown(run)
    assert "| a\\|b | \\x1b[2J |" in text
    assert "| \\u202e&lt;script>x\\|y | 0.5 |" in text
    assert all(letter.isprintable() or letter == "\n" for letter in text)
