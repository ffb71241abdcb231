"""Curiosity: worth is what a memory does not know, an ensemble grows tired of noise, and coverage counts."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from steps.models import context
from world_toys import HIDDEN, LATENT, agent, arena, dream, memory, never, played, sequences, vision

from gdl_core.data.episodes import Episodes
from gdl_core.errors import DataError
from gdl_core.noise import Noise
from gdl_core.training.build import build_model
from gdl_core.training.config import TrainingConfig
from gdl_core.training.loop import train
from gdl_core.values import TrainedModel
from gdl_world.baselines import baseline
from gdl_world.collect import collect
from gdl_world.config import MemoryConfig
from gdl_world.controller import decide, told
from gdl_world.coverage import kinds_of_pictures, states_of, tells_states
from gdl_world.curiosity import By, Curiosity, CuriousEnv, calibrated
from gdl_world.dream import DreamEnv
from gdl_world.environment import Environment
from gdl_world.film import trace
from gdl_world.memory import Memory, Outlook, surprise_of
from gdl_world.play import AgentPolicy, dream_returns, play
from gdl_world.sequences import Sequences, take_apart
from gdl_world.store import Store

WAYS: tuple[By, ...] = ("surprise", "disagreement")


def _doubting(ensemble: int = 3) -> Memory:
    config = MemoryConfig(hidden=HIDDEN, latent=LATENT, actions=3, ensemble=ensemble)
    return build_model(Memory, config, (8, 2 * LATENT + 7), Noise(2)).eval()


def _curious(rows: int, by: By = "disagreement", own: float = 0.0, cap: int = 60) -> CuriousEnv:
    env = arena(cap=cap)
    return CuriousEnv(env.make(rows), vision(), Curiosity(_doubting(), by, -10.0, 2.0, own), env.actions)


@pytest.mark.parametrize("by", WAYS)
def test_worth_is_the_same_alone_and_in_company(by: By) -> None:
    many, one = _curious(3, by), _curious(1, by)
    many.reset(seed=[4, 5, 6])
    one.reset(seed=[5])
    for action in (0, 1, 2, 2, 1, 0):
        frames, rewards, *_ = many.step(np.full(3, action))
        alone, reward, *_ = one.step(np.full(1, action))
        assert np.array_equal(frames[1], alone[0])
        assert rewards[1] == pytest.approx(reward[0], rel=1e-4)
    assert len(set(np.round(rewards, 5))) == 3


def test_a_row_that_is_begun_again_is_as_new() -> None:
    env, other = _curious(2), _curious(1)
    env.reset(seed=[1, 2])
    env.step(np.array([1, 1]))
    env.reset(seed=[7, 0], options={"reset_mask": np.array([True, False])})
    other.reset(seed=[7])
    for action in (2, 0, 1):
        assert env.step(np.array([action, 0]))[1][0] == pytest.approx(other.step(np.array([action]))[1][0], rel=1e-4)


def test_the_last_step_and_what_comes_after_are_worth_nothing() -> None:
    env = _curious(2, cap=3)
    env.reset(seed=1)
    worth = []
    for _ in range(4):
        _, rewards, *_, info = env.step(np.zeros(2, dtype=np.int64))
        worth.append(rewards)
        assert (rewards >= 0).all()
    assert (np.stack(worth)[:2] > 0).all()
    assert (np.stack(worth)[2:] == 0).all()
    assert (info["own"] == 0).all()


def test_worth_counts_spreads_above_what_is_usual_and_its_own_reward() -> None:
    curiosity = Curiosity(_doubting(), "surprise", 1.0, 0.5)
    assert curiosity.worth(torch.tensor([1.0, 2.0, -3.0])).tolist() == [0.0, 2.0, 0.0]
    plain, paid = _curious(2, cap=3), _curious(2, own=2.0, cap=3)
    for env in (plain, paid):
        env.reset(seed=1)
    for time in range(4):
        here, there = (env.step(np.zeros(2, dtype=np.int64))[1] for env in (plain, paid))
        np.testing.assert_allclose(there - here, 2.0 if time < 3 else 0.0, atol=1e-6)  # the last step is paid for, too


def test_nothing_is_curious_about_the_last_step_of_a_dream() -> None:
    model = _doubting()
    for ended, worth in ((0.01, 0.0), (0.99, 1.0)):
        world = replace(
            dream(ended=ended), memory=model, curiosity=Curiosity(model, "disagreement", -10.0, 2.0, own=2.0)
        )
        env = DreamEnv(world, 3)
        env.reset(seed=1)
        _, reward, over, _, _ = env.step(np.zeros(3, dtype=np.int64))
        assert over.all() == (not worth)
        outlook = model.outlook(env._state[0])
        there = model.disagreement(env._state[0]).detach()
        wanted = worth * (there + 10.0) / 2.0 + 2.0 * outlook.reward
        np.testing.assert_allclose(reward, wanted.detach().numpy(), rtol=1e-5)


def test_what_is_usual_is_told_by_what_is_known(tmp_path: Path) -> None:
    model, known = _doubting(), sequences(played(tmp_path / "play"))
    for by in WAYS:
        found = calibrated(model, known, by, 0.0, Noise(3))
        assert found.spread > 0
        again = calibrated(model, known, by, 0.0, Noise(4))
        assert again.usual == pytest.approx(found.usual, rel=0.1)
    for lone in (memory(), _doubting(1)):
        with pytest.raises(DataError, match="ensemble: 5"):
            calibrated(lone, known, "disagreement", 0.0, Noise(3))


def test_nobody_plays_a_curious_environment_unseen(tmp_path: Path) -> None:
    from gdl_world.steps.curious import Arguments, run

    env, model = arena(), _doubting()
    object.__setattr__(env, "unseen", env.make)  # where blind players are spared the drawing, and earn its own reward
    models = [
        TrainedModel(one, name, "1", one.config.model_dump(), tuple(one.data_shape), 8, "f")
        for one, name in ((vision(), "world/vision"), (model, "world/memory"))
    ]
    given = Arguments.model_construct(
        env=env, vision=models[0], memory=models[1], known=sequences(played(tmp_path / "play")), by="surprise", own=0.0
    )
    curious = run(given, context(tmp_path, "curious"))
    assert curious.unseen is None
    assert isinstance(curious.make(2), CuriousEnv)


def test_surprise_is_what_the_film_shows() -> None:
    world, env, player = dream(), arena(), agent()
    object.__setattr__(world, "memory", player.memory)
    assert player.memory is not None
    curious = CuriousEnv(env.make(1), player.vision, Curiosity(player.memory, "surprise", -50.0, 1.0), env.actions)
    policy, frames, points, actions, worth = AgentPolicy(player), [], [], [], []

    def see(time: int, seen: object, done: object, rewards: object, live: object) -> None:
        frames.append(np.array(seen)[0])
        points.append(policy.z[:1])
        actions.append(np.array(done)[0])
        worth.append(float(np.array(rewards)[0]))

    play(curious, policy, [9], env.cap, see)
    found = trace(world, np.stack(frames), torch.cat(points), torch.from_numpy(np.stack(actions)), 9)
    assert len(worth) > 5
    np.testing.assert_allclose(np.array(worth[:-1]) - 50.0, found.surprise[1:], rtol=1e-3, atol=1e-3)


def _coins(windows: int) -> Sequences:
    """Return sequences of three numbers: one is tossed anew each step, one changes sign each step, one rests."""
    steps = 12
    data = np.zeros((windows, steps, 2 * 3 + 1 + 4), dtype=np.float32)
    tossed = Noise(1).stream("coins").uniform(windows, (steps,)).numpy() < 0.5
    data[:, :, 0] = np.where(tossed, 1.0, -1.0)
    data[:, :, 1] = np.where(np.arange(steps) % 2, 1.0, -1.0)
    data[:, :, 3:6] = -8.0
    data[:, :, -2] = 1.0
    data[:, :-1, -1] = 1.0
    return Sequences(
        name="coins",
        data=data,
        columns={},
        held_out=np.zeros(0, np.int64),
        fingerprint="coins",
        latent=3,
        actions=1,
        begins=np.ones(windows, dtype=bool),
        about={},
        vision="",
    )


def test_an_ensemble_comes_to_agree_on_noise_that_surprises_for_ever(tmp_path: Path) -> None:
    data = _coins(256)
    config = MemoryConfig(hidden=HIDDEN, latent=3, actions=1, ensemble=5, lr=1e-2)
    model = build_model(Memory, config, data.shape, Noise(2))
    before = {by: calibrated(model.eval(), data, by, 0.0, Noise(3)).usual for by in WAYS}
    settings = TrainingConfig(duration="300 steps", batch=64, precision="fp32")
    train(model, data, settings, tmp_path / "run", Noise(4))
    after = {by: calibrated(model.eval(), data, by, 0.0, Noise(3)).usual for by in WAYS}
    assert after["disagreement"] < 0.1 * before["disagreement"]
    assert after["surprise"] < before["surprise"]
    # A fair coin costs log 2 more than what is known, however much is learned.
    steps = take_apart(data.tensor(np.arange(64)), 3, 1)
    z = model.draw(steps, Noise(6))
    with torch.no_grad():
        output, _ = model.lstm(torch.cat((z, steps.action), dim=2))
        outlook = model.outlook(output[:, 5])
    each = [
        float(surprise_of(Outlook(*(part[:, at : at + 1] for part in outlook[:3]), *outlook[3:]), place).mean())
        for at, place in enumerate(z[:, 6].split(1, dim=1))
    ]
    assert each[0] - each[1] == pytest.approx(math.log(2), abs=0.2)


@pytest.mark.parametrize("own", [0.0, 1.0])
def test_a_curious_dream_is_played_by_populations_as_by_its_environment(own: float) -> None:
    world = dream(cap=12)
    model = _doubting()
    world = replace(world, memory=model, curiosity=Curiosity(model, "disagreement", 0.0, 0.01, own))
    player, seeds = agent(), torch.tensor([11, 12])
    population = Noise(8).normal(2, (len(player.parameters_of_controller),))
    earned, _ = dream_returns(player, population, world, seeds)
    plain, _ = dream_returns(player, population, replace(world, curiosity=None), seeds)
    assert not torch.allclose(earned, plain)
    env = DreamEnv(world, 2)
    for candidate, parameters in enumerate(population):
        z, _ = env.reset(seed=seeds.tolist())
        state, total = model.begin(2), np.zeros(2)
        for _ in range(12):
            seen = torch.from_numpy(z)
            action = decide(parameters, torch.cat((seen, *state), dim=1), world.actions)
            with torch.no_grad():
                state = model.advance(seen, told(action, world.actions), state)
            z, reward, *_ = env.step(action.numpy())
            total += reward
        np.testing.assert_allclose(earned[candidate].numpy(), total, rtol=1e-3)
    assert (earned > 0).all()


def test_states_are_those_that_were_seen(tmp_path: Path) -> None:
    env = arena(tv=True)
    episodes = played(tmp_path / "play", n=70, env=env)  # more than are played at once
    object.__setattr__(env, "most", 16)
    steps = len(episodes) - 5
    states = states_of(env, episodes, 0, steps)
    middle = states_of(env, episodes, 1000, 1010)
    assert all(np.array_equal(middle[name], values[1000:1010]) for name, values in states.items())
    assert {len(values) for values in states.values()} == {steps}
    flickers = (episodes.data[:steps, :, 1:7, 1:7] == 60).reshape(steps, -1).mean(1) < 0.05  # balls may fly across
    assert np.array_equal(states["screen"] == 1, flickers)
    skin = (episodes.data[:steps, :, 29] == np.array([90, 200, 250], np.uint8)[None, :, None]).all(1)
    seen = np.array([np.flatnonzero(row).mean() for row in skin])
    assert np.abs(seen + 0.5 - (2 * states["place"] + 1)).max() <= 2.5
    assert states["balls"].max() > 1
    assert tells_states(env)


def test_episodes_of_another_environment_are_refused(tmp_path: Path) -> None:
    episodes = played(tmp_path / "play")
    with pytest.raises(DataError, match="played again they end otherwise"):
        states_of(arena(cap=7), episodes, 0, len(episodes))


def test_kinds_of_pictures_are_counted_once(tmp_path: Path) -> None:
    episodes = played(tmp_path / "play", n=4)
    found = kinds_of_pictures(episodes, 0, len(episodes))
    assert kinds_of_pictures(episodes, 5, 6) == 1
    assert 3 < found <= len(episodes)
    still: Episodes = replace(episodes, data=np.repeat(episodes.data[:1], len(episodes), axis=0))
    assert kinds_of_pictures(still, 0, len(still)) == 1


def test_no_episode_is_begun_after_so_many_steps(tmp_path: Path) -> None:
    env: Environment = arena()
    object.__setattr__(env, "slots", 4)
    found = []
    for folder, first in (("one", None), ("two", 3)):
        store = Store(tmp_path / folder, env.shape, 0, "k", env.described)
        if first is not None:  # broken off
            collect(env, baseline("random", env), store, first, Noise(3), lambda *a, **k: None, never, 200)
        collect(env, baseline("random", env), store, 1000, Noise(3), lambda *a, **k: None, never, 200)
        found.append(store.episodes)
    assert found[0] == found[1]
    lengths = [steps for _, steps, _ in found[0]]
    assert sum(lengths) >= 200 > sum(lengths[:-1])
