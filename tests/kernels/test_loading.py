"""Which implementation is in use, and what happens when the native library is absent, broken or unwanted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import torch
from kernels.impls import ISAS, needs_native

import gdl_core
from gdl_core.kernels import RNG_VERSION, info

DRAW = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from gdl_core.kernels import info, randn
    import gdl_core.kernels.randn
print(randn((3,), seed=1).tolist())
cpu = info()["cpu"]
print(cpu["implementation"], cpu["isa"], len(caught))
print(cpu["why_not_native"], *(w.message for w in caught))
"""


HERE = Path(gdl_core.__file__).parent


def draw(folder: Path = HERE.parent, **environment: str) -> list[str]:
    """What a new process with the package in `folder` prints."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GDL_")}
    command = [sys.executable, "-c", DRAW]
    return subprocess.run(
        command, env={**env, **environment}, cwd=folder, capture_output=True, text=True, check=True
    ).stdout.splitlines()


@pytest.fixture(scope="module")
def numbers() -> str:
    return draw(GDL_NATIVE="0")[0]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package without any native library."""
    copy = tmp_path / "gdl_core"
    shutil.copytree(HERE / "kernels", copy / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE / "__init__.py", copy)
    return copy


def test_info_tells_what_is_in_use() -> None:
    told = info()
    assert told["torch"] == torch.__version__
    assert told["rng_version"] == RNG_VERSION == 1
    assert told["cpu"]["implementation"] in ("native", "reference")
    assert (told["cpu"]["why_not_native"] is None) == (told["cpu"]["implementation"] == "native")
    assert (told["cuda"]["why_not_native"] is None) == (told["cuda"]["implementation"] == "native")


def test_the_reference_can_be_chosen_without_a_warning() -> None:
    _, used, why = draw(GDL_NATIVE="0")
    assert used == "reference None 0"
    assert why == "GDL_NATIVE=0"


def test_an_absent_library_is_named_once_and_everything_works(package: Path, numbers: str) -> None:
    drawn, used, why = draw(package.parent)
    assert drawn == numbers
    assert used == "reference None 1"
    assert "gdl_core._native is missing" in why


def test_the_note_of_the_build_is_passed_on(package: Path) -> None:
    (package / "_build.json").write_text('{"native": false, "libraries": [], "why_not": "no C++ compiler"}')
    _, used, why = draw(package.parent)
    assert used == "reference None 1"
    assert "installed without native kernels: no C++ compiler" in why


def test_a_broken_library_is_named_once_and_everything_works(package: Path, numbers: str) -> None:
    (package / f"_native{sysconfig.get_config_var('EXT_SUFFIX')}").write_bytes(b"this is no library")
    drawn, used, why = draw(package.parent)
    assert drawn == numbers
    assert used == "reference None 1"
    assert "_native" in why


@needs_native
def test_a_library_of_other_sources_is_named_once_and_everything_works(package: Path, numbers: str) -> None:
    for library in HERE.glob("_native*"):
        shutil.copy(library, package)
    schemas = package / "kernels" / "schemas.py"
    schemas.write_text(schemas.read_text().replace("bool closed) -> Tensor", "bool open) -> Tensor"))
    drawn, used, why = draw(package.parent)
    assert drawn == numbers
    assert used == "reference None 1"
    assert "built from other sources" in why
    assert "path_forward" in why


def test_native_code_can_be_demanded(package: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        draw(package.parent, GDL_NATIVE="1")
    assert "GDL_NATIVE=1 demands the native kernels" in failed.value.stderr


@needs_native
@pytest.mark.parametrize("isa", ISAS)
def test_the_instruction_set_can_be_chosen(isa: str, numbers: str) -> None:
    drawn, used, _ = draw(GDL_ISA=isa)
    assert drawn == numbers
    assert used == f"native {isa} 0"


@needs_native
def test_an_unknown_instruction_set_is_refused() -> None:
    from gdl_core import _native

    with pytest.raises(ValueError, match="'mmx'"):
        _native.set_isa("mmx")
