"""The build backend asks for what is missing, and for nothing else."""

from __future__ import annotations

import importlib
import shutil
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "backend"))
    monkeypatch.setattr(sys, "path", list(sys.path))  # expose_target adds to it
    for name in ("GDL_NATIVE", "CXX"):
        monkeypatch.delenv(name, raising=False)
    return importlib.import_module("gdl_backend")


@pytest.fixture
def machine(backend: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A function that pretends a machine: these packages installed, these programs on the PATH."""

    def pretend(packages: dict[str, str], programs: dict[str, str]) -> None:
        def version(name: str) -> str:
            if name not in packages:
                raise metadata.PackageNotFoundError(name)
            return packages[name]

        for name, answer in programs.items():
            program = tmp_path / name
            program.write_text(f"#!/bin/sh\necho '{answer}'\n")
            program.chmod(0o755)
        monkeypatch.setattr(backend.metadata, "version", version)
        monkeypatch.setattr(backend.shutil, "which", lambda name, path=None: shutil_which(name, path=str(tmp_path)))

    shutil_which = shutil.which
    return pretend


def test_nothing_is_asked_for_where_all_is_there(backend, machine) -> None:
    machine({"setuptools": "84.2.1", "pybind11": "3.1.0", "cmake": "4.4.4", "ninja": "1.13.2"}, {"c++": ""})
    assert backend.get_requires_for_build_wheel() == []
    assert backend.get_requires_for_build_editable() == []


def test_everything_is_asked_for_on_a_bare_machine_with_a_compiler(backend, machine) -> None:
    machine({}, {"g++": ""})
    assert backend.get_requires_for_build_wheel() == ["setuptools>=77", "pybind11>=2.13", "cmake>=3.24", "ninja>=1.11"]


def test_old_tools_are_asked_for_anew(backend, machine) -> None:
    machine(
        {"setuptools": "65.5.0", "pybind11": "2.9"}, {"g++": "", "cmake": "cmake version 3.22.1", "ninja": "1.10.0"}
    )
    assert backend.missing_requirements() == ["setuptools>=77", "pybind11>=2.13", "cmake>=3.24", "ninja>=1.11"]


def test_programs_on_the_path_will_do(backend, machine) -> None:
    machine(
        {"setuptools": "80", "pybind11": "2.13"}, {"clang++": "", "cmake": "cmake version 3.24.0", "ninja": "1.11.1"}
    )
    assert backend.missing_requirements() == []


def test_without_a_compiler_no_build_tool_is_asked_for(backend, machine) -> None:
    machine({}, {})
    assert backend.get_requires_for_build_wheel() == ["setuptools>=77"]


def test_native_0_needs_no_build_tool(backend, machine, monkeypatch) -> None:
    machine({}, {"g++": ""})
    monkeypatch.setenv("GDL_NATIVE", "0")
    assert backend.get_requires_for_build_editable() == ["setuptools>=77"]


def test_an_sdist_needs_setuptools_only(backend, machine) -> None:
    machine({}, {"g++": ""})
    assert backend.get_requires_for_build_sdist() == ["setuptools>=77"]


def test_torch_is_never_asked_for(backend, machine) -> None:
    machine({}, {"g++": ""})
    assert not [name for name in backend.missing_requirements() if name.startswith("torch")]


def test_cxx_names_the_compiler(backend, machine, monkeypatch, tmp_path) -> None:
    machine({}, {"g++": "", "my-c++": ""})
    monkeypatch.setenv("CXX", "my-c++ -m64")
    assert backend.find_compiler() == str(tmp_path / "my-c++")
    monkeypatch.setenv("CXX", "absent-c++")
    assert backend.find_compiler() is None


def test_an_unknown_mode_is_refused(backend, monkeypatch) -> None:
    monkeypatch.setenv("GDL_NATIVE", "yes")
    with pytest.raises(ValueError, match=r"GDL_NATIVE='yes': use auto"):
        backend.missing_requirements()


def test_the_target_environment_is_seen_behind_the_builds_own(backend, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(backend.sysconfig, "get_path", lambda name: str(tmp_path))
    before = list(sys.path)
    backend.expose_target()
    assert sys.path[: len(before)] == before
    assert str(tmp_path) in sys.path[len(before) :]
