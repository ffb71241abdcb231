"""A corpus of wrong recipes: `bad/NAME.yaml`, and beside it every fault that must be found, with its place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gdl_core.errors import RecipeError
from gdl_core.recipe import check_file
from gdl_core.registry import Registry

BAD = Path(__file__).parent / "bad"
NAMES = sorted(path.stem for path in BAD.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_every_fault_is_told_with_its_place(name: str, registry: Registry) -> None:
    with pytest.raises(RecipeError) as caught:
        check_file(BAD / f"{name}.yaml", registry)
    told = [f"{fault.line}:{fault.column} {fault.message}" for fault in caught.value.faults]
    assert told == (BAD / f"{name}.txt").read_text().splitlines()
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", NAMES)
def test_caret_points_at_the_fault(name: str, registry: Registry) -> None:
    path = BAD / f"{name}.yaml"
    lines = path.read_text().splitlines()
    with pytest.raises(RecipeError) as caught:
        check_file(path, registry)
    for fault in caught.value.faults:
        assert fault.file == str(path)
        assert fault.line is not None
        if fault.source:
            assert fault.source == lines[fault.line - 1]
            assert str(fault).splitlines()[2].index("^") == 4 + (fault.column or 0) - 1


def test_checking_imports_no_torch() -> None:
    code = (
        "import sys; from pathlib import Path; from gdl_core.recipe import check_file, make_plan\n"
        "from gdl_core.registry import get_registry; from gdl_core.errors import RecipeError\n"
        f"for path in sorted(Path({str(BAD)!r}).glob('*.yaml')):\n"
        "    try: check_file(path, get_registry())\n"
        "    except RecipeError: pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
