"""What the built files hold: every package, the right tag, no generic names, kernels where they were built."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(
    ".*", "build", "dist", "runs", "tests", "*.egg-info", "__pycache__", "*.so", "*.fatbin", "_build.json"
)

# CMake that compiles nothing: files with the names that the real one gives.
STAND_IN = """
cmake_minimum_required(VERSION 3.24)
project(stand_in LANGUAGES NONE)
file(WRITE ${GDL_OUTPUT_DIR}/_native.stand_in.so "kernels")
if(NOT GDL_CUDA STREQUAL "off")
  if(EXISTS ${CMAKE_SOURCE_DIR}/broken_nvcc)
    message(FATAL_ERROR "nvcc does not like this compiler")
  endif()
  file(WRITE ${GDL_OUTPUT_DIR}/cuda/randn.fatbin "CUDA kernels")
endif()
"""


def run_hook(project: Path, call: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Call a hook of the backend the way a build frontend does: in a process of its own, in the project's folder."""
    code = f"import sys; sys.path.insert(0, 'backend'); import gdl_backend; gdl_backend.{call}"
    env = {k: v for k, v in os.environ.items() if k not in ("CXX", "GDL_NATIVE", "GDL_CUDA", "GDL_CUDA_ARCHS")}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=env | environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source tree, with two packages that nobody has listed anywhere."""
    copy = tmp_path_factory.mktemp("source") / "gdl"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    for package in ("plugins/gdl_new", "plugins/gdl_new/inner", "cli/gdl_other"):
        (copy / package).mkdir()
        (copy / package / "__init__.py").touch()
    (copy / "plugins/gdl_new/recipes").mkdir()
    (copy / "plugins/gdl_new/recipes/first.yaml").write_text("gdl: 1\n")
    return copy


@pytest.fixture
def native_project(project: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "gdl"
    shutil.copytree(project, copy, ignore=LEFT_OUT)
    (copy / "CMakeLists.txt").write_text(STAND_IN)
    return copy


@pytest.fixture(scope="module")
def pure_wheel(project: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A wheel built on a machine without compiler, and what the build said."""
    folder = tmp_path_factory.mktemp("wheel")
    run = run_hook(project, f"build_wheel({str(folder)!r})", PATH="")
    assert run.returncode == 0, run.stderr
    return next(folder.glob("*.whl")), run.stderr


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def text(wheel: Path, ending: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith(ending))).decode()


def test_without_a_compiler_the_wheel_is_for_any_machine(pure_wheel) -> None:
    wheel, said = pure_wheel
    assert wheel.name.endswith("-py3-none-any.whl")
    assert not [name for name in names(wheel) if name.endswith(".so")]
    lines = [line for line in said.splitlines() if line.startswith("gdl: ")]
    assert len(lines) == 1
    assert "native kernels were not built" in lines[0]
    assert "no C++ compiler found" in lines[0]
    assert "no C++ compiler found" in json.loads(text(wheel, "gdl_core/_build.json"))["why_not"]


def test_only_gdl_names_reach_site_packages(pure_wheel) -> None:
    top = text(pure_wheel[0], "top_level.txt").split()
    assert {"gdl_core", "gdl_new", "gdl_other"} <= set(top)
    assert [name for name in top if not name.startswith("gdl_")] == []
    folders = {name.split("/")[0] for name in names(pure_wheel[0])}
    assert [name for name in folders if not name.startswith("gdl_")] == []


def test_every_file_of_the_source_roots_is_in_the_wheel(pure_wheel, project: Path) -> None:
    packed = names(pure_wheel[0])
    assert {"gdl_new/inner/__init__.py", "gdl_new/recipes/first.yaml"} <= packed
    folders = [project / "gdl_core", *project.glob("plugins/gdl_*"), *project.glob("cli/gdl_*")]
    files = {path.relative_to(project).as_posix() for folder in folders for path in folder.rglob("*") if path.is_file()}
    made = {name for name in files if "__pycache__" in name or name.endswith((".so", ".fatbin", "_build.json"))}
    assert {name.removeprefix("plugins/").removeprefix("cli/") for name in files - made} - packed == set()


def test_licence_and_entry_points_are_in_the_wheel(pure_wheel) -> None:
    assert "Apache License" in text(pure_wheel[0], "licenses/LICENSE")
    assert "License-Expression: Apache-2.0" in text(pure_wheel[0], "METADATA")
    assert "gdl = gdl_cli.main:main" in text(pure_wheel[0], "entry_points.txt")


def test_kernels_that_are_demanded_and_cannot_be_built_fail_the_build(project: Path, tmp_path: Path) -> None:
    run = run_hook(project, f"build_wheel({str(tmp_path)!r})", PATH="", GDL_NATIVE="1")
    assert run.returncode != 0
    assert run.stderr.strip().splitlines()[-1].startswith("gdl: GDL_NATIVE=1 demands native kernels: no C++ compiler")


