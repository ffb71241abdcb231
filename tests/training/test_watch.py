"""A game that goes wrong is told of while it is played; one that goes well is not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from training.toys import Duel, Toy, ToyConfig, fingerprint, fit, make, pictures

from gdl_core.contracts import Batch, Losses, Player
from gdl_core.errors import CancelledError, TrainingError
from gdl_core.noise import Noise
from gdl_core.training.watch import DIVERSITY, NEAREST, SETTLED, Watch, mean_distance, nearest_distance

Row = dict[str, float]


def watch(**options: Any) -> Watch:
    model = make(Duel)
    return Watch(model, list(model.players()), pictures(), Noise(0), **options)


def points(*parts: Row, first: int = SETTLED) -> list[Row]:
    return [{"epoch": n, "step": first + 10 * n, **part} for n, part in enumerate(parts)]


def judged(real: float, fake: float, loss: float = 1.0, distance: float = 1.0) -> Row:
    names = ("real_accuracy", "fake_accuracy", "loss", "distance")
    return {f"critic_{name}": value for name, value in zip(names, (real, fake, loss, distance), strict=True)}


WRONG: dict[str, list[Row]] = {
    "mode collapse": [{DIVERSITY: value} for value in (0.9, 0.2, 0.1, 0.02)],
    "mode collapse again and again": [{DIVERSITY: value} for value in (0.9, 0.1, 0.9, 0.2, 0.6, 0.9, 0.24)],
    "the samples scatter": [{DIVERSITY: value} for value in (12.0, 30.0, 20.0)],
    "the critic wins": [judged(0.99, 1.0, 0.01)] * 3,
    "the critic cannot tell": [judged(1.0, 0.01, 1.4, 0.0)] * 3,
    "the critic is held flat": [judged(0.9, 0.9, 1.38, 0.001)] * 3,
    "the critic's penalty explodes": [{"critic_penalty": value} for value in (0.1, 0.3, 0.2, 21.0)],
}
FINE: dict[str, list[Row]] = {
    "nothing": [{}] * 5,
    "a generator that begins alike and learns": [{DIVERSITY: value} for value in (0.01, 0.05, 0.1, 0.2, 0.6)],
    "one odd interval": [{DIVERSITY: value} for value in (0.9, 0.9, 0.1, 0.9, 0.1)],
    "two falls, long ago": [{DIVERSITY: value} for value in (0.9, 0.1, 0.9, 0.1, *([0.9] * 30), 0.1)],
    "a critic that has met its match": [judged(0.8, 0.7)] + [judged(0.5, 0.51, 1.38, 0.0)] * 5,
    "a critic whose threshold is off": [judged(0.0, 1.0, 1.9, 0.1)] * 5,
    "a good critic": [judged(0.95, 0.99, 0.3, 4.0)] * 5,
    "a penalty that grows at first": [{"critic_penalty": value} for value in (0.001, 0.03, 0.1, 0.3, 0.6)],
    "a penalty on some points": [{"critic_penalty": 0.1}, {}, {"critic_penalty": 0.2}, {}, {}],
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_goes_wrong_is_called_by_its_name(kind: str) -> None:
    (found,) = watch().found(points(*WRONG[kind])).items()
    assert found[0] == kind
    assert "try " in found[1]
    assert "\n" not in found[1]


@pytest.mark.parametrize("kind", WRONG)
def test_it_takes_more_than_one_point(kind: str) -> None:
    rows = points(*WRONG[kind])
    assert watch().found(rows[:-1]) == {}
    assert watch().found(rows[-1:]) == {}


@pytest.mark.parametrize("kind", FINE)
def test_what_is_fine_is_not_told(kind: str) -> None:
    for end in range(1, len(FINE[kind]) + 1):
        assert watch().found(points(*FINE[kind][:end])) == {}


@pytest.mark.parametrize("kind", [kind for kind in WRONG if "penalty" not in kind])
def test_new_networks_are_given_time(kind: str) -> None:
    assert watch().found(points(*WRONG[kind], first=0)) == {}


def test_a_penalty_that_is_huge_from_the_start() -> None:
    assert "the critic's penalty explodes" in watch().found(points(*[{"critic_penalty": 1e6}] * 4))


def test_each_fault_is_told_once() -> None:
    looked, told = watch(), []
    looked.tell = told.append
    rows = points(*WRONG["the critic wins"], *[judged(1.0, 1.0, 0.0)] * 4)
    logged = [looked.point(rows[: end + 1]) for end in range(len(rows))]
    assert told == looked.notes == logged[2]["notes"]
    assert told[0].startswith("the critic wins at step 120: it judged 99.0% of real and 100.0% of made samples rightly")
    assert [row.keys() & {"notes"} for row in logged] == [set(), set(), {"notes"}, *[set()] * 4]
    assert "notes" not in rows[2], "the curve holds numbers alone"
    again = watch()
    assert again.replay(rows) == logged
    assert again.notes == told


def test_collapse_stops_a_training_that_is_to_stop() -> None:
    rows = points(*WRONG["mode collapse"])
    assert "mode collapse" in watch().point(rows)["notes"][0]
    watch().go_on(rows, 0.5)
    watch(stop=True).go_on(rows, 0.2)
    with pytest.raises(TrainingError, match=r"mode collapse at step 130: new samples differ .* only 0\.02 times"):
        watch(stop=True).go_on(rows, 0.5)


def test_few_kinds_are_a_collapse_too_however_far_apart() -> None:
    rows = points(*[{DIVERSITY: 0.8, NEAREST: value} for value in (0.7, 0.2, 0.1, 0.05)])
    (told,) = watch().found(rows).values()
    assert told.startswith(
        "new samples differ from the nearest other of 48 only 0.05 times as much as training samples"
    )
    assert watch().found(points(*[{DIVERSITY: 0.8, NEAREST: value} for value in (0.05, 0.1, 0.2, 0.4)])) == {}


@given(st.integers(2, 9), st.floats(0.1, 10), st.integers(0, 99))
def test_the_mean_distance_is_that_of_pairs(n: int, scale: float, seed: int) -> None:
    x = torch.randn(n, 2, 3, generator=torch.Generator().manual_seed(seed))
    pairs = [float((x[i] - x[j]).norm()) for i in range(n) for j in range(i)]
    assert mean_distance(x) == pytest.approx(sum(pairs) / len(pairs), rel=1e-5)
    assert mean_distance(scale * x + 1) == pytest.approx(scale * mean_distance(x), rel=1e-3)


@given(st.integers(2, 9), st.floats(0.1, 10), st.integers(0, 99))
def test_the_nearest_distance_is_that_to_the_nearest_other(n: int, scale: float, seed: int) -> None:
    x = torch.randn(n, 2, 3, generator=torch.Generator().manual_seed(seed))
    each = [min(float((x[i] - x[j]).norm()) for j in range(n) if i != j) for i in range(n)]
    assert nearest_distance(x) == pytest.approx(sum(each) / n, rel=1e-5)
    assert nearest_distance(scale * x + 1) == pytest.approx(scale * nearest_distance(x), rel=1e-3)


class Sampling(Duel):
    """A duel whose generator can be asked for samples, of which all are one."""

    def __init__(self, config: ToyConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.latent_shape = (3,)

    def prior(self, n: int, noise: Noise) -> Tensor:
        return noise.normal(n, (3,))

    def decode(self, z: Tensor) -> Tensor:
        return torch.zeros(len(z), *self.data_shape)


def test_what_is_told_is_in_the_log_and_the_same_after_a_break(tmp_path: Path) -> None:
    told: list[str] = []
    options = {"duration": "160 steps", "every": "10 steps"}
    whole = fit(make(Sampling), tmp_path / "whole", tell=told.append, **options)
    assert [note.partition(":")[0] for note in told] == ["mode collapse at step 120"]
    assert whole.notes == tuple(told)
    assert whole.history.column(DIVERSITY) == (0.0,) * 16
    assert "notes" not in whole.history.header
    lines = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line.get("notes") == told] == [120]

    asked = iter([False] * 137)
    with pytest.raises(CancelledError):
        fit(make(Sampling), tmp_path / "broken", cancelled=lambda: next(asked, True), **options)
    resumed = fit(make(Sampling), tmp_path / "broken", **options)
    assert resumed.notes == whole.notes
    assert resumed.history == whole.history
    assert (tmp_path / "broken" / "log.jsonl").read_bytes() == (tmp_path / "whole" / "log.jsonl").read_bytes()


def test_a_collapse_that_is_to_stop_the_training_does(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="mode collapse at step 120"):
        fit(make(Sampling), tmp_path, duration="160 steps", every="10 steps", collapse="stop")
    last = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert (last["step"], last[DIVERSITY]) == (120, 0.0), "the point that decided it is in the log"


def test_watching_changes_no_weight(tmp_path: Path) -> None:
    watched, alone = make(Sampling), make(Duel)
    fit(watched, tmp_path / "a", duration="9 steps", every="1 steps")
    fit(alone, tmp_path / "b", duration="9 steps", every="1 steps")
    assert fingerprint(watched) == fingerprint(alone)


def test_a_single_player_is_not_compared(tmp_path: Path) -> None:
    class Alone(Toy):
        def players(self) -> Sequence[Player]:
            return [Player("toy", [self], self.loss)]

        def loss(self, batch: Batch) -> Losses:
            return {**super().loss(batch), "real_accuracy": torch.ones(()), "fake_accuracy": torch.ones(())}

        def sample(self, n: int, noise: Noise, **options: Any) -> Tensor:
            raise AssertionError("nobody asks")

    trained = fit(make(Alone), tmp_path, duration="160 steps", every="10 steps")
    assert trained.notes == ()
    assert DIVERSITY not in trained.history.header
