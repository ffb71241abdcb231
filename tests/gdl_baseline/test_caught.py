"""What the measures of both errors say of the baselines, on digits: each fault is caught by the measure for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from steps.fitted import digit_pictures, fitted

from gdl_core.measures import frechet, memorisation, precision_recall
from gdl_core.measures.subject import Subject
from gdl_core.noise import Noise

Scores = Callable[[str], dict[str, tuple[float, dict[str, float]]]]


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Scores:
    """Return a function from the name of a baseline to its scores, by name, and those of its baselines."""
    folder = tmp_path_factory.mktemp("fits")

    @cache
    def score(name: str) -> dict[str, tuple[float, dict[str, float]]]:
        subject = Subject(fitted(name, digit_pictures(), Path(folder)), digit_pictures(), Noise(1))
        found = [*precision_recall.measure(subject), *memorisation.measure(subject), *frechet.measure(subject)]
        return {one.name: (one.value, dict(one.baselines)) for one in found}

    return score


def test_copies_are_caught_by_memorisation_and_by_nothing_else(scores: Scores) -> None:
    told = scores("copy")
    assert told["copies of training samples"][0] == 1.0
    for name in ("precision", "recall", "coverage"):
        value, baselines = told[name]
        assert value > 0.9 * baselines["training samples"] - 0.1


def test_a_few_modes_have_a_good_frechet_distance_and_are_caught_by_recall_and_coverage(scores: Scores) -> None:
    told = scores("few")
    distance, baselines = told["Fréchet distance"]
    assert distance < 0.1 * baselines["even noise"]
    assert distance < 0.3 * scores("collapsed")["Fréchet distance"][0]
    assert told["precision"][0] > 0.8
    assert told["recall"][0] < 0.1
    assert told["coverage"][0] < 0.6 * told["coverage"][1]["training samples"]
    assert told["copies of training samples"][0] > 0.3, "half the way to the nearest neighbour is not far"


def test_a_collapsed_model_is_caught_by_recall_and_coverage(scores: Scores) -> None:
    told = scores("collapsed")
    assert told["precision"][0] > 0.8
    assert told["copies of training samples"][0] < 0.05
    assert told["recall"][0] < 0.05
    assert told["coverage"][0] < 0.2


def test_independent_pixels_pass_for_precise_in_principal_components_and_recall_catches_them(scores: Scores) -> None:
    for name in ("box", "histogram"):
        told = scores(name)
        assert told["precision"][0] > 0.9  # noise has little of any component: it lies in the middle, among the data
        assert told["recall"][0] < 0.02
        assert told["coverage"][0] < 0.4
        assert told["copies of training samples"][0] == 0.0


def test_a_gaussian_is_better_than_independent_pixels(scores: Scores) -> None:
    assert scores("gaussian")["coverage"][0] > scores("histogram")["coverage"][0] + 0.1
    assert scores("gaussian")["recall"][0] > 0.2