def test_a_wheel_with_kernels_is_for_this_platform_only(native_project: Path, tmp_path: Path) -> None:
    run = run_hook(native_project, f"build_wheel({str(tmp_path)!r})", CXX=sys.executable, GDL_NATIVE="1")
    assert run.returncode == 0, run.stderr
    wheel = next(tmp_path.glob("*.whl"))
    assert f"-cp{sys.version_info[0]}{sys.version_info[1]}-" in wheel.name
    assert not wheel.name.endswith("any.whl")
    assert {"gdl_core/_native.stand_in.so", "gdl_core/cuda/randn.fatbin"} <= names(wheel)
    assert "Root-Is-Purelib: false" in text(wheel, "WHEEL")


def test_a_failing_nvcc_does_not_cost_the_cpu_kernels(native_project: Path, tmp_path: Path) -> None:
    (native_project / "broken_nvcc").touch()
    run = run_hook(native_project, f"build_wheel({str(tmp_path)!r})", CXX=sys.executable)
    assert run.returncode == 0, run.stderr
    packed = names(next(tmp_path.glob("*.whl")))
    assert "gdl_core/_native.stand_in.so" in packed
    assert "gdl_core/cuda/randn.fatbin" not in packed
    assert "gdl: the CUDA kernels could not be built and are left out" in run.stderr
    demanded = run_hook(
        native_project, f"build_wheel({str(tmp_path)!r})", CXX=sys.executable, GDL_CUDA="on", GDL_NATIVE="1"
    )
    assert demanded.returncode != 0


def test_what_an_earlier_build_left_is_not_packed(native_project: Path, tmp_path: Path) -> None:
    for turn, environment in enumerate(({}, {"GDL_CUDA": "off"}, {"GDL_NATIVE": "0"})):
        if turn == 1:
            (native_project / "plugins/gdl_new/inner/__init__.py").unlink()
        out = tmp_path / str(turn)
        out.mkdir()
        run = run_hook(native_project, f"build_wheel({str(out)!r})", CXX=sys.executable, **environment)
        assert run.returncode == 0, run.stderr
    first, second, third = (names(next((tmp_path / str(turn)).glob("*.whl"))) for turn in range(3))
    assert "gdl_core/cuda/randn.fatbin" in first
    assert "gdl_core/cuda/randn.fatbin" not in second
    assert "gdl_core/_native.stand_in.so" in second
    assert "gdl_new/inner/__init__.py" not in second
    assert not [name for name in third if name.endswith((".so", ".fatbin"))]


def test_what_was_compiled_is_kept_and_what_was_configured_is_not(native_project: Path, tmp_path: Path) -> None:
    for archs in ({"GDL_CUDA_ARCHS": "90"}, {}):
        run = run_hook(native_project, f"build_editable({str(tmp_path)!r})", CXX=sys.executable, **archs)
        assert run.returncode == 0, run.stderr
        build = next((native_project / "build").glob("native-*"))
        compiled = build / "CMakeFiles/gdl_cpu.dir/kernels.o"
        assert compiled.exists() == (not archs)
        assert ("GDL_CUDA_ARCHS" in (build / "CMakeCache.txt").read_text()) == bool(archs)
        compiled.parent.mkdir(exist_ok=True)
        compiled.touch()


def test_an_editable_install_keeps_the_kernels_and_finds_later_packages(native_project: Path, tmp_path: Path) -> None:
    images = native_project / "gdl_core/cuda"
    images.mkdir(exist_ok=True)
    (images / "of_an_earlier_build.fatbin").touch()
    run = run_hook(native_project, f"build_editable({str(tmp_path)!r})", CXX=sys.executable)
    assert run.returncode == 0, run.stderr
    assert [path.name for path in (native_project / "gdl_core").glob("*.so")] == ["_native.stand_in.so"]
    assert [path.name for path in images.iterdir()] == ["randn.fatbin"]
    roots = text(next(tmp_path.glob("*.whl")), ".pth").split()
    assert roots == [str(native_project), str(native_project / "plugins"), str(native_project / "cli")]


def test_an_sdist_can_be_built_from(project: Path, tmp_path: Path) -> None:
    run = run_hook(project, f"build_sdist({str(tmp_path)!r})")
    assert run.returncode == 0, run.stderr
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {
        "setup.py",
        "CMakeLists.txt",
        "LICENSE",
        "constraints.txt",
        "backend/gdl_backend.py",
        "backend/gdl_build.py",
    }
    wanted |= {path.relative_to(project).as_posix() for path in (project / "csrc").rglob("*") if path.is_file()}
    assert wanted <= packed
    assert "plugins/gdl_new/recipes/first.yaml" in packed
