"""Shares of categories, how they go together, and a probe's accuracy, where the truth is known."""

from __future__ import annotations

from dataclasses import replace
from math import comb, log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from latent.models import TinyConfig, TinyProbe, make
from torch import Tensor

from gdl_core.contracts import Model
from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError
from gdl_core.measures import accuracy, attribute_shares, dependence
from gdl_core.measures.intervals import wilson
from gdl_core.measures.judged import total_variation
from gdl_core.measures.subject import Measurement, Subject
from gdl_core.noise import Noise
from gdl_core.values import Column

YES_NO = ("no", "yes")


def faces(n: int = 2000, seed: int = 0) -> Dataset:
    """Two numbers a sample: whether it is male, and whether it has a beard, which half of the male ones have."""
    rng = np.random.default_rng(seed)
    male = rng.random(n) < 0.5
    beard = male & (rng.random(n) < 0.5)
    columns = {
        "male": Column(male.astype(np.int64), YES_NO),
        "beard": Column(beard.astype(np.int64), YES_NO),
        "age": Column(rng.random(n)),
    }
    return Dataset("faces", np.stack([male, beard], 1).astype(np.float32), columns, np.arange(0, n, 2), f"{n}-{seed}")


FACES = faces()


class Seer(Model):
    """Reads both columns off a sample."""

    def __init__(self, config: TinyConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.anchor = torch.nn.Parameter(torch.zeros(1))

    def classify(self, x: Tensor) -> dict[str, Tensor]:
        return {name: torch.stack([1 - x[:, i], x[:, i]], 1) for i, name in enumerate(("male", "beard"))}


class Painter(Model):
    """Makes faces: as the data are, with each column right by itself, or all without a beard."""

    how = "right"

    def __init__(self, config: TinyConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = (2,)
        self.anchor = torch.nn.Parameter(torch.zeros(1))

    def prior(self, n: int, noise: Noise) -> Tensor:
        return noise.uniform(n, (2,))

    def decode(self, z: Tensor) -> Tensor:
        male = z[:, 0] < 0.5
        beard = {"right": male & (z[:, 1] < 0.5), "apart": z[:, 1] < 0.25, "none": z[:, 1] < 0}[self.how]
        return torch.stack([male, beard], 1).float()


def subject(how: str, dataset: Dataset = FACES) -> Subject:
    painter = make(Painter, (2,))
    painter.model.how = how
    seer = replace(make(Seer, (2,)), fingerprint="abcdef0123")
    return Subject(painter, dataset, Noise(3), extractor=seer)


def told(found: list[Measurement]) -> dict[str, Measurement]:
    assert len({one.name for one in found}) == len(found)
    return {one.name: one for one in found}


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (1, 10, 0.0179, 0.4042), (15, 148, 0.0624, 0.1605)],
)
def test_intervals_have_their_tabled_values(hits: int, n: int, low: float, high: float) -> None:
    assert wilson(hits, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 500), st.data())
