"""Evolution finds what it is to find, and one that was broken off ends as one that was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gdl_core.errors import CancelledError, CheckpointError, MissingExtraError, TrainingError
from gdl_core.noise import Noise
from gdl_core.training.evolve import EvolutionConfig, Floats, evolve

GOAL = np.linspace(-1, 1, 12)


def near(candidates: Floats, generation: int) -> Floats:
    return -np.square(candidates - GOAL).sum(1)


def settings(**more: Any) -> EvolutionConfig:
    return EvolutionConfig.model_validate(
        {"generations": 40, "population": 12, "sigma": 0.3, "weight_decay": 0, "keep_seconds": 0, **more}
    )


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
def test_it_comes_near(tmp_path: Path, covariance: str) -> None:
    found = evolve(near, np.zeros(12), settings(covariance=covariance, generations=80), tmp_path, Noise(1))
    assert np.abs(found.mean - GOAL).max() < 0.15
    first, last = found.history.rows[0], found.history.rows[-1]
    assert found.history.header == ("generation", "mean", "best", "worst", "step_size")
    assert last[1] > first[1] + 3  # type: ignore[operator]
    assert last[0] == 80


@pytest.mark.parametrize("covariance", ["diagonal", "full"])
@pytest.mark.parametrize("stop", [1, 17])
def test_broken_off_it_ends_the_same(tmp_path: Path, covariance: str, stop: int) -> None:
    config = settings(covariance=covariance)
    whole = evolve(near, np.zeros(12), config, tmp_path / "whole", Noise(1))
    asked, evaluated = 0, []

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > stop

    with pytest.raises(CancelledError, match=f"generation {stop}"):
        evolve(near, np.zeros(12), config, tmp_path / "part", Noise(1), cancelled=cancelled)

    def watched(candidates: Floats, generation: int) -> Floats:
        evaluated.append(generation)
        return near(candidates, generation)

    part = evolve(watched, np.zeros(12), config, tmp_path / "part", Noise(1))
    assert evaluated == list(range(stop, 40))
    assert part.resumed_from == stop
    assert np.array_equal(part.mean, whole.mean)
    assert part.history == whole.history
    name = "checkpoint-000000000040.safetensors"
    again = evolve(near, np.zeros(12), config, tmp_path / "part", Noise(1))
    assert np.array_equal(again.mean, whole.mean)
    assert (tmp_path / "part" / name).is_file()


def test_other_noise_and_another_key_are_other_searches(tmp_path: Path) -> None:
    one = evolve(near, np.zeros(12), settings(generations=3), tmp_path / "one", Noise(1), key="a")
    other = evolve(near, np.zeros(12), settings(generations=3), tmp_path / "other", Noise(2), key="a")
    assert not np.array_equal(one.mean, other.mean)
    with pytest.raises(CheckpointError, match="other settings"):
        evolve(near, np.zeros(12), settings(generations=3), tmp_path / "one", Noise(1), key="b")
    with pytest.raises(CheckpointError, match="cannot be repeated"):
        evolve(near, np.zeros(12), settings(generations=9), tmp_path / "one", Noise(2), key="a")


def test_what_is_not_finite_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="12 that are not finite"):
        evolve(lambda c, g: np.full(12, np.nan), np.zeros(12), settings(), tmp_path, Noise(1))


def test_weight_decay_draws_to_zero(tmp_path: Path) -> None:
    loose = evolve(near, np.zeros(12), settings(), tmp_path / "loose", Noise(1))
    held = evolve(near, np.zeros(12), settings(weight_decay=100), tmp_path / "held", Noise(1))
    assert np.abs(held.mean).sum() < 0.5 * np.abs(loose.mean).sum()


def test_it_comes_to_the_best_mean_that_was_looked_at(tmp_path: Path) -> None:
    worth = {5: 1.0, 10: 7.0, 15: 3.0, 20: 7.0, 25: 2.0, 30: 0.0}
    means: dict[int, Floats] = {}

    def watch(mean: Floats, generation: int) -> float:
        means[generation + 1] = mean.copy()
        return worth[generation + 1]

    config = settings(generations=30, watch_every=5)
    found = evolve(near, np.zeros(12), config, tmp_path / "all", Noise(1), watch=watch)
    assert found.generation == 10
    assert np.array_equal(found.mean, means[10])
    assert found.history.header[-1] == "watched"
    assert [row[-1] for row in found.history.rows if row[-1] is not None] == list(worth.values())
    config = settings(generations=30, watch_every=5, patience=2)
    early = evolve(near, np.zeros(12), config, tmp_path / "early", Noise(1), watch=watch)
    assert (early.generations, early.generation) == (20, 10)
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 12

    with pytest.raises(CancelledError):
        evolve(near, np.zeros(12), config, tmp_path / "part", Noise(1), watch=watch, cancelled=cancelled)
    part = evolve(near, np.zeros(12), config, tmp_path / "part", Noise(1), watch=watch)
    assert part.resumed_from == 12
    assert np.array_equal(part.mean, early.mean)
    assert part.history == early.history


@pytest.mark.parametrize("where", ["in a generation", "in a look", "in the last look"])
def test_stopped_anywhere_nothing_that_was_judged_is_judged_again(tmp_path: Path, where: str) -> None:
    config = settings(generations=9, watch_every=4, keep_seconds=3600)
    at = {"in a generation": 6, "in a look": 3, "in the last look": 8}[where]
    judged: list[int] = []
    looked: list[int] = []
    stops = [at]

    def judge(candidates: Floats, generation: int) -> Floats:
        if where == "in a generation" and generation in stops:
            stops.clear()
            raise CancelledError("enough")
        judged.append(generation)
        return near(candidates, generation)

    def watch(mean: Floats, generation: int) -> float:
        if where != "in a generation" and generation in stops:
            stops.clear()
            raise CancelledError("enough")
        looked.append(generation)
        return float(near(mean[None], generation)[0])

    whole = evolve(
        near, np.zeros(12), config, tmp_path / "whole", Noise(1), watch=lambda m, g: float(near(m[None], g)[0])
    )
    with pytest.raises(CancelledError):
        evolve(judge, np.zeros(12), config, tmp_path / "part", Noise(1), watch=watch)
    part = evolve(judge, np.zeros(12), config, tmp_path / "part", Noise(1), watch=watch)
    assert judged == list(range(9))
    assert looked == [3, 7, 8]
    assert np.array_equal(part.mean, whole.mean)
    assert part.history == whole.history


def test_a_number_that_goes_one_way_for_long_is_no_fault(tmp_path: Path) -> None:
    """Warnings are errors here."""
    found = evolve(lambda found, _: found[:, -1], np.zeros(200), settings(population=64), tmp_path, Noise(1))
    assert found.mean[-1] > 3


def test_its_library_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gdl_core.training.evolve.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"gdl-toolkit\[world\]"):
        evolve(near, np.zeros(12), settings(), tmp_path, Noise(1))
