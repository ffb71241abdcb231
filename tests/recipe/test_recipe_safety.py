"""Recipes and records are harmless data: whatever they say, the answer is a line, and nothing is done elsewhere."""

from __future__ import annotations

import json
import shutil
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gdl_cli import main
from gdl_core import media
from gdl_core.recipe import check_text, make_plan
from gdl_core.recipe.record import make_record
from gdl_core.registry import Registry, get_registry
from gdl_core.values import Frames, Images, Latents, Table, Text

RECIPE = """gdl: 1
title: Quick
seed: 3
steps:
  data: {do: cylinders, n: 40, size: 8}
  p: {do: pick, data: $data, n: 2, save: ["p{i}.png", p.png, p.webp, p.gif, p.npz, p.safetensors]}
"""
SECONDS = 20.0  # of CPU time: what grows out of bounds takes minutes; how fast a machine is does not matter

Gdl = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _fresh_registry() -> Iterator[None]:
    get_registry.cache_clear()
    yield
    get_registry.cache_clear()


@pytest.fixture
def gdl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Gdl:
    """Run the command line in an empty folder; whatever it says is fit for a terminal and in one line if it failed."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    def run(*words: str, lines: int = 1) -> tuple[int, str, str]:
        capsys.readouterr()
        began = time.process_time()
        code = main.run(list(words))
        took = time.process_time() - began
        out, err = capsys.readouterr()
        assert took < SECONDS, words
        assert code in (0, 1, 2), err
        assert "bug in gdl" not in err, err
        assert "Traceback" not in err
        assert (out + err).replace("\n", "").isprintable(), (out, err)
        assert err.count("\n") <= (lines if code else 0), err
        return code, out, err

    return run


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


PIXELS = np.arange(384, dtype=np.uint8).reshape(2, 8, 8, 3)
VALUES: dict[str, Any] = {
    "p.png": Images(PIXELS), "p.gif": Frames(PIXELS), "p.webp": Images(PIXELS[:1]), "p.jpg": Images(PIXELS[:1]),
    "p.npz": Latents(np.zeros((2, 2), np.float32)), "p.safetensors": Images(PIXELS), "p.txt": Text(("words",)),
    "p.csv": Table(("a",), ((1,),)), "p.json": Table(("a",), ((1,),)), "p.md": Table(("a",), ((1,),)),
}  # fmt: skip
ODD: list[Any] = [
    None, True, -1, 0, 2, 999, 10**18, 10**400, 1e308, "", "x", "../../x", "/etc/passwd", "~", "CON", "nul", "a.",
    "a/b", "\x1b[31m\x07\x9b2J", "\u202e\u2066", "x" * 5000, [], {}, ["../x"], {"a": "\x1b[2J"}, {"../x": [1]},
    json.loads("[" * 50 + "]" * 50), "p", "data", RECIPE, RECIPE.replace("p.png", "../p.png"),
    RECIPE.replace("n: 40", "n: 1e999"), RECIPE.replace("Quick", '"\\e[2J"'), "gdl: 1\nsteps: " + "[" * 5000,
    RECIPE.replace("{do: pick", "{do: \x1b[31m"),
]  # fmt: skip
KEYS = ["gdl", "recipe", "name", "title", "step", "do", "seed", "key", "versions", "item", "each", "content", "\x1b[2J"]


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    get_registry.cache_clear()
    registry = get_registry()
    recipe = check_text(RECIPE, registry)
    return make_record(recipe, make_plan(recipe, registry)[-1], registry)


@settings(max_examples=70, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(VALUES)), st.dictionaries(st.sampled_from(KEYS), st.sampled_from(ODD), max_size=4))
def test_records_of_nonsense(gdl: Gdl, tmp_path: Path, record: dict[str, Any], name: str, odd: dict[str, Any]) -> None:
    place = tmp_path / "stranger"
    for path in media.write(VALUES[name], place / name, {**record, **odd}, get_registry()):
        assert path.is_relative_to(place)
    before = files(tmp_path)
    gdl("show", str(place / name))
    gdl("show", str(place / name), "--json")
    gdl("run", str(place / name), "--out", "again", lines=20)
    shutil.rmtree("again", ignore_errors=True)
    assert files(tmp_path) == before


@pytest.mark.parametrize("item", [2, 999, 10**400, -1, True, 0.5, "0"])
def test_an_item_that_the_step_does_not_write(gdl: Gdl, tmp_path: Path, record: dict[str, Any], item: Any) -> None:
    media.write(VALUES["p.png"], tmp_path / "p0.png", {**record, "item": item}, get_registry())
    code, out, told = gdl("run", str(tmp_path / "p0.png"), lines=2)
    assert code == (2 if "record" in told else 1)
    assert "record" in told or "it differs" in out


def test_the_good_record_runs(gdl: Gdl, tmp_path: Path) -> None:
    (tmp_path / "q.yaml").write_text(RECIPE)
    assert gdl("run", str(tmp_path / "q.yaml"), "--out", "q")[0] == 0
    for name in ("p1.png", "p.webp", "p.npz"):
        assert "equal bit for bit" in gdl("run", f"q/{name}", "--out", f"again-{name}")[1]


def model_file(path: Path, about: dict[str, Any]) -> None:
    text = json.dumps({"__metadata__": {"gdl": json.dumps(about)}}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(
        st.sampled_from(["model", "package", "config", "data", "training", "history", "data_shape", "tile", "record"]),
        st.sampled_from([*ODD, {"columns": 5}, {"columns": [1]}, {"name": [1], "columns": {"\x1b": 1}}, {"recipe": 7}]),
        max_size=3,
    )
)
def test_models_of_nonsense(gdl: Gdl, tmp_path: Path, odd: dict[str, Any]) -> None:
    about = {
        "format": 1, "model": "vae", "version": "1", "package": "x", "config": {}, "data_shape": [1], "tile": 8,
        "rng_version": 1, "fingerprint": "f", "data": {}, "training": {}, "record": None,
        "history": {"title": "", "header": [], "rows": []},
    }  # fmt: skip
    path = tmp_path / "m.gdl"
    model_file(path, {**about, **odd})
    gdl("show", str(path))
    gdl("show", str(path), "--json")
    assert gdl("run", str(path), lines=20)[0] == 2


BOMBS = {
    "aliases": "gdl: 1\na: &a [x, x]\nb: &b [*a, *a]\nsteps: {c: [*b, *b, *b]}\n",
    "depth": "gdl: 1\nsteps: " + "[" * 20_000,
    "mappings": "gdl: 1\nsteps: " + "{a: " * 20_000,
    "blocks": "gdl: 1\nsteps:\n" + "".join(" " * level + f"a{level}:\n" for level in range(300)),
    "digits": f"gdl: 1\nseed: {'9' * 401}\nsteps: {{a: {{do: pick, n: {'9' * 399}}}}}\n",
    "exponents": "gdl: 1\nseed: 1e999\nsteps: {d: {do: cylinders, n: 1e999, size: -1e999}}\n",
    "keys": "gdl: 1\nsteps: {" + ", ".join(f"k{n}: 1" for n in range(20_000)) + "}\n",
    "bidi": 'gdl: 1\ntitle: "\u202e\u2066x"\nsteps: {d: {do: "cy\u202elinders"}}\n',
    "escapes": 'gdl: 1\ntitle: "\\e]0;x\\a"\nsteps: {d: {do: "\\e[2J", "\\e[1m": "\\x9b2J"}, "\\e": {do: x}}\n',
    "save": "gdl: 1\nsteps: {d: {do: cylinders}, p: {do: pick, data: $d, save: "
    '["\\e.png", "a..", "con.png", "../a.png"]}}\n',
}


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_recipes_that_would_do_harm(gdl: Gdl, tmp_path: Path, name: str) -> None:
    (tmp_path / "r.yaml").write_text(BOMBS[name])
    before = files(tmp_path)
    for command in ("check", "run"):
        code, _, told = gdl(command, str(tmp_path / "r.yaml"), lines=10**6)
        assert code == 2
        assert told
    assert files(tmp_path) == before


@pytest.mark.parametrize("name", ["con", "nul", "aux", "prn", "com1", "lpt9"])
def test_a_step_has_no_name_that_windows_keeps_for_itself(registry: Registry, name: str) -> None:
    from gdl_core.errors import RecipeError

    with pytest.raises(RecipeError, match=f"'{name}' cannot be a name"):
        check_text(f"gdl: 1\nsteps: {{{name}: {{do: cylinders}}}}", registry)


@pytest.mark.parametrize("words", [["show"], ["run"], ["check"], ["models"], ["run", "-s"], ["nosuch"]])
def test_what_is_typed_comes_back_without_escapes(gdl: Gdl, words: list[str]) -> None:
    assert gdl(*words, "\x1b[31m\x07\u202e=x.png", lines=20)[0] == 2


def test_what_a_file_says_comes_back_without_escapes(gdl: Gdl, tmp_path: Path) -> None:
    name = "\x1b[2J\u202e.png"
    (tmp_path / name).write_bytes(b"\x89PNG")
    assert gdl("show", str(tmp_path / name))[0] == 2
    assert gdl("run", str(tmp_path / name))[0] == 2


def test_names_of_good_files_come_back_without_escapes(gdl: Gdl, tmp_path: Path) -> None:
    recipe = tmp_path / "\u202e\x07.yaml"
    recipe.write_text(RECIPE)
    assert gdl("check", str(recipe))[0] == 0
    assert main.run(["run", str(recipe), "--out", "q"]) == 0
    made = Path("q/p.png").rename("\u202e\x07.png")
    assert "the records differ in 'name'" in gdl("run", str(made), "--out", "again")[1]
    assert gdl("show", str(made))[0] == 0


def test_what_plugins_say_comes_back_without_escapes(registry: Registry, tmp_path: Path) -> None:
    from gdl_core.recipe.observers import Observer, Observers

    heard: list[str] = []

    class Ear(Observer):
        def note(self, step: str, text: str) -> None:
            heard.append(text)

    Observers(Ear()).note("s", "\x1b[2J a\u202e\nb")
    assert heard == ["\\x1b[2J a\\u202e\\nb"]


INPUT = """gdl: 1
seed: 1
steps:
  data: {do: cylinders, n: 40, size: 8}
  vae:
    {do: train, model: vae, data: $data, for: 1 steps, batch: 8, precision: fp32, set: {network: mlp, width: 8}}
  line: {do: morph, model: $vae, through: [FILE, FILE], frames: 3, save: line.png}
"""


def _claims(folder: Path) -> list[Path]:
    """Files that claim to be enormous, hold nothing, or are of another kind."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(head)) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    (folder / "wide.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    with zipfile.ZipFile(folder / "long.npz", "w") as archive:
        text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 4), }".ljust(117) + b"\n"
        archive.writestr("mean.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text)
    (folder / "head.safetensors").write_bytes(struct.pack("<Q", 1 << 60) + b"{}")
    media.write(Table(("a",), ((1,),)), folder / "table.json", None, get_registry())
    return [folder / name for name in ("wide.png", "long.npz", "head.safetensors", "table.json")]


def test_what_steps_are_given_is_refused_in_a_line(gdl: Gdl, tmp_path: Path) -> None:
    for file in _claims(tmp_path):
        (tmp_path / "r.yaml").write_text(INPUT.replace("FILE", file.name))
        code, _, told = gdl("run", str(tmp_path / "r.yaml"), "--no-cache", "--out", "out")
        assert code == 2
        assert "step 'line': " in told
        assert file.name in told
        assert not (tmp_path / "here" / "out" / "line.png").exists()
