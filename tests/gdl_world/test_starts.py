"""Dreams that begin in the midst of episodes, where M remembers what came before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from world_toys import LATENT, agent, arena, memory, never, played, recipe_of, run_text, sequences, vision

from gdl_core.errors import DataError
from gdl_core.noise import Noise
from gdl_core.values import TrainedModel
from gdl_world.dream import Dream, DreamEnv, dream_of, moved
from gdl_world.gauge import earned_in_dream
from gdl_world.play import Around, dream_returns
from gdl_world.sequences import Sequences, joined, take_apart
from gdl_world.starts import _KNOWN, amid
from gdl_world.steps import dream as dream_step

SEEDS = torch.tensor([11, 12, 13])


def _told_apart(data: Sequences) -> Sequences:
    """Return the same windows with points that are all different, and no doubt about them."""
    changed = np.array(data.data)
    changed[..., LATENT : 2 * LATENT] = -60
    changed[..., :LATENT] = np.random.default_rng(1).normal(size=(*changed.shape[:2], LATENT))
    return replace(data, data=changed)


def _world(data: Sequences) -> Dream:
    mean, log_var, state = amid(memory(data), data)
    return Dream(vision(), memory(data), arena().actions, mean, log_var, 1.0, 0.9, 15, state=state)


def test_what_came_before_is_remembered(tmp_path: Path) -> None:
    data = _told_apart(sequences(played(tmp_path, n=30), 40))
    model = memory(data).requires_grad_(False)
    mean, log_var, (hidden, cell) = amid(model, data)
    assert (log_var == -60).all()
    steps = take_apart(data.tensor(data.train), data.latent, data.actions)
    places = {tuple(row.tolist()): (w, t) for w, part in enumerate(steps.mean) for t, row in enumerate(part)}
    met = set()
    for row in range(0, len(mean), 7):
        window, time = places[tuple(mean[row].tolist())]
        met.add(time)
        wanted = model.begin(1)
        if time:
            _, (output, last) = model.lstm(torch.cat((steps.mean, steps.action), 2)[window : window + 1, :time])
            wanted = output[0], last[0]
        torch.testing.assert_close(hidden[row], wanted[0][0], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(cell[row], wanted[1][0], atol=1e-5, rtol=1e-4)
        assert steps.goes_on[window, time], "a dream needs something to go on with"
        assert time >= _KNOWN or data.begins[data.train[window]]
    assert min(met) < _KNOWN < max(met)


def test_nothing_held_out_is_dreamt_of_and_few_places_are_some_of_all(tmp_path: Path) -> None:
    data = _told_apart(sequences(played(tmp_path, n=30), 40))
    held_out = take_apart(data.tensor(data.held_out), data.latent, data.actions)
    all_of_them, _, _ = amid(memory(data), data)
    assert len(all_of_them) > 100
    assert not {tuple(row.tolist()) for row in all_of_them} & {
        tuple(row.tolist()) for row in held_out.mean.flatten(0, 1)
    }
    few, _, _ = amid(memory(data), data, most=10)
    assert len(few) == 10
    assert {tuple(row.tolist()) for row in few} <= {tuple(row.tolist()) for row in all_of_them}


@pytest.mark.parametrize("length", [2, 8])
def test_windows_too_short_to_remember_much_are_begun_in_too(tmp_path: Path, length: int) -> None:
    data = sequences(played(tmp_path), length)
    mean, _, (hidden, _) = amid(memory(data), data)
    assert len(mean) == len(hidden) > 10


def test_a_population_plays_it_as_its_environment_does(tmp_path: Path) -> None:
    world, player = _world(sequences(played(tmp_path), 40)), agent()
    population = Noise(8).normal(2, (len(player.parameters_of_controller),))
    earned, _ = dream_returns(player, population, world, SEEDS)
    env = DreamEnv(moved(world, "cpu"), 3)
    for candidate, parameters in enumerate(population):
        z, _ = env.reset(seed=SEEDS.tolist())
        state, total = world.remembered(SEEDS), np.zeros(3)
        assert state[0].abs().sum() > 0
        for _ in range(15):
            action, state = player.decide(torch.from_numpy(z), state, parameters)
            z, reward, *_ = env.step(action.numpy())
            total += reward
        np.testing.assert_allclose(earned[candidate].numpy(), total, rtol=1e-4)


def test_what_is_earned_in_it_is_compared_with_no_whole_episode(tmp_path: Path) -> None:
    world, player = _world(sequences(played(tmp_path), 40)), agent()
    env = replace(arena(), dream=replace(world, vision=player.vision, memory=player.memory))
    assert earned_in_dream(player, env, [1, 2], never, world.cap) is None
    whole = replace(env, dream=replace(env.dream, state=None))
    assert earned_in_dream(player, whole, [1, 2], never, world.cap) is not None
    assert earned_in_dream(player, whole, [1, 2], never, world.cap + 1) is None, "episodes outside are longer"


def test_new_windows_are_met_as_often_as_old_ones_and_held_out_ones_never(tmp_path: Path) -> None:
    old, new = sequences(played(tmp_path / "a", n=20), 16), sequences(played(tmp_path / "b", n=6), 16)
    both = joined([old, new], [1, 3])
    assert len(both.train) == len(old.train) + 3 * len(new.train)
    assert len(both.held_out) == len(old.held_out) + len(new.held_out)
    assert both.begins.sum() == (old.begins.sum() + new.begins[new.held_out].sum() + 3 * new.begins[new.train].sum())
    kept = np.concatenate([old.data[old.held_out], new.data[new.held_out]])
    assert np.array_equal(both.data[both.held_out], kept)
    assert both.fingerprint != joined([old, new], [1, 2]).fingerprint


def test_in_each_episode_plays_another_controller_whoever_else_plays() -> None:
    policy = Around(agent(), 0.3)
    mean = policy.agent.parameters_of_controller
    policy.begin([5, 6, 7])
    assert policy.parameters is not None
    drawn = policy.parameters.clone()
    assert (drawn[0] != drawn[1]).any()
    assert float((drawn - mean).std()) == pytest.approx(0.3, rel=0.3)
    policy.begin([7])
    assert torch.equal(policy.parameters[0], drawn[2])
    policy.begin([1, 2, 3])
    policy.again(np.array([1]), [6])
    assert torch.equal(policy.parameters[1], drawn[1])


def test_it_is_for_models_that_a_file_holds(tmp_path: Path) -> None:
    data = sequences(played(tmp_path), 16)
    one = TrainedModel(vision(), "world/vision", "1", {}, vision().data_shape, 8, "")
    with pytest.raises(DataError, match="world/memory"):
        dream_of(one, one, data)


def test_half_of_the_dreams_of_later_rounds_begin_in_what_these_have_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[int, int]] = []
    real = dream_step.run

    def watched(arguments: Any, context: Any) -> Any:
        begun.append((len(arguments.starts), len(np.unique(arguments.starts.data, axis=0))))
        return real(arguments, context)

    monkeypatch.setattr(dream_step, "run", watched)
    known = {
        "codes": "{do: sequences, episodes: $play, vision: $eye, length: 10}",
        "memory": "{do: train, model: memory, data: $codes, for: 1 steps, batch: 4, set: {hidden: 4}}",
        "rounds": "{do: iterate, env: $arena, vision: $eye, memory: $memory, data: $codes, rounds: 3, recent: 3, "
        "looks: 2, strays: 1, generations: 1, population: 4, rollouts: 1, horizon: 4, updates: 1, batch: 4}",
    }
    plays = {"play": "{do: rollouts, env: $arena, episodes: 40}"}
    run_text(recipe_of(**plays, **known), tmp_path / "run")
    (first, at_first), (second, of_second), (third, of_third) = begun
    assert at_first < of_second < of_third, "what was known before, and more"
    for windows, different in ((second, of_second), (third, of_third)):
        assert 0.3 < (windows - first) / windows < 0.7
        assert windows > different, "what is new counts several times"
