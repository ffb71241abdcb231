"""The setuptools commands of gdl: native kernels through CMake, honest wheel tags, editable installs of three roots."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, ClassVar

from gdl_backend import find_compiler, find_program, native_mode
from setuptools import Command, Distribution, find_packages
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.editable_wheel import editable_wheel

ROOT = Path(__file__).resolve().parent.parent

SOURCES = {".": ["gdl_core", "gdl_core.*"], "plugins": ["gdl_*"], "cli": ["gdl_*"]}
"""Source roots, and which packages each brings. The names of the roots themselves are never installed."""

DATA = ["py.typed", "**/*.yaml", "**/*.npz", "**/*.csv", "**/*.gz", "**/*.md", "**/*.txt", "**/*.html", "**/*.cuh"]
"""Files beside the code that a package takes along."""

LIBRARIES = (".so", ".pyd", ".dylib", ".dll")
IMAGES = "cuda/*.fatbin"
"""The CUDA kernels, one file for each family, below the folder of the libraries."""


class NativeBuildError(Exception):
    """Native kernels cannot be built here; the text says why."""


def find_all_packages(root: Path = ROOT) -> tuple[list[str], dict[str, str]]:
    """Return the names of all packages under the source roots, and the folder of each top-level one."""
    packages: list[str] = []
    folders: dict[str, str] = {}
    for source, patterns in SOURCES.items():
        if (root / source).is_dir():
            found = find_packages(str(root / source), include=patterns)
            packages += found
            folders |= {name: (Path(source) / name).as_posix() for name in found if "." not in name}
    return sorted(packages), folders


class GdlDistribution(Distribution):
    """A distribution whose wheel is for one platform only if it holds native kernels."""

    native: bool = False

    def has_ext_modules(self) -> bool:
        return self.native


def find_tools() -> tuple[str, dict[str, str]]:
    """Return the path of cmake, and the CMake settings that name the other tools.

    Raises:
        NativeBuildError: one of them is missing.
    """
    if find_compiler() is None:
        raise NativeBuildError("no C++ compiler found (looked for CXX, c++, g++, clang++, cl)")
    cmake, ninja = find_program("cmake"), find_program("ninja")
    if cmake is None or ninja is None:
        raise NativeBuildError("cmake or ninja not found; pip install cmake ninja")
    try:
        import pybind11
    except ImportError as error:
        raise NativeBuildError("pybind11 not found; pip install pybind11") from error
    folder = pybind11.get_cmake_dir()
    return cmake, {"CMAKE_MAKE_PROGRAM": ninja, "Python_EXECUTABLE": sys.executable, "pybind11_DIR": folder}


def run_cmake(build: Path, cuda: str) -> list[Path]:
    """Build the kernels with CMake and ninja under `build`; return the libraries, and the CUDA kernels behind them.

    Raises:
        NativeBuildError: a tool is missing or the compiler failed.
    """
    cmake, settings = find_tools()
    output = build / "libraries"
    shutil.rmtree(output, ignore_errors=True)  # a library of an earlier configuration must not be taken along
    settings |= {
        "CMAKE_BUILD_TYPE": "Release",
        "GDL_PYTHON_MODULE": "ON",
        "GDL_CUDA": cuda,
        "GDL_OUTPUT_DIR": str(output),
    }
    if "GDL_CUDA_ARCHS" in os.environ:
        settings["GDL_CUDA_ARCHS"] = os.environ["GDL_CUDA_ARCHS"]
    # An isolated build keeps its tools in a folder of its own, so remembered paths may be gone by now. Only they are
    # forgotten: cmake --fresh would throw away the object files too, and everything would be compiled again.
    (build / "CMakeCache.txt").unlink(missing_ok=True)
    configure = [cmake, "-S", str(ROOT), "-B", str(build), "-G", "Ninja"]
    try:
        subprocess.run([*configure, *(f"-D{name}={value}" for name, value in settings.items())], check=True)
        subprocess.run([cmake, "--build", str(build)], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NativeBuildError("CMake or the compiler failed; pip install -v shows what they said") from error
    libraries = sorted(path for path in output.glob("*") if path.suffix in LIBRARIES)
    if not any(path.name.startswith("_native.") for path in libraries):
        raise NativeBuildError("CMake built no _native module")
    return libraries + sorted(output.glob(IMAGES))


def compile_kernels(build: Path) -> list[Path]:
    """Build the kernels, with CUDA where `GDL_CUDA` says so; "auto" does without it where nvcc fails.

    Raises:
        NativeBuildError: there is nothing that could be built.
    """
    cuda = os.environ.get("GDL_CUDA", "auto")
    try:
        return run_cmake(build, cuda)
    except NativeBuildError:
        find_tools()  # without tools a second try is no use
        if cuda != "auto":
            raise
        libraries = run_cmake(build, "off")
        print("gdl: the CUDA kernels could not be built and are left out; GDL_CUDA=on demands them", file=sys.stderr)
        return libraries


class BuildNative(Command):
    """Compile the kernels into gdl_core, or say in one line why there are none."""

    description = "compile the native kernels with CMake"
    user_options: ClassVar[list[Any]] = []
    editable_mode = False
    build_lib: str | None = None

    def initialize_options(self) -> None:
        self.build_lib = None

    def finalize_options(self) -> None:
        self.set_undefined_options("build", ("build_lib", "build_lib"))

    def run(self) -> None:
        home = (ROOT if self.editable_mode else Path(str(self.build_lib))) / "gdl_core"
        libraries: list[Path] = []
        why = "GDL_NATIVE=0 when gdl was installed"
        if native_mode() != "0":
            try:
                libraries = compile_kernels(ROOT / "build" / f"native-{sysconfig.get_config_var('SOABI')}")
                why = ""
            except NativeBuildError as error:
                if native_mode() == "1":
                    raise SystemExit(f"gdl: GDL_NATIVE=1 demands native kernels: {error}") from error
                why = str(error)
        if why:
            print(f"gdl: native kernels were not built, plain torch will be used: {why}", file=sys.stderr)
        self.distribution.native = bool(libraries)
        home.mkdir(parents=True, exist_ok=True)
        for stale in (*home.glob(f"_native{sysconfig.get_config_var('EXT_SUFFIX')}"), *home.glob(IMAGES)):
            stale.unlink()
        for library in libraries:
            to = home / "cuda" / library.name if library.match(IMAGES) else home / library.name
            to.parent.mkdir(exist_ok=True)
            shutil.copy2(library, to)
        facts = {"native": bool(libraries), "libraries": [path.name for path in libraries], "why_not": why}
        (home / "_build.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")

    def get_outputs(self) -> list[str]:
        return []

    def get_output_mapping(self) -> dict[str, str]:
        return {}

    def get_source_files(self) -> list[str]:
        return []


class BdistWheel(bdist_wheel):
    """Tag the wheel for what it holds: this platform where kernels were built, any platform where not."""

    def run(self) -> None:
        # setuptools keeps what earlier builds left here and would pack modules that no longer exist.
        shutil.rmtree(self.get_finalized_command("build").build_lib, ignore_errors=True)
        self.run_command("build_native")
        self.root_is_pure = not self.distribution.has_ext_modules()
        super().run()


class EditableWheel(editable_wheel):
    """Put the source roots themselves on the path, so that packages made later and type checkers are served too."""

    def _select_strategy(self, name: str, tag: str, build_lib: Any) -> Any:
        try:
            from setuptools.command.editable_wheel import _StaticPth
        except ImportError:  # private to setuptools; without it only the packages that exist now are found
            return super()._select_strategy(name, tag, build_lib)
        return _StaticPth(self.distribution, name, [ROOT / source for source in SOURCES])
