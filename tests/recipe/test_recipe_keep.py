"""What a step kept is what it gave, to the last bit, for every kind of value."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from media.values import pictures

from gdl_core.recipe.keep import FACTS, VALUE, keep, kept
from gdl_core.recipe.report import StepReport
from gdl_core.registry import Registry
from gdl_core.values import Column, Figure, Frames, Images, Latents, Table, Text, Vector

_words = st.text(st.characters(exclude_categories=("Cs",)), max_size=5)
_cells = st.one_of(_words, st.integers(-(2**70), 2**70), st.floats(), st.booleans(), st.none())
_tables = st.integers(0, 3).flatmap(
    lambda width: st.builds(
        Table,
        st.tuples(*[_words] * width),
        st.lists(st.tuples(*[_cells] * width), max_size=3).map(tuple),
        _words,
    )
)
_floats = arrays.arrays(np.float32, (3, 2), elements=st.floats(width=32))
_columns = st.dictionaries(
    _words, st.just(Column(np.array([0, 1, 0]), ("no", "yes"))) | st.just(Column(np.arange(3.0)))
)
_values = st.one_of(
    st.builds(Images, pictures(), st.lists(_words, max_size=2).map(tuple), st.integers(0, 3)),
    st.builds(Frames, pictures(), st.floats(1, 60), st.booleans(), st.lists(_words, max_size=2).map(tuple)),
    st.builds(Latents, _floats, st.none() | _floats, _columns),
    st.builds(Vector, _floats, _words, st.dictionaries(_words, st.integers() | _words, max_size=2)),
    st.builds(Figure, pictures().map(lambda pixels: pixels[0]), _tables),
    st.builds(Text, st.lists(_words, max_size=3).map(tuple)),
    _tables,
)


def same(one: Any, other: Any) -> bool:
    """Equal types and contents, NaN equal to itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if hasattr(one, "__dataclass_fields__"):
        return all(same(getattr(one, name), getattr(other, name)) for name in one.__dataclass_fields__)
    return bool(one == other)


@given(_values)
def test_what_is_kept_comes_back(value: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        keep(value, Path(folder), {})
        assert same(kept(value.kind, Path(folder), Registry.from_plugins([])), value)


@pytest.mark.parametrize("spoilt", [b"", b"\x00" * 8, b"\xff" * 64, b"\x02\x00\x00\x00\x00\x00\x00\x00{}"])
def test_what_cannot_be_read_is_not_there(spoilt: bytes, tmp_path: Path) -> None:
    registry = Registry.from_plugins([])
    assert kept("table", tmp_path, registry) is None
    (tmp_path / VALUE).write_bytes(spoilt)
    assert kept("table", tmp_path, registry) is None
    (tmp_path / "result.gdl").write_bytes(spoilt)
    assert kept("model", tmp_path, registry) is None


def test_another_kind_is_not_there(tmp_path: Path) -> None:
    keep(Text(("a",)), tmp_path, {})
    assert kept("table", tmp_path, Registry.from_plugins([])) is None


@pytest.mark.parametrize(
    "facts",
    [
        "",
        "[]",
        '{"seconds": 1, "notes": [], "spent": "", "table": 3, "history": null}',
        '{"seconds": 1, "notes": [], "spent": "", "table": {"header": ["a"], "rows": [[1, 2]]}, "history": null}',
        '{"seconds": 1, "notes": [], "spent": "", "table": {"title": "", "count": 1, "header": ["a"], "rows": [[{}]]}, '
        '"history": null}',
        '{"seconds": "x", "notes": [], "spent": "", "table": null, "history": {"header": []}}',
    ],
)
def test_damaged_facts_of_a_step_are_done_without(tmp_path: Path, facts: str) -> None:
    (tmp_path / FACTS).write_text(facts)
    report = StepReport("c", "count")
    report.recall(tmp_path)
    assert report == StepReport("c", "count")


def test_facts_of_a_step_come_back(tmp_path: Path) -> None:
    history = {"title": "", "header": ["epoch", "loss"], "count": 2, "rows": [[1, 0.5], [2, None]]}
    table = {"title": "t", "header": ["a"], "count": 900, "rows": []}
    report = StepReport("c", "train", seconds=1.5, notes=["a"], table=table, spent="2 epochs", history=history)
    report.keep(tmp_path)
    other = StepReport("c", "train")
    other.recall(tmp_path)
    assert other == report
