"""Every measure gives what is known beforehand, and its baselines are what they say."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from latent.models import TinyMlp, TinyProbe, make
from measures.subjects import Gaussian, Scoring, bars, linear, means, vectors

from gdl_core.errors import DataError, UnknownNameError
from gdl_core.measures import (
    MEASURES,
    active_units,
    factors,
    knn,
    plane_fill,
    posterior,
    reconstruction,
    smoothness,
    strays,
)
from gdl_core.measures.neighbours import nearest
from gdl_core.measures.subject import Measurement, Subject, to_table
from gdl_core.noise import Noise
from gdl_core.specs import load_target
from gdl_core.values import Column

BARS = bars()
PCA = linear(BARS)


def by_name(found: list[Measurement]) -> dict[str, Measurement]:
    assert len({one.name for one in found}) == len(found)
    return {one.name: one for one in found}


def test_principal_components_reconstruct_as_their_own_baseline() -> None:
    (one,) = reconstruction.measure(PCA)
    assert one.value == pytest.approx(one.baselines["PCA-2"], rel=1e-4)
    x = BARS.tensor(BARS.held_out)
    mean = BARS.tensor(BARS.train).mean(0)
    assert one.baselines["mean sample"] == pytest.approx(float((x - mean).square().mean().sqrt()), rel=1e-4)
    assert one.value < one.baselines["mean sample"]
    assert one.n == len(BARS.held_out) == 120
    small = linear(BARS, trained=replace(PCA.trained, tile=16))
    assert reconstruction.measure(small)[0].value == pytest.approx(one.value, rel=1e-5)


def test_active_units_and_kl_by_dimension() -> None:
    x = np.random.default_rng(0).normal(0, 2, (4000, 3))
    subject = Subject(make(Gaussian, (3,)), vectors(x), Noise(0))
    active, kl = active_units.measure(subject)
    assert active.value == 1.0
    assert active.unit == "of 2"
    held_out = x[::2, 0]
    truth = 0.5 * (np.mean(held_out**2) + np.exp(-2) - 1 + 2)
    assert kl.value == pytest.approx(truth, rel=1e-4)
    assert kl.note.endswith(f"{truth:.2f} 0.00")
    assert len(active_units.measure(PCA)) == 1


def test_the_kl_agrees_with_monte_carlo() -> None:
    subject = Subject(make(Gaussian, (3,)), vectors(np.random.default_rng(0).normal(size=(200, 3))), Noise(0))
    closed = by_name(active_units.measure(subject))["KL to the prior"].value
    q = subject.held_out_posterior
    assert q.log_var is not None
    normal = torch.distributions.Normal(q.mean, (0.5 * q.log_var).exp())
    z = q.mean + (0.5 * q.log_var).exp() * Noise(3).normal(2000, q.mean.shape)
    estimate = (normal.log_prob(z) - torch.distributions.Normal(0.0, 1.0).log_prob(z)).sum(-1).mean()
    assert closed == pytest.approx(float(estimate), rel=0.01)


def test_ks_distance_is_the_largest_gap() -> None:
    z = Noise(1).normal(300, (2,)) * torch.tensor([1.0, 0.2]) + torch.tensor([0.0, 1.0])
    grid = np.linspace(-5, 5, 200_001)
    for column, distance in zip(z.double().numpy().T, posterior.ks_distance(z), strict=True):
        empirical = np.searchsorted(np.sort(column), grid, side="right") / 300
        gap = np.abs(empirical - torch.special.ndtr(torch.from_numpy(grid)).numpy()).max()
        assert float(distance) == pytest.approx(gap, abs=1e-3)


def test_the_aggregate_posterior_is_told_from_the_prior() -> None:
    rng = np.random.default_rng(0)
    near = vectors(rng.normal(0, (1 - np.exp(-2)) ** 0.5, (4000, 3)))
    wide = vectors(rng.normal(3, 4, (4000, 3)))
    found = [by_name(posterior.measure(Subject(make(Gaussian, (3,)), data, Noise(0)))) for data in (near, wide)]
    worst = [table["distance from N(0, 1), worst dimension"] for table in found]
    assert worst[0].value < 0.04
    assert worst[0].baselines["true normal numbers"] < 0.04
    assert worst[1].value > 0.3
    assert found[1]["mean of a dimension, farthest from 0"].value == pytest.approx(3, abs=0.3)
    assert found[1]["standard deviation, largest dimension"].value == pytest.approx(4, abs=0.3)
    assert found[1]["standard deviation, smallest dimension"].value == pytest.approx(1, abs=0.1)


def test_uniform_p_fills_the_plane() -> None:
    truth = Noise(2).normal(8000, (2,))
    counts = plane_fill.cell_counts(truth)
    assert counts.sum() == 8000
    assert plane_fill.filled(counts) == 1.0
    assert plane_fill.unevenness(counts) == pytest.approx(1.0, abs=0.25)
    narrow = plane_fill.cell_counts(0.3 * truth)
    assert plane_fill.filled(narrow) < 0.5
    assert plane_fill.unevenness(narrow) > 10
    assert plane_fill.cell_counts(torch.tensor([[9.0, -9.0]]))[19, 0] == 1
    found = by_name(plane_fill.measure(Subject(make(TinyMlp, BARS.shape, latent=3), BARS, Noise(0))))
    assert len(found) == 4
    share = found["filled share of the p plane, posterior means"]
    assert 0 < share.value < share.baselines["prior"] == pytest.approx(1 - (1 - 1 / 400) ** 120, abs=0.05)
    assert plane_fill.measure(linear(BARS, latent=1)) == []


def test_knn_votes_like_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    train, asked = torch.from_numpy(rng.normal(size=(90, 3))), torch.from_numpy(rng.normal(size=(40, 3)))
    known, true = torch.from_numpy(rng.integers(0, 3, 90)), torch.from_numpy(rng.integers(0, 3, 40))
    hits = 0
    for point, label in zip(asked, true, strict=True):
        order = (train - point).norm(dim=1).argsort()[:7]
        votes = known[order].tolist()
        most = max(votes.count(one) for one in votes)
        # among the labels with most votes, the one whose votes stand nearest
        rank = {
            one: sum(place for place, vote in enumerate(votes) if vote == one)
            for one in votes
            if votes.count(one) == most
        }
        hits += min(rank, key=lambda one: rank[one]) == int(label)
    assert knn.knn_accuracy(train, known, asked, true, k=7) == hits / 40


def test_labels_that_are_in_the_codes_are_found() -> None:
    (one,) = knn.measure(PCA)
    assert one.name == "k-NN accuracy, label"
    assert one.value == one.baselines["PCA-2"] > 0.9
    true, known = BARS.columns["label"].values[BARS.held_out], BARS.columns["label"].values[BARS.train]
    assert one.baselines["commonest label"] == pytest.approx((true == np.bincount(known).argmax()).mean())
    assert knn.measure(linear(BARS, column="height")) == []
    shuffled = np.random.default_rng(0).permutation(BARS.columns["label"].values)
    nonsense = replace(BARS, columns={"label": Column(shuffled, ("a", "b", "c"))})
    assert knn.measure(linear(nonsense))[0].value == pytest.approx(1 / 3, abs=0.15)


def test_neighbours_are_the_nearest_in_every_chunk() -> None:
    asked, known = Noise(1).normal(1100, (5,)), Noise(2).normal(300, (5,)) + 100
    distances, indices = nearest(asked, known, 3)
    plain = (asked[:, None].double() - known.double()).norm(dim=2).sort(dim=1)
    assert torch.allclose(distances.double(), plain.values[:, :3], atol=1e-3)
    assert (indices == plain.indices[:, :3]).float().mean() > 0.999
    assert nearest(asked[:2], known[:2], 9)[0].shape == (2, 2)


def test_a_copy_of_many_numbers_is_at_no_distance() -> None:
    known = 200 + Noise(1).normal(700, (3000,))
    apart, found = nearest(known[[5, 600]], known, 2)
    assert apart[:, 0].tolist() == [0.0, 0.0]
    assert found[:, 0].tolist() == [5, 600]
    assert torch.allclose(apart[:, 1], torch.full((2,), 77.0), atol=4)


def test_r_squared_knows_what_can_be_read() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2000, 2))
    data = vectors(
        x,
        line=Column(3 * x[:, 0] - x[:, 1] + 7),
        curve=Column(x[:, 0] ** 2),
        chance=Column(rng.normal(size=2000)),
        flat=Column(np.ones(2000)),
    )
    found = by_name(factors.measure(linear(data)))
    assert found["R² of line, linear"].value == pytest.approx(1.0, abs=1e-6)
    assert found["R² of line, linear"].baselines["PCA-2"] == pytest.approx(1.0, abs=1e-6)
    assert found["R² of curve, linear"].value < 0.1
    assert found["R² of curve, 10 nearest codes"].value > 0.8
    assert found["R² of chance, linear"].value < 0.05
    assert found["R² of chance, 10 nearest codes"].value < 0.05
    assert found["R² of flat, linear"].value == 0.0
    assert len(factors.measure(linear(BARS))) == 4
    assert len(factors.measure(linear(BARS, column="height"))) == 2
    assert factors.measure(linear(BARS, column="label")) == []


def test_a_linear_decoder_is_smooth_and_a_step_is_not() -> None:
    even = by_name(smoothness.measure(PCA))["largest step over mean step along a line, median"]
    assert even.value == pytest.approx(1.0, abs=1e-3)
    assert even.n == 60
    trained = make(type(PCA.trained.model), BARS.shape)
    trained.model.load_state_dict(PCA.trained.model.state_dict())
    decode = trained.model.decode
    trained.model.decode = lambda z: decode(torch.where(z > 0, 1.0, -1.0))
    jumpy = smoothness.measure(linear(BARS, trained=trained))
    assert 4 < jumpy[0].value <= 32.01
    assert "left out" in jumpy[0].note
    trained.model.decode = lambda z: decode(0 * z)
    assert smoothness.measure(linear(BARS, trained=trained)) == []


def test_strays_are_refused_and_real_ones_are_not() -> None:
    cloud = vectors(np.random.default_rng(0).normal(size=(3000, 2)) * [3, 1])
    found = by_name(strays.measure(linear(cloud)))
    near, far = found["accepted decodes at distance 0.5"], found["accepted decodes at distance 8"]
    assert near.baselines["held-out samples"] == pytest.approx(0.95, abs=0.01)
    assert found["accepted reconstructions"].value == pytest.approx(0.95, abs=0.05)
    assert near.value > 0.98
    assert far.value == 0.0
    assert 0.2 < found["accepted decodes in the bounding box of the codes"].value < 0.9
    pictures = by_name(strays.measure(PCA))["accepted reconstructions"]
    assert pictures.baselines["independent pixels"] < 0.05
    assert pictures.baselines["mean sample"] == 0.0
    assert pictures.value < 0.5  # two components are not enough for these pictures, and that is told
    assert "accepted samples" not in found  # principal components have no prior
    assert "accepted samples" in by_name(strays.measure(Subject(make(TinyMlp, BARS.shape), BARS, Noise(0))))


@pytest.mark.parametrize("spec", MEASURES, ids=lambda spec: spec.name)
def test_measures_repeat_and_tell_where_they_come_from(spec) -> None:  # type: ignore[no-untyped-def]
    measure = load_target(spec.target)
    kind = {"classifies": TinyProbe, "scores": Scoring}.get(spec.roles[0], TinyMlp)
    judge = make(TinyProbe, BARS.shape) if spec.name in ("attribute_shares", "dependence") else None
    other = Subject(
        make(kind, BARS.shape), BARS, Noise(0), extractor=judge, inception=means() if spec.weights else None
    )
    whole = other if {"samples", "classifies", "scores"} & set(spec.roles) else PCA
    first, second = (measure(replace(whole)) for _ in range(2))  # a new subject each time, which keeps nothing yet
    assert set(spec.roles) <= whole.trained.model.roles()
    assert first
    assert first == second
    for one in first:
        assert isinstance(one.value, float)
        assert np.isfinite(one.value)
        assert one.baselines
        assert all(isinstance(value, float) for value in one.baselines.values())
        assert 0 < one.n <= len(BARS)
        assert one.name
        assert one.better in ("lower", "higher", "none")


def test_the_list_of_measures_needs_no_torch() -> None:
    program = "import sys, gdl_core.measures as m; print(len(m.MEASURES), 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.split() == [
        "17",
        "False",
    ]


def test_every_measure_has_its_row_in_the_page_about_them() -> None:
    page = (Path(__file__).parents[2] / "docs/measures.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    told = {row[0].strip("|` "): row[1] for row in rows}
    assert set(told) == {spec.name for spec in MEASURES}
    for spec in MEASURES:
        assert told[spec.name].split(";")[0] == ", ".join(spec.roles)
        assert (f"the extra `{spec.extra}`" in told[spec.name]) == bool(spec.extra)
        assert ("a probe" in told[spec.name]) == spec.judged


def test_a_limit_takes_the_same_random_few_everywhere() -> None:
    few = linear(BARS, limit=50)
    assert len(few.train) == len(few.held_out) == 50
    assert (np.diff(few.train) > 0).all()
    assert set(few.held_out) < set(BARS.held_out.tolist())
    assert (few.held_out == linear(BARS, limit=50, noise=Noise(5)).held_out).all()
    assert len(few.held_out_codes) == 50
    assert reconstruction.measure(few)[0].n == 50
    assert (linear(BARS, limit=50, noise=Noise(6)).held_out != few.held_out).any()


def test_what_cannot_be_measured_is_said() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'label'"):
        linear(BARS, column="lable")
    with pytest.raises(DataError, match="shape"):
        Subject(make(TinyMlp, (1, 4, 4)), BARS, Noise(0))
    with pytest.raises(DataError, match="at least two"):
        linear(replace(BARS, held_out=np.array([3])))
    broken = make(TinyMlp, BARS.shape)
    broken.model.decode = lambda z: torch.full((len(z), *BARS.shape), torch.nan)  # type: ignore[method-assign]
    with pytest.raises(DataError, match=r"120 of 120 samples of tiny/tinymlp have values that are not finite"):
        _ = Subject(broken, BARS, Noise(0), limit=120).made


def test_the_table_sets_models_and_baselines_side_by_side() -> None:
    first = Measurement("error", 1.0, "px", "lower", {"mean": 3.0, "PCA": 2.0}, 10, "a note")
    second = Measurement("error", 1.5, "px", "lower", {"mean": 3.0, "PCA": 2.5}, 10)
    only = Measurement("size", 7.0, better="none")
    table = to_table([("vae", [first, only]), ("plain", [second])], "numbers")
    assert table.header == ("measure", "vae", "plain", "unit", "better", "baselines", "n", "note")
    assert table.title == "numbers"
    assert table.rows[0] == ("error", 1.0, 1.5, "px", "lower", "mean 3; PCA 2 (vae), 2.5 (plain)", 10, "a note")
    assert table.rows[1] == ("size", 7.0, None, "", "", "", 0, "")


def test_notes_that_differ_name_their_model() -> None:
    here = [(name, [Measurement("error", 1.0, note=f"of {name}")]) for name in ("vae", "plain")]
    assert to_table(here).column("note") == ("vae: of vae; plain: of plain",)
