"""A plugin from outside: installed with pip into a folder of its own, used through the real command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parent / "gdl_swirl"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plugin as pip installs it."""
    folder = tmp_path_factory.mktemp("swirl")
    shutil.copytree(PLUGIN, folder / "source")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    command += ["--disable-pip-version-check", "--target", str(folder / "site"), str(folder / "source")]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return folder / "site"


def gdl(site: Path | None, cwd: Path, *arguments: str, code: int = 0) -> str:
    """Run the command line as a program and return its stdout, or stderr where it fails."""
    paths = [str(site)] if site is not None else []
    known = os.environ.get("PYTHONPATH", "")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [*paths, known]))}
    command = [sys.executable, "-m", "gdl_cli.main", *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code else done.stdout


def test_installed_plugin_is_listed_and_its_recipe_runs(site: Path, tmp_path: Path) -> None:
    plugins = {row["name"]: row for row in json.loads(gdl(site, tmp_path, "plugins", "--json"))}
    assert plugins["swirl"]["package"] == "gdl-swirl"
    assert plugins["swirl"]["version"] == "0.3.0"
    assert plugins["swirl"]["offers"] == {
        "models": ["swirl"], "steps": ["still"], "datasets": ["swirls"], "recipes": ["swirls"],
    }  # fmt: skip
    assert gdl(site, tmp_path, "swirl", "arms") == "three\n"
    gdl(site, tmp_path, "run", "swirls")
    run = tmp_path / "runs" / "swirls"
    assert {"swirl.gdl", "samples.png", "here.png", "there.png", "film.gif"} <= {path.name for path in run.iterdir()}
    record = json.loads(gdl(site, tmp_path, "show", "runs/swirls/here.png", "--json"))
    assert record["do"] == "swirl/still"
    assert record["versions"]["plugin"] == "gdl-swirl 0.3.0"
    assert "model: swirl/swirl (gdl-swirl 0.3.0)" in gdl(site, tmp_path, "show", "runs/swirls/swirl.gdl")
    again = gdl(site, tmp_path, "run", "swirls")
    assert again.count("unchanged") == 6


def test_without_the_plugin_its_recipe_says_what_to_install(site: Path, tmp_path: Path) -> None:
    recipe = (PLUGIN / "gdl_swirl" / "recipes" / "swirls.yaml").read_text()
    (tmp_path / "swirls.yaml").write_text(recipe)
    told = gdl(None, tmp_path, "check", "swirls.yaml", code=2)
    assert "swirls.yaml:5:9 plugin 'gdl_swirl' is not installed; if you trust it: pip install gdl-swirl" in told
    assert "unknown step 'swirls'" in told
    assert "GDL" not in gdl(site, tmp_path, "check", "swirls.yaml")
    told = gdl(site, tmp_path, "--no-plugin", "swirl", "check", "swirls.yaml", code=2)
    assert "plugin 'gdl_swirl' is not installed" in told


def test_a_broken_plugin_is_shown_with_its_cause_and_the_rest_works(site: Path, tmp_path: Path) -> None:
    broken = tmp_path / "site"
    shutil.copytree(site, broken)
    (broken / "gdl_swirl" / "__init__.py").write_text("import nothing_of_that_name\n")
    told = gdl(broken, tmp_path, "plugins")
    assert "could not be loaded: ModuleNotFoundError: No module named 'nothing_of_that_name'" in told
    (tmp_path / "swirls.yaml").write_text((PLUGIN / "gdl_swirl" / "recipes" / "swirls.yaml").read_text())
    told = gdl(broken, tmp_path, "check", "swirls.yaml", code=2)
    assert "plugin 'gdl_swirl' could not be loaded: ModuleNotFoundError" in told
    (tmp_path / "fine.yaml").write_text("gdl: 1\nsteps: {a: {do: digits}}\n")
    assert "nothing wrong" in gdl(broken, tmp_path, "check", "fine.yaml")
