"""Both errors of models in the plane: as drawn, in closed form, and by neighbours that know no truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from data.fakes import Context
from pydantic import ValidationError
from steps.doing import check, do
from steps.fitted import fitted
from steps.models import Judge, context, trained

from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError
from gdl_core.latent.tiles import sample_rows
from gdl_core.measures.precision_recall import compare
from gdl_core.measures.support import exact_shares
from gdl_core.noise import Noise
from gdl_data import points
from gdl_data.config import PointsConfig

pytest.importorskip("matplotlib")


def drawn(n: int = 4000, **settings: Any) -> Dataset:
    return points.build(PointsConfig(n=n, **settings), Context())


@pytest.mark.parametrize("shape", ["land", "grid", "moons"])
def test_what_is_told_of_a_box_is_its_closed_form(shape: str, tmp_path: Path) -> None:
    data = drawn(shape=shape, held_out=0.5)
    box = fitted("box", drawn(30, shape=shape, held_out=0.0), tmp_path)
    surroundings = context(tmp_path, "regions")
    figure = do("regions", tmp_path, surroundings, model=[box, fitted("gaussian", data, tmp_path)], data=data, n=20_000)
    told = {str(row[0]): dict(zip(figure.data.header, row, strict=True)) for row in figure.data.rows}
    assert list(told) == ["(training samples)", "box", "gaussian"]
    row = told["box"]
    assert row["wrongly made"] == pytest.approx(row["wrongly made, exact"], abs=0.015)  # 3 √(p (1 − p) / n) = 0.011
    assert row["never made"] == pytest.approx(row["never made, exact"], abs=0.03)  # two thirds of the blur at each edge
    assert row["never made"] > 0.01
    assert told["gaussian"]["never made, exact"] is None
    own = told["(training samples)"]
    assert own["wrongly made"] < 0.02
    assert own["never made"] < 0.03
    assert own["precision"] > 0.95
    assert own["samples"] == 2000
    assert own["compared"] == 2000
    assert any("a point belongs to the set if it lies " in note for note in surroundings.notes)
    assert any("99.9 % of a model's samples" in note for note in surroundings.notes)


def test_neighbours_without_truth_agree_with_the_closed_form(tmp_path: Path) -> None:
    """Balls reach beyond every edge by their radius, which halves with four times the points: so taken out, it fits."""
    data = drawn(16_000, held_out=0.5)
    box = fitted("box", drawn(30, held_out=0.0), tmp_path)
    exact = exact_shares(box.model, data.truth)  # type: ignore[arg-type]
    assert exact is not None
    made = sample_rows(box, 8000, Noise(3))
    real = data.tensor(data.held_out)
    parts = [compare(real[i : i + 2000], made[i : i + 2000]) for i in range(0, 8000, 2000)]
    many = compare(real, made)
    for share, name in zip(exact, ("precision", "recall"), strict=True):
        coarse, fine = 1 - float(np.mean([getattr(part, name) for part in parts])), 1 - getattr(many, name)
        assert coarse < fine < share
        deviation = (share * (1 - share) * (2**2 + 1) / 8000) ** 0.5
        assert 2 * fine - coarse == pytest.approx(share, abs=3 * deviation)


def test_a_collapsed_model_makes_nothing_wrong_and_little_of_the_set(tmp_path: Path) -> None:
    data = drawn(held_out=0.5)
    figure = do("regions", tmp_path, model=fitted("collapsed", data, tmp_path), data=data, n=5000, shown=50)
    row = dict(zip(figure.data.header, figure.data.rows[1], strict=True))
    assert row["never made"] > 0.8
    assert row["recall"] < 0.2
    assert row["precision"] > 0.7


def test_the_picture_is_the_same_each_time_and_nothing_is_cut(tmp_path: Path) -> None:
    data = drawn(600)
    models = [fitted(name, data, tmp_path) for name in ("box", "histogram", "copy")]
    first, second = (do("regions", tmp_path, model=models, data=data, n=1000).pixels for _ in range(2))
    assert np.array_equal(first, second)
    edge = np.concatenate([first[0], first[-1], first[:, 0], first[:, -1]])
    assert (edge == 255).all()
    for colour in ((207, 220, 200), (251, 211, 168), (169, 203, 232)):  # both, wrongly made, never made
        assert (first == colour).all(axis=-1).sum() > 200


def test_data_that_nothing_is_known_of_are_refused(tmp_path: Path) -> None:
    data = drawn(200)
    box = fitted("box", data, tmp_path)
    refused: list[tuple[Callable[[], Any], str]] = [
        (lambda: do("regions", tmp_path, model=box, data=replace_truth(data)), "is known, and of points it is not"),
        (lambda: do("regions", tmp_path, model=trained(), data=data), r"dots/dot makes samples of shape \(1, 16, 16\)"),
        (lambda: do("regions", tmp_path, model=box, data=drawn(50, held_out=0.0)), "10 held-out points or more"),
    ]
    for call, message in refused:
        with pytest.raises(DataError, match=message):
            call()
    with pytest.raises(ValidationError, match="does not sample"):
        check("regions", tmp_path, model=trained(Judge, name="dots/judge"), data=data)


def replace_truth(data: Dataset) -> Dataset:
    return Dataset(data.name, data.data, data.columns, data.held_out, data.fingerprint)


def test_it_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gdl_core.media.extras.find_spec", lambda name: None)
    _, faults = check("regions", tmp_path, model=trained(), data=drawn(50))
    assert faults == ["regions needs the extra 'plots': pip install 'gdl-toolkit[plots]'"]


def test_a_truth_enters_no_fingerprint_and_no_batch() -> None:
    data = drawn(100)
    assert data.truth is not None
    assert replace_truth(data).truth is None
    again = points.build(PointsConfig(n=100), Context())
    assert again.fingerprint == data.fingerprint
    assert torch.equal(again.tensor([3]), data.tensor([3]))
