"""Episodes on disk: what is told of is there, what a kill left is not, and the same call goes on."""

from __future__ import annotations

import errno
import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from steps.models import context
from world_toys import arena, never, played

from gdl_core.errors import CancelledError, DataError, StorageError
from gdl_core.noise import Noise
from gdl_world.baselines import baseline
from gdl_world.collect import collect, copy
from gdl_world.envs.dodge import Dodge
from gdl_world.steps.rollouts import Arguments, run
from gdl_world.store import Episode, Store, read_episodes

ENV = arena()


class Endless(Dodge):
    """Nobody is ever hit."""

    def _hit(self) -> Any:
        return np.zeros(self.num_envs, dtype=bool)


def _store(folder: Path, key: str = "toys") -> Store:
    return Store(folder, ENV.shape, 0, key, ENV.described)


def _full(*given: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def _silent(*numbers: Any, **parts: Any) -> None:
    """Progress that nobody watches."""


def test_what_was_played_is_what_is_read(tmp_path: Path) -> None:
    found = played(tmp_path)
    assert found.kind == "episodes"
    assert len(found.seeds) == 12
    assert found.lengths.sum() == len(found) == len(found.actions)
    assert (found.rewards == 1).all()
    assert (found.returns == found.lengths).all()
    assert set(np.unique(found.actions)) <= {0, 1, 2}
    assert isinstance(found.data, np.ndarray)
    assert found.data.shape[1:] == ENV.shape


def test_whole_episodes_are_held_out(tmp_path: Path) -> None:
    found = played(tmp_path)
    chosen = found.held_out_episodes()
    assert len(chosen) == 2
    assert np.array_equal(found.held_out, np.concatenate([found.frames_of(episode) for episode in chosen]))


def test_stopped_and_begun_again_it_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = arena()
    object.__setattr__(env, "slots", 4)
    whole = _store(tmp_path / "whole")
    collect(env, baseline("random", env), whole, 10, Noise(3), _silent, never)
    calls = 0

    def stop() -> None:
        nonlocal calls
        calls += 1
        if calls == 70:
            raise CancelledError("stopped")

    part = _store(tmp_path / "part")
    with pytest.raises(CancelledError):
        collect(env, baseline("random", env), part, 10, Noise(3), _silent, stop)
    assert 0 < len(part.episodes) < 10
    part = _store(tmp_path / "part")
    collect(env, baseline("random", env), part, 10, Noise(3), _silent, never)
    for name in ("frames.u8", "actions.bin", "rewards.f4", "episodes.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "part" / name).read_bytes(), name


def test_what_a_kill_left_is_cut_off(tmp_path: Path) -> None:
    before = played(tmp_path)
    frames = np.array(before.data)
    for name in ("frames.u8", "actions.bin", "rewards.f4"):
        with (tmp_path / name).open("ab") as file:
            file.write(b"half an episode")
    after = _store(tmp_path).value("toys", Noise(3), 0.2)
    assert np.array_equal(after.data, frames)
    assert after.fingerprint == before.fingerprint


def test_a_full_disk_costs_what_was_being_added_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = _store(tmp_path)
    collect(ENV, baseline("random", ENV), store, 5, Noise(3), _silent, never)
    with monkeypatch.context() as patch:
        patch.setattr("gdl_world.store.os.fsync", _full)
        with pytest.raises(StorageError, match="no space left"):
            collect(ENV, baseline("random", ENV), store, 9, Noise(3), _silent, never)
    assert len(_store(tmp_path).episodes) == 5
    collect(ENV, baseline("random", ENV), store, 9, Noise(3), _silent, never)
    assert len(_store(tmp_path).episodes) == 9


def test_long_episodes_are_kept_in_files_and_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = arena(cap=300)
    object.__setattr__(env, "make", lambda rows: Endless(rows, 300))
    stores = []
    for name, most in (("memory", 1 << 40), ("files", 0)):
        monkeypatch.setattr("gdl_world.collect._IN_MEMORY", most)
        store = Store(tmp_path / name, env.shape, env.actions.numbers, name, env.described)
        tracemalloc.start()
        collect(env, baseline("random", env), store, 3, Noise(3), _silent, never)
        stores.append((tracemalloc.get_traced_memory()[1], store.folder))
        tracemalloc.stop()
    (much, memory), (little, files) = stores
    frames = 300 * int(np.prod(env.shape))
    assert much > 3 * frames
    assert little < 1.5 * frames, "no more than some frames of an episode at once"
    for name in ("frames.u8", "actions.bin", "rewards.f4"):
        assert (memory / name).read_bytes() == (files / name).read_bytes()
    assert sorted(path.name for path in files.iterdir()) == sorted(path.name for path in memory.iterdir())


def test_a_disk_that_fills_up_while_it_is_played_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gdl_world.collect._IN_MEMORY", 0)
    store = _store(tmp_path)
    collect(ENV, baseline("random", ENV), store, 5, Noise(3), _silent, never)
    with monkeypatch.context() as patch:
        patch.setattr("gdl_world.collect.np.ascontiguousarray", _full)
        with pytest.raises(StorageError, match="no space left"):
            collect(ENV, baseline("random", ENV), store, 9, Noise(3), _silent, never)
    assert len(_store(tmp_path).episodes) == 5


def test_a_damaged_store_is_refused_in_words(tmp_path: Path) -> None:
    played(tmp_path)
    with pytest.raises(DataError, match="of something else"):
        _store(tmp_path, key="other")
    manifest = tmp_path / "episodes.json"
    told = json.loads(manifest.read_text())
    told["episodes"][0][1] += 1000
    manifest.write_text(json.dumps(told))
    with pytest.raises(DataError, match="shorter than its manifest"):
        _store(tmp_path)
    manifest.write_text("{")
    with pytest.raises(DataError, match="damaged"):
        _store(tmp_path)


def test_what_was_held_out_stays_so_among_more(tmp_path: Path) -> None:
    def rollouts(name: str, **more: Any) -> Any:
        given = {"env": ENV, "episodes": 20, "held_out": 0.2, **more}
        return run(Arguments.model_validate(given, context={"base": tmp_path}), context(tmp_path, name))

    first = rollouts("first")
    more = rollouts("more", first=first)
    before, after = (set(one.seeds[one.held_out_episodes()].tolist()) for one in (first, more))
    assert len(before) == 4
    assert len(after) == 8
    assert before == after & set(first.seeds.tolist())


def test_reading_touches_nothing_that_somebody_else_writes(tmp_path: Path) -> None:
    store = _store(tmp_path)
    collect(ENV, baseline("random", ENV), store, 4, Noise(3), _silent, never)
    before = store.value("toys", Noise(3), 0.2)

    def episodes() -> Any:
        for number in range(2):
            frames = before.frames_of(number)
            yield Episode(before.pixels(frames), before.actions[frames], before.rewards[frames], True, 100 + number)
            assert len(read_episodes(tmp_path).seeds) == 4

    store.add(episodes())
    assert len(read_episodes(tmp_path).seeds) == 6
    assert np.array_equal(read_episodes(tmp_path).data[-1], before.data[before.frames_of(1)[-1]])
    with pytest.raises(DataError, match="holds no episodes"):
        read_episodes(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_actions_of_another_kind_are_refused(tmp_path: Path) -> None:
    store, frames = _store(tmp_path), np.zeros((3, *ENV.shape[1:], 3), np.uint8)
    with pytest.raises(DataError, match=r"actions of shape \(3, 2\); the others have one choice each"):
        store.add([Episode(frames, np.zeros((3, 2), np.float32), np.ones(3, np.float32), True, 1)])
    assert not store.episodes


def test_episodes_can_be_added_to_others(tmp_path: Path) -> None:
    first = played(tmp_path / "first", n=5)
    store = _store(tmp_path / "more", key="more")
    copy(first, store, never)
    collect(ENV, baseline("still", ENV), store, 8, Noise(4), _silent, never)
    both = store.value("both", Noise(3), 0.0)
    assert np.array_equal(both.data[: len(first)], first.data)
    assert np.array_equal(both.seeds[:5], first.seeds)
    assert (both.actions[len(first) :] == 0).all()


def test_no_episodes_are_no_value(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no episodes"):
        _store(tmp_path).value("toys", Noise(3), 0.1)


def test_an_action_may_be_numbers(tmp_path: Path) -> None:
    store = Store(tmp_path, (3, 4, 4), 2, "numbers", {})
    frames = np.zeros((3, 4, 4, 3), np.uint8)
    actions = np.array([[0.5, -1.0]] * 3, np.float32)
    store.add([Episode(frames, actions, np.zeros(3, np.float32), True, 1)])
    found = store.value("numbers", Noise(0), 0.0)
    assert np.array_equal(found.actions, actions)
