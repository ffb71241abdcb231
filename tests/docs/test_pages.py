"""Every code block of the README and of the pages for people runs here, on a model trained for a moment."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "docs/plugin-authors.md"]


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of one language in a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.M | re.S)


def gdl(*arguments: str, cwd: Path, path: str = "") -> str:
    """Run the command line; return what it printed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [path, os.environ.get("PYTHONPATH")]))}
    done = subprocess.run(
        [sys.executable, "-m", "gdl_cli.main", *arguments], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_language_of_a_block_is_tested() -> None:
    told = {language for page in PAGES for language in re.findall(r"^```(\w+)$", (ROOT / page).read_text(), flags=re.M)}
    assert told == {"sh", "yaml", "python", "toml", "console"}


def test_the_recipe_of_the_readme_makes_its_film(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    noise = np.random.default_rng(3)
    for number in range(24):
        Image.fromarray(noise.integers(0, 255, (20, 24, 3), dtype=np.uint8)).save(pictures / f"{number}.png")
    (recipe,) = blocks("README.md", "yaml")
    (tmp_path / "my.yaml").write_text(recipe.replace("60 epochs", "1 epoch").replace("frames: 96", "frames: 8"))
    gdl("check", "my.yaml", cwd=tmp_path)
    gdl("run", "my.yaml", cwd=tmp_path)
    assert {"pictures.gdl", "samples.png", "film.webp", "film.gif"} <= {
        path.name for path in (tmp_path / "runs" / "my").iterdir()
    }
    (commands,) = blocks("README.md", "console")
    told = [gdl(*shlex.split(line, comments=True)[2:], cwd=tmp_path) for line in commands.splitlines()]
    assert "unchanged  data" in told[0]
    assert "data: unchanged" in told[1]
    sweep = tmp_path / "runs" / "my-each"
    assert len(list(sweep.glob("seed-*_beta-*/film.webp"))) == 8
    assert {"samples.png", "film.webp", "runs.csv"} <= {path.name for path in sweep.iterdir()}


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "digits.yaml").write_text(
        "gdl: 1\nseed: 1\nsteps:\n  data: {do: digits}\n"
        "  vae: {do: train, model: vae, data: $data, for: 2 steps, set: {network: mlp, width: 16}, save: vae.gdl}\n"
    )
    gdl("run", "digits.yaml", cwd=tmp_path)
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("README.md", "python")
    names: dict[str, np.ndarray] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["fresh"].shape == (16, 28, 28, 1)
    assert np.array_equal(names["again"][0], names["fresh"][5])
    assert names["z"].shape == (16, 2)
    assert names["film"].shape == (48, 28, 28, 1)
    assert names["walk"].shape == (96, 28, 28, 1)


def test_the_plugin_of_the_page_for_authors_works(tmp_path: Path) -> None:
    site = tmp_path / "site"
    package = site / "gdl_linear"
    package.mkdir(parents=True)
    init, config, model = blocks("docs/plugin-authors.md", "python")
    for name, code in (("__init__", init), ("config", config), ("model", model)):
        (package / f"{name}.py").write_text(code)
    assert sum(len(code.splitlines()) for code in (init, config, model)) <= 70
    (project,) = blocks("docs/plugin-authors.md", "toml")
    entry = re.search(r"\[project\.entry-points\.gdl\]\n(.*)", project)
    assert entry is not None
    info = site / "gdl_linear-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gdl-linear\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[gdl]\n{entry[1].strip().replace(chr(34), '')}\n")

    assert "linear" in gdl("plugins", cwd=tmp_path, path=str(site))
    assert "bottleneck" in gdl("models", "linear", cwd=tmp_path, path=str(site))
    (recipe,) = blocks("docs/plugin-authors.md", "yaml")
    (tmp_path / "plane.yaml").write_text(recipe.replace("5 epochs", "3 steps"))
    gdl("run", "plane.yaml", cwd=tmp_path, path=str(site))
    assert (tmp_path / "runs" / "plane" / "sheet.png").is_file()
