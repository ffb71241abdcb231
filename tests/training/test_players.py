"""Whose turn it is moves; everybody else holds still to the last bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from training.toys import Duel, Toy, fit, make, pictures

from gdl_core.contracts import Batch, Model, Player
from gdl_core.errors import PluginError
from gdl_core.noise import Noise
from gdl_core.training import precision
from gdl_core.training.players import Game


def _copies(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize(("number", "mover"), [(0, "critic"), (1, "generator")])
def test_a_turn_moves_one_player_and_leaves_the_rest_bit_identical(number: int, mover: str) -> None:
    model = make(Duel)
    model.train()
    game = Game(model)
    seat = game.seats[number]
    batch = Batch(pictures().tensor(range(16)), Noise(1))
    before = _copies(model)
    with game.turn(seat):
        seat.player.loss(batch)["loss"].backward()
        seat.optimiser.step()
        seat.optimiser.zero_grad()
    after = _copies(model)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved, "the player itself moved"
    assert {name.partition(".")[0] for name in moved} == {mover}
    assert f"{mover}.1.running_mean" in moved, "its own running statistics go on"
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_buffer_that_is_replaced_in_a_foreign_turn_comes_back() -> None:
    model = make(Duel)
    game = Game(model)
    kept = model.get_buffer("generator.1.running_mean")
    with game.turn(game.seats[0]):
        model.get_submodule("generator.1").running_mean = torch.full((8,), 9.0)
    assert model.get_buffer("generator.1.running_mean") is kept
    assert torch.equal(kept, torch.zeros(8))


def test_a_failing_turn_leaves_the_others_as_they_were() -> None:
    model = make(Duel)
    model.train()
    game = Game(model)
    before = _copies(model)
    assert isinstance(model, Duel)

    def turn() -> None:
        with game.turn(game.seats[0]):
            model.fakes(Batch(pictures().tensor(range(8)), Noise(1)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        turn()
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_a_game_of_two_trains_and_lets_go_in_the_end(tmp_path: Path) -> None:
    model = make(Duel)
    before = _copies(model)
    trained = fit(model, tmp_path, duration="6 steps", every="2 steps")
    assert trained.history.header[:5] == ("epoch", "step", "critic_loss", "critic_gap", "generator_loss")
    assert "held_out_critic_gap" in trained.history.header
    assert len(trained.history.rows) == 3
    assert trained.samples == 6 * 3 * 16
    changed = {n.partition(".")[0] for n, t in model.state_dict().items() if not torch.equal(before[n], t)}
    assert changed == {"critic", "generator"}, "what belongs to no player stays"
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())


def test_the_learning_rate_rises_and_falls() -> None:
    model = make(Toy)
    model.players()
    seat = Game(model).seats[0]

    def rates(**asked: Any) -> list[float]:
        seat.player = replace(seat.player, lr=2.0, **asked)
        found = []
        for progress in (0.0, 0.05, 0.1, 0.55, 1.0, 1.5):
            seat.set_rate(progress)
            found.append(seat.optimiser.param_groups[0]["lr"])
        return found

    assert rates(decay="none", warmup=0.0) == [2.0] * 6
    assert rates(decay="none", warmup=0.1) == [0.02, 1.0, 2.0, 2.0, 2.0, 2.0]
    falls = rates(decay="cosine", warmup=0.1)
    assert falls[0] == pytest.approx(0.02)
    assert falls[2] > falls[3] > falls[4] == falls[5] == pytest.approx(0.02)


class _Odd(Toy):
    """A model whose players a test chooses."""

    chosen: Sequence[Player] = ()

    def players(self) -> Sequence[Player]:
        return self.chosen


def _odd(*players: tuple[str, list[str], int]) -> Model:
    model = make(_Odd)
    assert isinstance(model, _Odd)
    stranger = nn.Linear(2, 2)
    modules = {"encoder": model.encoder, "decoder": model.decoder, "stranger": stranger, "empty": nn.Flatten()}
    model.chosen = [Player(name, [modules[m] for m in parts], model.loss, turns) for name, parts, turns in players]
    return model


@pytest.mark.parametrize(
    ("players", "words"),
    [
        ([], "no player"),
        ([("a", ["encoder"], 1), ("a", ["decoder"], 1)], "two players of _Odd are called 'a'"),
        (
            [("a", ["encoder"], 1), ("b", ["decoder", "encoder"], 1)],
            "players 'a' and 'b' of _Odd both move encoder.1.weight",
        ),
        ([("a", ["stranger"], 1)], "not part of the model"),
        ([("a", ["empty"], 1)], "no trainable parameters"),
        ([("a", ["encoder"], 0)], "at least 1"),
    ],
)
def test_a_game_that_cannot_be_played_is_refused(players: list[tuple[str, list[str], int]], words: str) -> None:
    with pytest.raises(PluginError, match=words):
        Game(_odd(*players))


@pytest.mark.parametrize("rehearsed", [False, True])
@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({}, "player 'a' of _Odd must return a 0-d tensor called 'loss'; it returned nothing"),
        ({"loss": torch.zeros(2)}, "player 'a' of _Odd must return a 0-d tensor called 'loss'; it returned loss"),
        ({"loss": torch.zeros(())}, "depends on none of the parameters"),
    ],
)
def test_a_loss_that_cannot_be_minimised_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: dict[str, torch.Tensor], words: str, rehearsed: bool
) -> None:
    monkeypatch.setattr(precision, "has_native_bf16", lambda device: rehearsed)  # a step before the first
    model = _odd(("a", ["encoder"], 1))
    model.chosen[0].loss = lambda batch: parts  # type: ignore[attr-defined]
    with pytest.raises(PluginError, match=words):
        fit(model, tmp_path)


def test_frozen_parameters_of_a_player_stay_frozen(tmp_path: Path) -> None:
    model = make()
    model.get_parameter("decoder.weight").requires_grad_(False)
    before = model.get_parameter("decoder.weight").clone()
    fit(model, tmp_path, duration="3 steps")
    assert torch.equal(before, model.get_parameter("decoder.weight"))
    assert not model.get_parameter("decoder.weight").requires_grad
    assert model.get_parameter("decoder.bias").requires_grad
