"""In-tree build backend (PEP 517, PEP 660): setuptools, asking only for the build tools that are missing.

A build tool counts as there if the environment that gdl is being installed into has it, also when the build itself is
isolated from that environment. So `pip install .` works without network where the tools are installed, fetches them
where they are not, and never asks for torch, which the build does not need.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import site
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from typing import Any

SETUPTOOLS = "setuptools>=77"
PYBIND11 = "pybind11>=2.13"
CMAKE = "cmake>=3.24"
NINJA = "ninja>=1.11"

COMPILERS = ("c++", "g++", "clang++", "cl")


def native_mode() -> str:
    """Return what `GDL_NATIVE` asks for: "auto" (build where possible), "1" (must build) or "0" (never)."""
    mode = os.environ.get("GDL_NATIVE", "auto")
    if mode not in ("auto", "0", "1"):
        raise ValueError(f"GDL_NATIVE={mode!r}: use auto (build where possible), 1 (must build) or 0 (never)")
    return mode


def find_compiler() -> str | None:
    """Return the path of a C++ compiler: `CXX` where it is set, else the first one on the PATH, else None."""
    asked = os.environ.get("CXX", "").split()
    return next(filter(None, (shutil.which(name) for name in (asked[:1] or COMPILERS))), None)


def find_program(name: str) -> str | None:
    """Return the path of `cmake` or `ninja`: in the package of that name, else on the PATH, else None."""
    if importlib.util.find_spec(name) is not None:
        module = importlib.import_module(name)
        folder = getattr(module, "CMAKE_BIN_DIR", None) or getattr(module, "BIN_DIR", None)
        if folder and (found := shutil.which(name, path=folder)):
            return found
    return shutil.which(name)


def expose_target() -> None:
    """Let this process also see the packages of the environment that is installed into, behind the build's own."""
    folders = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    if sys.prefix == sys.base_prefix:
        folders += site.getsitepackages()
    sys.path += [folder for folder in dict.fromkeys(folders) if Path(folder).is_dir() and folder not in sys.path]
    importlib.invalidate_caches()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _has_package(requirement: str) -> bool:
    name, least = requirement.split(">=")
    try:
        return _numbers(metadata.version(name)) >= _numbers(least)
    except metadata.PackageNotFoundError:
        return False


def _has_program(requirement: str) -> bool:
    name, least = requirement.split(">=")
    path = shutil.which(name)
    if path is None:
        return False
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    return _numbers(answer) >= _numbers(least)


def missing_requirements() -> list[str]:
    """Return what a build needs and neither this process nor the target environment has."""
    expose_target()
    missing = [] if _has_package(SETUPTOOLS) else [SETUPTOOLS]
    if native_mode() == "0" or find_compiler() is None:
        return missing
    missing += [] if _has_package(PYBIND11) else [PYBIND11]
    return missing + [tool for tool in (CMAKE, NINJA) if not (_has_package(tool) or _has_program(tool))]


def _setuptools() -> Any:
    expose_target()
    from setuptools import build_meta

    return build_meta


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    return missing_requirements()


def get_requires_for_build_editable(config_settings: Any = None) -> list[str]:
    return missing_requirements()


def get_requires_for_build_sdist(config_settings: Any = None) -> list[str]:
    return [requirement for requirement in missing_requirements() if requirement == SETUPTOOLS]


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Any = None) -> str:
    return _setuptools().prepare_metadata_for_build_wheel(metadata_directory, config_settings)


def prepare_metadata_for_build_editable(metadata_directory: str, config_settings: Any = None) -> str:
    return _setuptools().prepare_metadata_for_build_editable(metadata_directory, config_settings)


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    return _setuptools().build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    return _setuptools().build_editable(wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    return _setuptools().build_sdist(sdist_directory, config_settings)
