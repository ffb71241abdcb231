"""Samples beside their nearest training samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from steps.doing import do
from steps.models import context, dataset, trained
from torch import Tensor

from gdl_core.errors import DataError
from gdl_core.noise import Noise


def _copier(shift: float) -> object:
    """Return a model whose samples are the first training samples, a little darker."""
    model = trained()
    data = dataset()

    def sample(n: int, noise: Noise, **options: object) -> Tensor:
        return data.tensor(data.train[:n]) * (1 - shift)

    model.model.sample = sample  # type: ignore[method-assign]
    return replace(model, tile=8)


@pytest.mark.parametrize("shift", [0.0, 0.02])
def test_copies_stand_above_what_they_are_copies_of(shift: float, tmp_path: Path) -> None:
    data = dataset()
    notes = context(tmp_path, "same")
    images = do("neighbours", tmp_path, notes, model=_copier(shift), data=data, n=8, k=3)
    assert images.columns == 8
    assert images.rows == ("sample", "nearest", "2.", "3.")
    originals = data.pixels(data.train[:8])
    assert np.array_equal(images.pixels[8:16], originals)
    assert np.array_equal(images.pixels[:8], originals) == (shift == 0)


def test_second_neighbours_are_farther_than_first_ones(tmp_path: Path) -> None:
    data = dataset()
    images = do("neighbours", tmp_path, model=trained(), data=data, n=6, k=2)
    made, first, second = (torch.from_numpy(images.pixels[start : start + 6]).double() for start in (0, 6, 12))
    near, far = ((made - other).square().flatten(1).sum(1) for other in (first, second))
    assert bool((near <= far * 1.05).all())


def test_in_parts_they_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = do("neighbours", tmp_path, model=trained(), data=dataset(), n=5, k=3)
    monkeypatch.setattr("gdl_core.steps.neighbours._NUMBERS", 7 * 16 * 16)
    parts = do("neighbours", tmp_path, model=trained(), data=dataset(), n=5, k=3)
    assert np.array_equal(whole.pixels, parts.pixels)


def test_a_dataset_of_other_shape_is_refused(tmp_path: Path) -> None:
    other = replace(dataset(), data=dataset().data[:, :, :8, :8])
    with pytest.raises(DataError, match="give the dataset that it was trained on"):
        do("neighbours", tmp_path, model=trained(), data=other, n=2)
