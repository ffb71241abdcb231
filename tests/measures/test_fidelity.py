"""Precision, recall, density, coverage and memorisation, where the truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from latent.models import TinyConfig, make
from measures.subjects import bars
from torch import Tensor

from gdl_core.contracts import Model
from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError
from gdl_core.measures import memorisation, precision_recall
from gdl_core.measures.precision_recall import compare
from gdl_core.measures.spaces import Space
from gdl_core.measures.subject import Measurement, Subject
from gdl_core.noise import Noise

BARS = bars(900)


class Maker(Model):
    """Makes what it is told: training samples, a few of them, or noise."""

    how = "train"

    def __init__(self, config: TinyConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = (1,)
        self.anchor = torch.nn.Parameter(torch.zeros(1))

    def prior(self, n: int, noise: Noise) -> Tensor:
        return noise.uniform(n, (1,))

    def decode(self, z: Tensor) -> Tensor:
        rows = BARS.train if self.how == "train" else BARS.train[:5]
        if self.how == "held-out":
            rows = BARS.held_out
        if self.how == "noise":
            return z[:, :, None, None].expand(-1, *self.data_shape).contiguous()
        return BARS.tensor(rows[(z[:, 0] * len(rows)).long().numpy()])


def subject(how: str) -> Subject:
    trained = make(Maker, BARS.shape)
    trained.model.how = how
    return Subject(trained, BARS, Noise(3))


def told(found: list[Measurement]) -> dict[str, Measurement]:
    return {one.name: one for one in found}


def plainly(real: np.ndarray, made: np.ndarray, k: int) -> tuple[float, float, float, float]:
    """The four scores by their definitions, all distances at once."""

    def apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.linalg.norm(a[:, None].astype(np.float64) - b[None], axis=-1)

    real_reach = np.sort(apart(real, real), axis=1)[:, k]
    made_reach = np.sort(apart(made, made), axis=1)[:, k]
    hits = apart(made, real) <= real_reach
    return (
        hits.any(1).mean(),
        (apart(real, made) <= made_reach).any(1).mean(),
        hits.sum() / (k * len(made)),
        hits.any(0).mean(),
    )


@pytest.mark.parametrize(("n", "m", "columns"), [(700, 600, 3), (50, 80, 1), (120, 1100, 70)])
def test_scores_are_their_definitions(n: int, m: int, columns: int) -> None:
    rng = np.random.default_rng(n)
    real = rng.normal(size=(n, columns)).astype(np.float32)
    made = rng.normal(0.3, 0.7, size=(m, columns)).astype(np.float32)
    scores = compare(torch.from_numpy(real), torch.from_numpy(made))
    assert tuple(scores) == pytest.approx(plainly(real, made, 5), abs=2e-3)


def test_each_error_is_seen_by_the_score_that_is_for_it() -> None:
    torch.manual_seed(0)
    real = torch.randn(2000, 2)
    same = compare(real, torch.randn(2000, 2))
    assert min(same.precision, same.recall, same.coverage) > 0.9
    assert same.density == pytest.approx(1.0, abs=0.1)
    far = compare(real, torch.randn(2000, 2) + 100)
    assert far == (0.0, 0.0, 0.0, 0.0)
    half = compare(real, torch.randn(2000, 2).abs() * torch.tensor([1.0, 1.0]))  # one quarter of the plane
    assert half.precision > 0.9
    assert half.recall < 0.4
    assert half.coverage < 0.4
    wide = compare(real, 5 * torch.randn(2000, 2))
    assert wide.recall > 0.9
    assert wide.precision < 0.6


def test_training_samples_reach_the_baseline_and_few_of_them_do_not() -> None:
    good, few, noise = (told(precision_recall.measure(subject(how))) for how in ("train", "few", "noise"))
    for name in ("precision", "recall", "coverage"):
        assert good[name].value == pytest.approx(good[name].baselines["training samples"], abs=0.08)
        assert noise[name].value < 0.3
    assert few["precision"].value > 0.9
    assert few["recall"].value < 0.1
    assert few["coverage"].value < 0.3
    memoriser = good["recall"].baselines["18 training samples repeated"]
    assert memoriser < 0.3
    assert "180 made and 180 held-out samples, in 32 principal components; k = 5" in good["recall"].note


def test_copies_are_caught_and_new_samples_are_not() -> None:
    (copies,) = memorisation.measure(subject("train"))
    (new,) = memorisation.measure(subject("held-out"))
    assert copies.value == 1.0
    assert new.value < 0.05
    assert new.baselines["held-out samples"] == pytest.approx(0.01, abs=0.01)


@pytest.mark.parametrize("limit", [10_000, 60])
def test_a_copy_is_found_wherever_its_original_stands(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memorisation, "_NUMBERS", 7 * BARS.data[0].size)  # in many parts
    monkeypatch.setattr(memorisation, "MOST", 50)
    trained = make(Maker, BARS.shape)
    trained.model.how = "train"
    (copies,) = memorisation.measure(Subject(trained, BARS, Noise(3), limit))
    assert copies.value == 1.0
    assert copies.n == 50
    assert f"all {len(BARS.train)} training samples" in copies.note


def test_points_are_compared_as_they_are() -> None:
    rng = np.random.default_rng(0)
    points = Dataset("points", rng.normal(size=(300, 2)).astype(np.float32), {}, np.arange(0, 300, 3), "p")
    trained = make(Maker, (2,))
    space = Space(Subject(trained, points, Noise(0)))
    assert space.name == "as they are"
    assert torch.equal(space.real, points.tensor(points.held_out))


def test_features_of_a_probe_are_the_space_where_there_is_one() -> None:
    class Judge(Model):
        def __init__(self, config: TinyConfig, data_shape: tuple[int, ...]) -> None:
            super().__init__(config, data_shape)
            self.anchor = torch.nn.Parameter(torch.zeros(1))

        def classify(self, x: Tensor) -> dict[str, Tensor]:
            return {"label": torch.ones(len(x), 1)}

        def features(self, x: Tensor) -> Tensor:
            return x.flatten(1).sum(1, keepdim=True)

    judge = replace(make(Judge, BARS.shape), fingerprint="abcdef0123")
    judged = replace(subject("train"), extractor=judge)
    space = Space(judged)
    assert space.name == f"in features of {judge.name} abcdef01"
    assert torch.allclose(space.real[:, 0], BARS.tensor(BARS.held_out).flatten(1).sum(1))
    with pytest.raises(DataError, match="the features are of a model for samples of shape"):
        replace(subject("train"), extractor=make(Judge, (1, 4, 4)))