def test_an_interval_is_where_the_score_test_does_not_refuse(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    low, high = wilson(hits, n)
    assert 0 <= low <= hits / n <= high <= 1
    for bound in (low, high):
        if 0 < bound < 1:
            assert abs(hits / n - bound) == pytest.approx(
                1.959964 * (bound * (1 - bound) / n) ** 0.5, rel=1e-5, abs=1e-9
            )
    assert wilson(n - hits, n) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize("share", [0.03, 0.2, 0.5])
def test_an_interval_covers_the_truth_about_as_often_as_it_says(share: float) -> None:
    n = 200
    covered = sum(
        comb(n, hits) * share**hits * (1 - share) ** (n - hits)
        for hits in range(n + 1)
        if wilson(hits, n)[0] <= share <= wilson(hits, n)[1]
    )
    assert 0.93 < covered < 0.97


@given(st.lists(st.integers(1, 50), min_size=2, max_size=6), st.lists(st.integers(1, 50), min_size=2, max_size=6))
@settings(max_examples=30)
def test_laws_of_total_variation_and_mutual_information(first: list[int], second: list[int]) -> None:
    a, b = (np.array(counts) / np.sum(counts) for counts in (first, second))
    product = a[:, None] * b
    assert dependence.mutual_information(product) == pytest.approx(0, abs=1e-12)
    assert np.allclose(dependence.independent(product), product)
    same = np.diag(a)  # each column tells all of the other: the information is the entropy
    assert dependence.mutual_information(same) == pytest.approx(-(a * np.log(a)).sum())
    assert total_variation(same, np.diag(a)) == 0
    assert total_variation(dependence.independent(same), same) == pytest.approx(1 - (a**2).sum())
    assert total_variation(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 1


def test_shares_of_a_model_that_is_right() -> None:
    found = told(attribute_shares.measure(subject("right")))
    assert list(found) == [
        *("total variation of male", "share of male = no", "share of male = yes"),
        *("total variation of beard", "share of beard = no", "share of beard = yes"),
    ]
    beard = found["share of beard = yes"]
    assert beard.value == pytest.approx(0.25, abs=0.05)
    held_out = FACES.columns["beard"].values[FACES.held_out].mean()
    assert beard.baselines["held-out samples"] == pytest.approx(held_out)
    low, high = wilson(round(1000 * beard.value), 1000)
    assert beard.note.startswith(f"95 %: made {low:.3f} to {high:.3f}, held-out")
    assert beard.note.endswith("1000 made and 1000 held-out samples, both judged by tiny/seer abcdef01")
    apart = found["total variation of beard"]
    assert apart.value == pytest.approx(abs(beard.value - held_out))
    assert apart.baselines["training samples"] < 0.05
    assert apart.baselines["even noise"] == pytest.approx(0.5 - held_out, abs=0.05)
    assert "fewer" not in apart.note


def test_a_dropped_mode_is_named() -> None:
    found = told(attribute_shares.measure(subject("none")))
    held_out = int(FACES.columns["beard"].values[FACES.held_out].sum())
    assert found["share of beard = yes"].value == 0
    assert found["total variation of beard"].value == pytest.approx(held_out / 1000)
    assert found["total variation of beard"].note.endswith(
        f"fewer than in the data: yes (0 of 1000, held-out {held_out})"
    )
    assert "fewer" not in found["total variation of male"].note


def test_one_column_can_be_asked_for_and_without_a_probe_there_is_nothing() -> None:
    assert len(attribute_shares.measure(replace(subject("right"), column="male"))) == 3
    assert dependence.measure(replace(subject("right"), column="male")) == []
    for measure in (attribute_shares.measure, dependence.measure):
        assert measure(replace(subject("right"), extractor=None)) == []


def test_categories_that_the_data_do_not_name_have_numbers() -> None:
    bare = replace(FACES, columns={})
    assert "share of male = 1" in told(attribute_shares.measure(subject("right", bare)))


def test_parts_that_do_not_belong_together_are_seen_where_shares_are_right() -> None:
    right, apart = (told(dependence.measure(subject(how))) for how in ("right", "apart"))
    name, information = "total variation of male with beard", "mutual information of male and beard"
    assert list(right) == [name, information]
    # male and beard are ¼, ¼, ½, 0 in the data; independent they are 3/8, 1/8, 3/8, 1/8.
    assert right[name].value < 0.06
    assert apart[name].value == pytest.approx(0.25, abs=0.05)
    assert right[name].baselines["columns independent"] == pytest.approx(0.25, abs=0.04)
    assert right[name].baselines["training samples"] < 0.06
    truth = 0.5 * log(4 / 3) + 0.25 * log(2 / 3) + 0.25 * log(2)
    assert right[information].value == pytest.approx(truth, abs=0.03)
    assert right[information].baselines["held-out samples"] == pytest.approx(truth, abs=0.03)
    assert apart[information].value < 0.01
    assert "most apart: no with yes: " in apart[name].note or "most apart: yes with yes: " in apart[name].note
    assert (
        max(one.value for one in told(attribute_shares.measure(subject("apart"))).values() if "total" in one.name)
        < 0.05
    )


def test_of_many_columns_the_pairs_that_depend_most_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Threefold(Seer):
        def classify(self, x: Tensor) -> dict[str, Tensor]:
            both = super().classify(x)
            return {**both, "shaved": both["beard"].flip(1)}

    monkeypatch.setattr(dependence, "MOST_PAIRS", 1)
    found = dependence.measure(replace(subject("right"), extractor=make(Threefold, (2,))))
    assert [one.name for one in found] == [
        "total variation of beard with shaved",
        "mutual information of beard and shaved",
    ]
    assert "the 1 of 3 pairs that depend most" in found[0].note


def test_accuracy_stands_beside_the_commonest_category() -> None:
    found = told(accuracy.measure(Subject(make(Seer, (2,)), FACES, Noise(0))))
    assert list(found) == ["accuracy, male", "accuracy, beard"]
    assert found["accuracy, beard"].value == 1.0
    true = FACES.columns["beard"].values[FACES.held_out]
    assert found["accuracy, beard"].baselines == {
        "commonest category": pytest.approx((true == 0).mean()),
        "on training samples": 1.0,
    }
    assert found["accuracy, beard"].note == "1000 held-out samples; 95 %: 0.9962 to 1.0000"
    shuffled = Column(np.random.default_rng(0).permutation(FACES.columns["male"].values), YES_NO)
    chance = told(accuracy.measure(Subject(make(Seer, (2,)), replace(FACES, columns={"male": shuffled}), Noise(0))))
    assert chance["accuracy, male"].value == pytest.approx(0.5, abs=0.06)
    assert accuracy.measure(Subject(make(TinyProbe, (2,)), FACES, Noise(0))) == []
    other = replace(make(Seer, (2,)), data={"columns": {"male": ["yes", "no"]}})
    with pytest.raises(DataError, match=r"knows the categories of male in another order than .*: yes, no …, here no"):
        accuracy.measure(Subject(other, FACES, Noise(0)))
