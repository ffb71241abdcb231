"""The commands, driven as a person would; every failure is one clear line and an exit code."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from latent.models import TinyStyle, make
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import gdl_core
from gdl_cli import main
from gdl_cli.main import COMMANDS
from gdl_cli.show import _show_model
from gdl_core.latent.space_settings import space_settings
from gdl_core.latent.spaces import in_space
from gdl_core.model_file import write_model
from gdl_core.registry import get_registry

Gdl = Callable[..., str]

SMALL = """gdl: 1
title: Ones
seed: 7
vars: {n: 2}
steps:
  data: {do: digits}
  ones: {do: pick, data: $data, where: {label: 1}, n: $n, save: [ones.png, "each/{i}.png"]}
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


def test_help_is_light() -> None:
    code = (
        "import sys; from gdl_cli.main import run; assert run(['--help']) == 0\n"
        "sys.exit(str({'torch', 'numpy', 'pydantic', 'rich', 'ruamel'} & set(sys.modules) or '') or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(re.search(rf"^  {name} ", done.stdout, re.MULTILINE) for name in COMMANDS)


@pytest.mark.parametrize("command", [*COMMANDS, "new recipe", "new plugin"])
def test_every_command_has_help(command: str, gdl: Gdl) -> None:
    text = gdl(*command.split(), "--help")
    assert text.startswith("Usage: gdl " + command)


def test_commands_that_need_no_torch_import_none() -> None:
    lines = ["check digits", "run digits --dry-run", "plugins", "models vae", "steps train", "datasets images"]
    lines += ["measures", "formats", "runs .", "recipes digits", "new --help", "check nothing.yaml"]
    code = (
        "import sys; from gdl_cli.main import run\n"
        f"for line in {lines!r}:\n"
        "    run(line.split())\n"
        "    if 'torch' in sys.modules: sys.exit(line)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_version(gdl: Gdl) -> None:
    assert gdl("--version") == f"gdl, version {gdl_core.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu"], "gdl: there is no command 'rnu'; did you mean 'run'? (see: gdl --help)"),
        (["run"], "gdl: Missing argument 'RECIPE'. (see: gdl run --help)"),
        (["run", "x", "--wrong"], "gdl: No such option '--wrong'."),
        (["run", "none.yaml"], "gdl: no such file: none.yaml"),
        (["run", "digist"], "gdl: unknown recipe 'digist'; did you mean 'digits'?, or give a .yaml file"),
        (["models", "vea"], "gdl: unknown model 'vea'; did you mean 'vae'?"),
        (["steps", "nobody/walk"], "gdl: unknown step 'nobody/walk'; there is no plugin 'nobody'"),
        (["show", "none.png"], "gdl: no such file: none.png"),
        (["new", "recipe", "x", "--like", "digist"], "gdl: unknown recipe 'digist'; did you mean 'digits'?"),
        (["new", "plugin", "Bad Name"], "gdl: 'Bad Name' cannot be a plugin's name"),
        (["new", "plugin", "vae"], "gdl: there is a plugin 'vae' already"),
        (["run", "small.yaml", "-s", "m=1"], "-s m=1 the recipe has no var 'm'; it has: n"),
        (["run", "small.yaml", "--only", "one"], "gdl: the recipe has no step 'one'; did you mean 'ones'?"),
        (["run", "small.yaml", "--dry-run", "--force", "x"], "gdl: the recipe has no step 'x'; it has: data, ones"),
        (["run", "small.yaml", "--device", "gpu"], "gdl: device 'gpu' cannot be used on this machine"),
    ],
)
def test_bad_input_is_one_line_and_code_2(arguments: list[str], message: str, gdl: Gdl, small: Path) -> None:
    told = gdl(*arguments, code=2)
    assert told.startswith(message)
    assert told.count("\n") == 1
    assert not (small.parent / "runs").exists()


def test_check_tells_every_fault_of_every_recipe(gdl: Gdl, small: Path) -> None:
    (small.parent / "bad.yaml").write_text(SMALL.replace("digits", "digist").replace("seed", "sede"))
    told = gdl("check", "small.yaml", "bad.yaml", "none.yaml", code=2)
    assert "bad.yaml:3:1 unknown key 'sede' for a recipe; did you mean 'seed'?\n    sede: 7\n    ^\n" in told
    assert "bad.yaml:6:14 unknown step 'digist'; did you mean 'digits'?" in told
    assert "no such file: none.yaml" in told
    assert gdl("check", "small.yaml", "-s", "n=3") == "small.yaml: nothing wrong, 2 steps\n"


