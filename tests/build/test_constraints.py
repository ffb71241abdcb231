"""constraints.txt pins all that gdl, its extras and its tests need, and nothing that pyproject.toml does not allow."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LINES = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
PINS = {canonicalize_name(pin.name): pin for pin in map(Requirement, LINES)}
HOME = "gdl-toolkit"
OF_TORCH = re.compile(r"nvidia|cuda|triton")
"""What a torch for GPUs brings along; it names the exact versions itself."""

complete = pytest.mark.skipif(sys.version_info < (3, 11), reason="the pins are complete from Python 3.11 on")


def needs(name: str, extras: set[str], seen: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return every distribution that `name` with `extras` needs here, each with the extras asked of it."""
    new = ({""} | extras) - seen.setdefault(canonicalize_name(name), set())
    seen[canonicalize_name(name)] |= new
    for line in metadata.requires(name) or []:
        need = Requirement(line)
        if OF_TORCH.match(need.name):
            continue
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in new):
            needs(need.name, need.extras, seen)
    return seen


def test_every_line_is_one_exact_version() -> None:
    for name, pin in PINS.items():
        assert re.fullmatch(r"==[0-9][0-9A-Za-z.]*", str(pin.specifier)), name
        assert pin.url is None
    assert not re.search(r"://|index-url|find-links|^/", "\n".join(LINES), re.MULTILINE)


@complete
def test_everything_needed_is_pinned() -> None:
    assert sorted(set(needs(HOME, {"all", "dev"}, {})) - set(PINS) - {HOME}) == []


@complete
def test_nothing_else_is_pinned() -> None:
    assert sorted(set(PINS) - set(needs(HOME, {"all", "dev"}, {}))) == []


def test_pins_lie_in_the_ranges_that_are_declared() -> None:
    for need in map(Requirement, metadata.requires(HOME) or []):
        if canonicalize_name(need.name) != HOME and not OF_TORCH.match(need.name):
            version = str(PINS[canonicalize_name(need.name)].specifier).removeprefix("==")
            assert need.specifier.contains(version), need


def test_torch_is_the_tested_one() -> None:
    assert str(PINS["torch"].specifier) == "==2.13.0"


@pytest.mark.parametrize("name", ["numpy", "pillow"])
def test_pins_spare_a_python_that_they_do_not_serve(name: str) -> None:
    marker = PINS[name].marker
    assert marker is not None
    assert not marker.evaluate({"python_version": "3.10"})
