"""Who may import whom (docs/design.md, section 2), what must not import torch, and what tracked files must not hold."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import gdl_core

ROOT = Path(__file__).resolve().parent.parent
PLUGINS = sorted(path.parent.name for path in (ROOT / "plugins").glob("gdl_*/__init__.py"))

PLAIN = {"errors", "files", "specs", "values", "hooks", "config", "arguments", "turns", "forms", "processes"}
MODELS = PLAIN | {"noise", "kernels", "contracts"}
LEARNING = MODELS | {"networks", "latent", "training", "data", "measures", "media"}
RECIPES = LEARNING | {"explain", "registry", "model_file", "session", "steps"}

MAY_IMPORT = {
    **dict.fromkeys(PLAIN, PLAIN),
    "builtin": PLAIN | {"measures"},
    "noise": PLAIN | {"kernels"},
    "kernels": {"errors", "files"},
    "contracts": MODELS,
    "networks": {"errors", "noise"},
    "latent": MODELS,
    "training": MODELS | {"latent", "data"},
    "data": PLAIN | {"noise"},
    "measures": LEARNING - {"media"},
    "media": PLAIN,
    "registry": LEARNING | {"explain"},
    "model_file": LEARNING | {"explain", "registry"},
    "session": LEARNING | {"explain", "registry", "model_file"},
    "explain": PLAIN,
    "steps": RECIPES,
    "recipe": RECIPES,
    **dict.fromkeys(PLUGINS, LEARNING),
    "gdl_cli": RECIPES | {"recipe", "gdl_cli"},
}
"""Room → rooms of gdl_core that it may import, beside itself. Whatever is not named here is refused."""

NO_TORCH = PLAIN | {"explain", "builtin", "registry", "recipe", "media"}
"""Rooms that are imported before anybody has asked for a model."""


@cache
def tracked(*suffixes: str) -> tuple[Path, ...]:
    """Files of the project with one of these suffixes, as git lists them; ignored ones are left out."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    return tuple(path for name in names if name and (path := ROOT / name).is_file() and path.suffix in suffixes)


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def imports(tree: ast.AST, package: list[str]) -> Iterator[tuple[int, str]]:
    """Yield line and full dotted name of everything imported anywhere in `tree`, save for type checkers."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *filter(None, [node.module])]
            yield from ((node.lineno, ".".join([*module, alias.name])) for alias in node.names)
        elif is_type_checking(node):
            assert isinstance(node, ast.If)
            for other in node.orelse:
                yield from imports(other, package)
        else:
            yield from imports(node, package)


def room_of(name: str) -> str:
    """Return the room of a dotted name: gdl_core.latent.tiles → latent, gdl_core.Model → contracts."""
    parts = name.split(".")
    if parts[0] != "gdl_core":
        return parts[0]
    if len(parts) == 1 or parts[1] == "__version__":
        return "gdl_core"
    home = gdl_core._HOMES.get(parts[1])
    return home.split(".")[0] if home else parts[1]


def faults(path: Path, text: str) -> list[str]:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "gdl_core" else parts[1:]
    if parts == ("gdl_core", "__init__"):
        return []
    room = room_of(".".join(parts))
    found = []
    for line, name in imports(ast.parse(text), list(parts[:-1])):
        wanted = room_of(name)
        if not name.startswith("gdl_") or wanted in (room, "gdl_core"):
            continue
        if wanted not in MAY_IMPORT.get(room, set()):
            found.append(f"{path.relative_to(ROOT)}:{line} {room} imports {name}, which is not among its rooms")
    return found


SOURCES = tuple(p for p in tracked(".py") if p.relative_to(ROOT).parts[0] in ("gdl_core", "plugins", "cli"))


def test_every_import_follows_the_table() -> None:
    found = [
        fault for path in SOURCES if "gdl_" in str(path) for fault in faults(path, path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("where", "code", "refused"),
    [
        ("gdl_core/latent/x.py", "from gdl_core.training import loop", True),
        ("gdl_core/latent/x.py", "def f():\n    import gdl_core.training.loop", True),
        ("gdl_core/latent/x.py", "from ..training import loop", True),
        ("gdl_core/latent/x.py", "from . import tiles\nfrom gdl_core.kernels import lerp", False),
        ("gdl_core/latent/x.py", "if TYPE_CHECKING:\n    from gdl_core.training import loop", False),
        ("gdl_core/steps/x.py", "from gdl_core import recipe", True),
        ("gdl_core/recipe/x.py", "from gdl_core import steps", False),
        ("gdl_core/data/x.py", "from gdl_core import Model", True),
        ("gdl_core/media/x.py", "import gdl_cli.main", True),
        ("gdl_core/media/x.py", "import gdl_vae", True),
        ("plugins/gdl_vae/x.py", "from gdl_core import Model, Player", False),
        ("plugins/gdl_vae/x.py", "from gdl_core.registry import get_registry", True),
        ("plugins/gdl_vae/x.py", "from gdl_core import registry", True),
        ("plugins/gdl_vae/x.py", "import gdl_data", True),
        ("cli/gdl_cli/x.py", "from gdl_core.recipe import check", False),
        ("cli/gdl_cli/x.py", "import gdl_vae", True),
    ],
)
def test_the_table_catches(where: str, code: str, refused: bool) -> None:
    assert bool(faults(ROOT / where, code)) == refused


REPORT = """
import importlib, json, sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ImportError("torch was imported")

sys.meta_path.insert(0, NoTorch())
faults = {}
for name in json.loads(sys.argv[1]):
    try:
        importlib.import_module(name)
    except ImportError as error:
        faults[name] = str(error)
print(json.dumps(faults))
"""


def test_hooks_and_step_arguments_import_no_torch() -> None:
    names = ["gdl_core", *PLUGINS]
    for path in SOURCES:
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] == "gdl_core" and len(parts) > 1 and parts[1] in NO_TORCH | {"steps"}:
            names.append(".".join(part for part in parts if part != "__init__"))
    assert any(name.startswith("gdl_core.steps.") for name in names)
    run = subprocess.run([sys.executable, "-c", REPORT, json.dumps(names)], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == {}


def test_help_imports_no_torch() -> None:
    code = REPORT.split("faults")[0] + "import gdl_cli.main\nsys.argv = ['gdl', '--help']\ngdl_cli.main.main()"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "Usage" in run.stdout


def test_no_file_is_past_400_lines() -> None:
    files = tracked(".py", ".cpp", ".cu", ".h", ".cuh", ".inl", ".js", ".yaml", ".cmake")
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


MACHINE_PATH = re.compile(r"(?<![\w.:~/$}-])/(?:work|root|home|opt|farm|Users|tmp/\w+)/\w|[A-Z]:\\Users")


def test_no_tracked_text_names_a_path_of_some_machine() -> None:
    found = []
    for path in tracked(
        ".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".cpp", ".cu", ".h", ".cuh", ".inl", ".json", ".csv", ""
    ):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        found += [
            f"{path.relative_to(ROOT)}:{n} {line.strip()[:80]}"
            for n, line in enumerate(lines, 1)
            if MACHINE_PATH.search(line)
        ]
    assert not found, "\n".join(found)
