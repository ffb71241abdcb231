"""What a memory learns from, that it learns, and that its single steps are its long ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from world_toys import HIDDEN, LATENT, memory, played, sequences

from gdl_core.contracts import Batch
from gdl_core.errors import DataError
from gdl_core.measures.subject import Subject
from gdl_core.noise import Noise
from gdl_core.training.config import TrainingConfig
from gdl_core.training.loop import train
from gdl_core.values import TrainedModel
from gdl_world.config import MemoryConfig
from gdl_world.foresight import measure
from gdl_world.memory import Memory
from gdl_world.sequences import take_apart


@pytest.mark.parametrize("length", [2, 5, 8, 64])
def test_windows_hold_every_step_once(tmp_path: Path, length: int) -> None:
    episodes = played(tmp_path)
    data = sequences(episodes, length)
    steps = take_apart(torch.from_numpy(np.array(data.data)), data.latent, data.actions)
    assert int(steps.there.sum()) == len(episodes)
    assert int(steps.goes_on.sum()) == len(episodes) - len(episodes.seeds)
    assert int((steps.ended * steps.there).sum()) == episodes.ended.sum()
    # what goes on to the next step of the window does so to the episode's next frame
    means = 4 * episodes.data[:, 2, 26:30, :8].mean((1, 2)) / 255.0
    first = steps.mean[..., 0].numpy()
    rows, columns = np.nonzero(steps.goes_on.numpy())
    pairs = {
        (round(float(first[r, c]), 5), round(float(first[r, c + 1]), 5)) for r, c in zip(rows, columns, strict=True)
    }
    ends = set((episodes.starts[1:] - 1).tolist())
    real = {(round(float(means[i]), 5), round(float(means[i + 1]), 5)) for i in range(len(means) - 1) if i not in ends}
    assert pairs == real


def test_windows_of_held_out_episodes_are_held_out(tmp_path: Path) -> None:
    episodes = played(tmp_path)
    data = sequences(episodes)
    steps = take_apart(torch.from_numpy(np.array(data.data[data.held_out])), data.latent, data.actions)
    assert int(steps.there.sum()) == len(episodes.held_out)


def test_one_step_after_another_is_the_whole_sequence() -> None:
    model = memory()
    z, action = Noise(1).normal(3, (6, LATENT)), torch.eye(3)[torch.randint(3, (3, 6))]
    whole, _ = model.lstm(torch.cat((z, action), dim=2))
    slow, fast, stepper = model.begin(3), model.begin(3), model.stepper()
    for time in range(6):
        slow = model.advance(z[:, time], action[:, time], slow)
        fast = stepper.advance(z[:, time], action[:, time], fast)
        torch.testing.assert_close(slow[0], whole[:, time])
        torch.testing.assert_close(fast[0], whole[:, time])
        torch.testing.assert_close(fast[1], slow[1])
        for mine, other in zip(stepper.outlook(fast[0]), model.outlook(whole[:, time]), strict=True):
            torch.testing.assert_close(mine, other)


def test_a_step_is_the_same_alone_and_in_company() -> None:
    model = memory()
    z, action = Noise(1).normal(5, (LATENT,)), torch.eye(3)[[0, 1, 2, 0, 1]]
    all_of_them = model.step(z, action, None, Noise(2))
    alone = model.step(z[3:4], action[3:4], None, Noise(2).at(3))
    torch.testing.assert_close(alone.z[0], all_of_them.z[3])
    assert all_of_them.reward.shape == all_of_them.ended.shape == (5,)
    assert ((all_of_them.ended > 0) & (all_of_them.ended < 1)).all()


def test_temperature_widens_what_is_drawn() -> None:
    model = memory()
    z, action = torch.zeros(2000, LATENT), torch.eye(3)[torch.zeros(2000, dtype=torch.long)]
    spread = [
        float(model.step(z, action, None, Noise(2), temperature).z.std(0).mean()) for temperature in (0.0, 0.5, 2.0)
    ]
    assert spread[0] < 1e-6 < spread[1] < spread[2]


def test_padding_counts_for_nothing(tmp_path: Path) -> None:
    data = sequences(played(tmp_path), 64)
    model = memory(data)
    x = data.tensor(data.train)
    steps = take_apart(x, data.latent, data.actions)
    z = model.draw(steps, Noise(1))
    before = model.losses(steps, z)
    spoilt = torch.where(steps.there[..., None], z, 1e3)
    after = model.losses(steps, spoilt)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_it_learns_what_follows_and_beats_who_knows_less(tmp_path: Path) -> None:
    data = sequences(played(tmp_path / "play", n=60), 16)
    model = memory(data)
    batch = Batch(data.tensor(data.held_out), Noise(9))
    model.requires_grad_(False)
    before = {name: float(value) for name, value in model._loss(batch).items()}
    model.requires_grad_(True)
    settings = TrainingConfig(duration="600 steps", batch=32, precision="fp32")
    train(model, data, settings, tmp_path / "run", Noise(4))
    model.requires_grad_(False)
    after = {name: float(value) for name, value in model._loss(batch).items()}
    assert after["nll"] < before["nll"] - 1
    trained = TrainedModel(model, "world/memory", "1", {}, data.shape, 8, "")
    found = {one.name: one for one in measure(Subject(trained, data, Noise(5), 100))}
    surprise = found["surprise of the next frame"]
    assert all(surprise.value < other for other in surprise.baselines.values())
    assert found["squared error of the reward"].value < 0.1
    assert 0 <= found["false ends a step"].value < 0.5


def test_it_asks_for_sequences(tmp_path: Path) -> None:
    episodes = played(tmp_path)
    with pytest.raises(DataError, match="do: sequences"):
        Memory.fit_config(MemoryConfig(), episodes)
    with pytest.raises(DataError, match="do: sequences"):
        Memory(MemoryConfig(), (8, 20))
    config = Memory.fit_config(MemoryConfig(hidden=HIDDEN), sequences(episodes))
    assert (config.latent, config.actions) == (LATENT, 3)


def test_rewards_count_by_how_they_vary_in_training_episodes(tmp_path: Path) -> None:
    data = sequences(played(tmp_path))
    assert Memory.fit_config(MemoryConfig(), data).reward_variance == 1.0  # all are the same

    rewards = np.random.default_rng(3).normal(2.0, 5.0, data.data.shape[:2]).astype(np.float32)
    changed = np.array(data.data)
    changed[..., -4] = rewards
    changed[data.held_out, :, -4] = 1e6
    varied = replace(data, data=changed)
    there = changed[data.train][..., -2] > 0
    variance = float(rewards[data.train][there].var())
    config = Memory.fit_config(MemoryConfig(hidden=HIDDEN), varied)
    assert config.reward_variance == pytest.approx(variance, rel=1e-5)

    model = Memory(config, varied.shape)
    model.requires_grad_(False)
    parts = {name: float(part) for name, part in model._loss(Batch(varied.tensor(data.train), Noise(1))).items()}
    share = parts["loss"] - parts["nll"] - parts["ended"]
    assert share == pytest.approx(parts["reward_error"] / variance, rel=1e-4)
