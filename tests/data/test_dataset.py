"""The contract of Dataset: what goes in, what comes out, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gdl_core.data.dataset import Dataset, fingerprint
from gdl_core.errors import DataError, UnknownNameError
from gdl_core.values import Column

PICTURES = np.arange(6 * 2 * 3, dtype=np.uint8).reshape(6, 1, 2, 3) * 7
COLUMNS = {
    "shape": Column(np.array([0, 1, 0, 1, 2, 2]), ("round", "square", "flat")),
    "smile": Column(np.array([0, 1, 1, 0, 1, 0]), ("no", "yes")),
    "height": Column(np.array([0.5, 1, 1.5, 2, 2.5, 3])),
}


def make(**changes: object) -> Dataset:
    parts: dict[str, object] = {
        "name": "toy", "data": PICTURES, "columns": COLUMNS, "held_out": np.array([4, 1]), "fingerprint": "f",
    }  # fmt: skip
    return Dataset(**{**parts, **changes})  # type: ignore[arg-type]


def test_the_sides_of_the_split_are_sorted_disjoint_and_everything() -> None:
    data = make()
    assert data.held_out.tolist() == [1, 4]
    assert data.train.tolist() == [0, 2, 3, 5]
    assert data.train.dtype == data.held_out.dtype == np.int64


def test_pictures_become_floats_from_0_to_1() -> None:
    drawn = make().tensor([3, 3, 0])
    assert drawn.dtype == torch.float32
    assert torch.equal(drawn, torch.from_numpy(PICTURES[[3, 3, 0]]).float() / 255)
    assert float(make(data=np.full_like(PICTURES, 255)).tensor([0]).max()) == 1.0


def test_vectors_stay_as_they_are() -> None:
    points = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    data = make(data=points)
    assert not data.is_pictures
    assert torch.equal(data.tensor(torch.tensor([5, 2])), torch.from_numpy(points[[5, 2]]))
    with pytest.raises(DataError, match="no pictures"):
        data.pixels([0])


def test_pixels_are_for_showing() -> None:
    pixels = make().pixels(np.array([2]))
    assert pixels.shape == (1, 2, 3, 1)
    assert (pixels[0, :, :, 0] == PICTURES[2, 0]).all()


def test_targets() -> None:
    targets = make().targets([1, 4])
    assert targets["shape"].tolist() == [1, 2]
    assert targets["shape"].dtype == torch.int64
    assert targets["height"].dtype == torch.float32
    assert targets["height"].tolist() == [1.0, 2.5]


def test_nothing_can_be_written() -> None:
    data = make()
    for array in (data.data, data.train, data.held_out, data.columns["height"].values):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    data.tensor([0]).zero_()
    assert (data.data == PICTURES).all()
    assert PICTURES.flags.writeable


def test_where() -> None:
    data = make()
    assert data.where().tolist() == [0, 1, 2, 3, 4, 5]
    assert data.where(held_out=True).tolist() == [1, 4]
    assert data.where(held_out=False).tolist() == [0, 2, 3, 5]
    assert data.where(shape="square").tolist() == [1, 3]
    assert data.where(shape="flat", smile=True).tolist() == [4]
    assert data.where(smile="no", held_out=False).tolist() == [0, 3, 5]
    assert data.where(height=2.5).tolist() == [4]
    assert data.where(height=9).tolist() == []


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        ({"smlie": "yes"}, "did you mean 'smile'"),
        ({"shape": "sqare"}, "did you mean 'square'"),
        ({"height": "tall"}, "it holds numbers"),
    ],
)
def test_where_tells_what_there_is(wanted: dict[str, str], hint: str) -> None:
    with pytest.raises(UnknownNameError, match=hint):
        make().where(**wanted)


@pytest.mark.parametrize(
    "changes",
    [
        {"data": PICTURES.astype(np.float64)},
        {"data": PICTURES[:, 0]},
        {"data": np.zeros((6, 2, 4, 4), dtype=np.uint8)},
        {"data": np.zeros(6, dtype=np.float32)},
        {"columns": {"short": Column(np.zeros(5))}},
        {"columns": {"code": Column(np.full(6, 2), ("no", "yes"))}},
        {"held_out": np.array([6])},
        {"held_out": np.array([-1])},
        {"held_out": np.array([1, 1])},
    ],
)
def test_parts_that_do_not_fit_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(DataError):
        make(**changes)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_named(wrong: float) -> None:
    points = np.zeros((6, 2), dtype=np.float32)
    points[3, 1] = wrong
    with pytest.raises(DataError, match="sample 3"):
        make(data=points)


def test_a_memory_map_stays_mapped(tmp_path) -> None:  # type: ignore[no-untyped-def]
    np.save(tmp_path / "pictures.npy", PICTURES)
    mapped = np.load(tmp_path / "pictures.npy", mmap_mode="r")
    data = make(data=mapped)
    assert np.shares_memory(data.data, mapped)
    assert torch.equal(data.tensor([5]), make().tensor([5]))


@given(st.permutations(range(6)))
def test_batches_index(order: list[int]) -> None:
    data = make()
    assert torch.equal(data.tensor(order), torch.stack([data.tensor([i])[0] for i in order]))


def test_the_fingerprint_follows_contents() -> None:
    base = fingerprint(PICTURES, COLUMNS, {"a": 1, "b": 2})
    assert base == fingerprint(PICTURES.copy(), dict(reversed(COLUMNS.items())), {"b": 2, "a": 1})
    other = PICTURES.copy()
    other[0, 0, 0, 0] ^= 1
    assert base != fingerprint(other, COLUMNS, {"a": 1, "b": 2})
    assert base != fingerprint(PICTURES, COLUMNS, {"a": 1, "b": 3})
    assert base != fingerprint(PICTURES.reshape(6, 1, 3, 2), COLUMNS, {"a": 1, "b": 2})
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