@pytest.mark.parametrize("recipe", [spec.name for spec in get_registry().recipes])
def test_shipped_recipes_have_no_fault(recipe: str, gdl: Gdl, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    needs = ["-s", "path=pictures"] if recipe == "folder" else []
    assert "nothing wrong" in gdl("check", recipe, *needs)


def test_run_dry_run_again_and_force(gdl: Gdl, small: Path) -> None:
    dry = gdl("run", "small.yaml", "--dry-run")
    assert re.findall(r"^run +(\w+) +(?:digits|pick)", dry, re.MULTILINE) == ["data", "ones"]
    assert "run folder: runs/small" in dry
    assert not (small.parent / "runs").exists()
    first = gdl("run", "small.yaml")
    assert "Ones\n" in first
    assert "ones: done in" in first
    assert "report: runs/small/report.html" in first
    assert (small.parent / "runs" / "small" / "each" / "1.png").is_file()
    assert gdl("run", "small.yaml").count("unchanged") == 2
    assert "ones: done in" in gdl("run", "small.yaml", "--force", "ones")
    assert "ones: done in" in gdl("run", "small.yaml", "-s", "n=3", "--out", "other")
    assert (small.parent / "other" / "each" / "2.png").is_file()
    facts = [json.loads(line) for line in gdl("run", "small.yaml", "--dry-run", "--json").splitlines()]
    assert [fact["action"] for fact in facts] == ["unchanged", "unchanged"]


def test_run_json_is_one_event_a_line(gdl: Gdl, small: Path) -> None:
    events = [json.loads(line) for line in gdl("run", "small.yaml", "--json").splitlines()]
    assert [event["event"] for event in events if event["event"] not in ("progress", "note")] == [
        "run_start", "step_start", "step_end", "step_start", "step_end", "run_end",
    ]  # fmt: skip
    assert events[0]["steps"] == ["data", "ones"]
    assert events[-1]["error"] is None


def test_show(gdl: Gdl, small: Path) -> None:
    gdl("run", "small.yaml")
    text = gdl("show", "runs/small/each/1.png")
    assert "step: ones" in text
    assert "item: 1" in text
    assert "    title: Ones\n" in text
    assert "content: as written" in text
    assert json.loads(gdl("show", "runs/small/ones.png", "--json"))["recipe"] == SMALL
    cut = small.parent / "cut.png"
    cut.write_bytes((small.parent / "runs" / "small" / "ones.png").read_bytes()[:-60])
    gdl("show", "cut.png", code=1)
    picture = small.parent / "bare.png"
    Image.new("L", (2, 2)).save(picture)
    assert "bare.png carries no record" in gdl("show", "bare.png", code=2)
    info = PngInfo()
    info.add_itxt("gdl", json.dumps({"title": "\x1b[2J", "recipe": "a\x1b]0;b\x07\nc"}))
    Image.new("L", (2, 2)).save(picture, pnginfo=info)
    assert "\x1b" not in gdl("show", "bare.png")
    (small.parent / "bare.txt").write_text("x")
    assert "bare.txt carries no record" in gdl("show", "bare.txt", code=2)
    (small.parent / "bad.gdl").write_text("x")
    assert "bad.gdl" in gdl("show", "bad.gdl", code=2)


def test_show_says_whether_a_model_matches_its_record(gdl: Gdl, tmp_path: Path) -> None:
    text = """gdl: 1
steps:
  data: {do: digits}
  vae: {do: train, model: vae, data: $data, for: 2 steps, precision: fp32, set: {network: mlp}, save: vae.gdl}
"""
    (tmp_path / "trained.yaml").write_text(text)
    gdl("run", "trained.yaml")
    model = tmp_path / "runs" / "trained" / "vae.gdl"
    assert gdl("show", str(model)).endswith("content: as written\n")
    content = bytearray(model.read_bytes())
    content[-5] ^= 1
    model.write_bytes(content)
    gdl("show", str(model), code=1)
    model.write_bytes(content[:-7])
    assert "vae.gdl" in gdl("show", str(model), code=2)


def test_show_tells_which_space_a_view_is_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    view = in_space(make(TinyStyle, latent=3), space_settings("w+", 0.7, 2))
    write_model(view, tmp_path / "view.gdl")
    _show_model(tmp_path / "view.gdl", get_registry(), as_json=False)
    told = capsys.readouterr().out
    assert "space: w+, truncation 0.7 of the first 2 layers\n" in told
    assert "roles: decodes, samples\n" in told
    assert f"fingerprint: {view.fingerprint}\n" in told


def test_a_file_is_made_again_and_compared(gdl: Gdl, small: Path) -> None:
    gdl("run", "small.yaml")
    (small.parent / "kept.png").write_bytes((small.parent / "runs/small/ones.png").read_bytes())
    told = gdl("run", "kept.png")
    made = Path("runs/small-again/ones.png")
    assert told.splitlines()[-1] == f"kept.png: made again as {made}, equal bit for bit"
    event = json.loads(gdl("run", "kept.png", "--json").splitlines()[-1])
    assert (event["event"], event["equal"], event["intact"]) == ("compared", True, True)
    with Image.open(small.parent / "kept.png") as image:
        info = PngInfo()
        info.add_itxt("gdl", image.info["gdl"])
        image.putpixel((0, 0), 255 - image.convert("L").getpixel((0, 0)))  # type: ignore[operator]
        image.save(small.parent / "kept.png", pnginfo=info)
    assert "does not match its record" in gdl_out(gdl, "show", "kept.png")
    told = gdl_out(gdl, "run", "kept.png")
    assert "kept.png does not match its record" in told
    assert f"made again as {made}, and it differs: 1 of" in told
    assert "--only" in gdl("run", "kept.png", "--only", "ones", code=2)
    assert "choose another --out" in gdl("run", str(made), code=2)


def test_check_as_json(gdl: Gdl, small: Path) -> None:
    (small.parent / "bad.yaml").write_text(SMALL.replace("do: pick", "do: pock"))
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main.run(["check", "small.yaml", "bad.yaml", "nowhere.yaml", "--json"]) == 2
    told = json.loads(out.getvalue())
    good, bad, nowhere = told["recipes"]
    assert told["ok"] is False
    assert good["ok"]
    assert [(step["name"], step["do"], step["gives"]) for step in good["steps"]] == [
        ("data", "data/digits", "dataset"), ("ones", "core/pick", "image"),
    ]  # fmt: skip
    (fault,) = bad["faults"]
    assert (fault["line"], fault["column"], fault["file"]) == (7, 14, "bad.yaml")
    assert fault["message"] == "unknown step 'pock'; did you mean 'pick'?"
    assert nowhere["faults"][0]["message"] == "no such file: nowhere.yaml"
    assert json.loads(gdl("check", "small.yaml", "--json"))["ok"] is True


def test_the_schema_lies_beside_a_new_recipe(gdl: Gdl, tmp_path: Path) -> None:
    path = tmp_path / "gdl.schema.json"
    assert "wrote gdl.schema.json" in gdl("new", "recipe", "mine", "--like", "digits")
    assert path.read_text() == gdl("schema")
    assert "gdl.schema.json" not in gdl("new", "recipe", "other")
    path.write_text(json.dumps({"title": "gdl recipe"}))
    assert "brought gdl.schema.json up to date" in gdl("new", "recipe", "third")
    path.write_text("{}")
    assert "is something else and stays" in gdl("new", "recipe", "fourth")
    assert path.read_text() == "{}"
    gdl("schema", "--out", "again.json")
    assert (tmp_path / "again.json").read_text() == gdl("schema")
    gdl("check", "mine.yaml")


def gdl_out(gdl: Gdl, *arguments: str) -> str:
    """Return stdout of a call that leaves with 1, which is an answer and not a failure."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main.run(list(arguments)) == 1
    return out.getvalue()


@pytest.mark.parametrize("kind", ["model", "step", "dataset", "measure", "format", "recipe"])
def test_everything_can_be_listed_and_shown(kind: str, gdl: Gdl) -> None:
    listed = gdl(f"{kind}s")
    specs = getattr(get_registry(), f"{kind}s")
    assert specs
    assert [spec.name for spec in specs] == [line.split()[0] for line in listed.splitlines()[1:]]
    assert [row["name"] for row in json.loads(gdl(f"{kind}s", "--json"))] == [spec.name for spec in specs]
    for spec in specs:
        text = gdl(f"{kind}s", spec.full_name)
        assert "class '" not in text
        assert json.loads(gdl(f"{kind}s", spec.name, "--json"))["plugin"] == spec.plugin
        if kind != "recipe":
            assert text.startswith(f"{spec.name}: {spec.summary}\n")


def test_settings_are_told_with_type_range_default_and_help(gdl: Gdl) -> None:
    rows = {line.split()[0]: line for line in gdl("models", "vae").splitlines() if line}
    assert re.search(r"latent +a whole number, at least 1 and at most \d+ +\d+ +\w", rows["latent"])
    rows = {line.split()[0]: line for line in gdl("steps", "train").splitlines() if line}
    assert re.search(r"data +\$step that gives a dataset +needed", rows["data"])
    assert "'auto' or 'fp32' or 'bf16'" in rows["precision"]
    assert json.loads(gdl("models", "vae", "--json"))["schema"]["properties"]["latent"]["minimum"] == 1


def test_plugins(gdl: Gdl) -> None:
    text = gdl("plugins")
    assert re.search(r"^core +gdl-toolkit \S+ +\d+ steps; \d+ formats", text, re.MULTILINE)
    assert {"core", "data", "probe", "vae"} <= {row["name"] for row in json.loads(gdl("plugins", "--json"))}
    assert "vae" not in {row["name"] for row in json.loads(gdl("--no-plugin", "vae", "plugins", "--json"))}


def test_doctor(gdl: Gdl) -> None:
    facts = json.loads(gdl("doctor", "--json"))
    assert facts["gdl"]["version"] == gdl_core.__version__
    assert facts["kernels"]["cpu"].split(",")[0].split(";")[0] in ("native", "reference")
    assert "GB free" in facts["folders"]["cache"]
    text = gdl("doctor")
    assert "kernels" in text
    assert "core         gdl-toolkit" in text


def test_new_recipe(gdl: Gdl, tmp_path: Path) -> None:
    assert "wrote mine.yaml; run it with: gdl run mine.yaml" in gdl("new", "recipe", "mine")
    assert (tmp_path / "mine.yaml").read_text().startswith("# gdl run mine.yaml\n")
    assert "nothing wrong" in gdl("check", "mine.yaml")
    assert "mine.yaml is there already; choose another name" in gdl("new", "recipe", "mine", code=2)
