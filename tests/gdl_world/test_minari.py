"""Minari: what is written is found there by its id, what is read is what was written, and what is broken is told of."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

import gymnasium
import h5py
import minari
import numpy as np
import pytest
from minari.data_collector import EpisodeBuffer
from minari.dataset.minari_storage import MinariStorage
from world_toys import played

from gdl_core import media
from gdl_core.data.episodes import Episodes
from gdl_core.errors import DataError
from gdl_core.recipe.check import check_text
from gdl_core.recipe.execute import run_recipe
from gdl_core.registry import get_registry
from gdl_world.minari_dataset import MinariDataset
from gdl_world.minari_files import verify, write

RECIPE = """
gdl: 1
title: t
seed: 1
steps:
  again: {{do: minari, path: {path}{more}}}
  seen: {{do: pick, data: $again, n: 3, save: seen.png}}
  some: {{do: pick, data: $again, n: 3, save: more.png}}
"""


@pytest.fixture
def episodes(tmp_path: Path) -> Episodes:
    return played(tmp_path / "play", n=5)


def _unzipped(path: Path, folder: Path) -> Path:
    with ZipFile(path) as archive:
        archive.extractall(folder)
    return folder


def test_minari_finds_by_its_id_what_was_written(
    episodes: Episodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = write(episodes, tmp_path / "play.zip", None)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(_unzipped(path, tmp_path / "datasets")))
    found = minari.load_dataset("gdl/dodge-v0")
    assert (found.total_episodes, found.total_steps) == (5, len(episodes))
    for number, episode in enumerate(found.iterate_episodes()):
        frames = episodes.frames_of(number)
        assert np.array_equal(episode.observations[:-1], episodes.pixels(frames))
        assert np.array_equal(episode.observations[-1], episode.observations[-2])
        assert np.array_equal(episode.actions, episodes.actions[frames])
        np.testing.assert_allclose(episode.rewards, episodes.rewards[frames])
        assert episode.terminations[-1] == episodes.ended[number]
        assert episode.truncations[-1] != episodes.ended[number]
        assert not episode.terminations[:-1].any()
        assert episode.terminations.dtype == episode.truncations.dtype == bool
    assert found[2].id == 2
    assert [int(told["seed"]) for told in found.storage.get_episode_metadata(range(5))] == episodes.seeds.tolist()


def test_the_same_episodes_give_the_same_bytes_and_a_changed_one_is_noticed(episodes: Episodes, tmp_path: Path) -> None:
    path, beside = write(episodes, tmp_path / "one.zip", {"gdl": 1})
    (other,) = write(episodes, tmp_path / "two.zip", None)
    assert path.read_bytes() == other.read_bytes()
    record = json.loads(beside.read_text())
    assert verify(path, record) is True
    assert media.verify(path, get_registry()) is True
    changed = bytearray(path.read_bytes())
    changed[len(changed) // 2] ^= 1
    path.write_bytes(changed)
    assert media.verify(path, get_registry()) is False
    assert verify(path, {}) is None


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_what_is_read_is_what_was_written(form: str, episodes: Episodes, tmp_path: Path) -> None:
    (path,) = write(episodes, tmp_path / "play.zip", None)
    given = path if form == "zip" else _unzipped(path, tmp_path / "folder")
    found = MinariDataset(given, tmp_path / "private", 0)
    assert found.about == dict(episodes.about)
    assert found.held_out == episodes.held_out_episodes().tolist()
    again = list(found.episodes(0, 5))
    assert np.array_equal(np.concatenate([one.frames for one in again]), episodes.pixels(np.arange(len(episodes))))
    assert np.array_equal(np.concatenate([one.actions for one in again]), episodes.actions)
    assert [one.ended for one in again] == episodes.ended.tolist()
    assert [one.seed for one in again] == episodes.seeds.tolist()


def test_a_recipe_reads_what_another_wrote(episodes: Episodes, tmp_path: Path) -> None:
    (path,) = write(episodes, tmp_path / "play.zip", None)
    registry = get_registry()
    text = RECIPE.format(path=path.name, more="")
    run_recipe(check_text(text, registry, base=tmp_path), tmp_path / "run", registry, device="cpu")
    assert media.read(tmp_path / "run" / "seen.png", registry).pixels.std() > 5
    told = json.loads((tmp_path / "run" / ".gdl" / "again" / "episodes" / "episodes.json").read_text())
    assert [steps for _, steps, _ in told["episodes"]] == episodes.lengths.tolist()
    assert not list((tmp_path / "run" / ".gdl" / "again").glob("unzipped*"))


def _stranger(folder: Path, seen: gymnasium.Space, done: gymnasium.Space, frames: np.ndarray, acts: np.ndarray) -> Path:
    storage = MinariStorage.new(folder, seen, done, jpeg_encoding=False)
    steps = len(frames) - 1
    storage.update_episodes(
        [
            EpisodeBuffer(
                0, None, None, frames, acts, np.ones(steps), np.zeros(steps, bool), np.arange(steps) == steps - 1
            )
        ]
    )
    storage.update_metadata({"dataset_id": "other/thing-v3"})
    return folder


def test_seeds_of_64_bits_are_folded(tmp_path: Path) -> None:
    box, grey = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32), gymnasium.spaces.Box(0, 255, (8, 8), np.uint8)
    path = _stranger(tmp_path / "data", grey, box, np.zeros((3, 8, 8), np.uint8), np.zeros((2, 2), np.float32))
    MinariStorage.read(path).update_episode_metadata([{"seed": 2**63 + 17}], [0])
    found = MinariDataset(path, tmp_path / "private", 8)
    (one,) = found.episodes(0, 1)
    assert one.seed == 17


def test_datasets_of_others_are_read(tmp_path: Path) -> None:
    box, grey = gymnasium.spaces.Box(-2.0, 6.0, (2,), np.float32), gymnasium.spaces.Box(0, 255, (10, 12), np.uint8)
    frames = np.arange(5 * 120, dtype=np.uint8).reshape(5, 10, 12)
    path = _stranger(tmp_path / "data", grey, box, frames, np.array([[-2, 6], [2, 2], [6, -2], [0, 4]], np.float32))
    found = MinariDataset(path, tmp_path / "private", 8)
    (one,) = found.episodes(0, 1)
    assert one.frames.shape == (4, 8, 8, 3)
    np.testing.assert_allclose(one.actions, [[-1, 1], [0, 0], [1, -1], [-0.5, 0.5]])
    assert (found.id, found.held_out, one.ended, one.seed) == ("other/thing-v3", None, False, 0)
    assert found.about["actions"] == {"choices": 0, "numbers": 2}


def _data(path: Path) -> Path:
    return next(path.rglob("main_data.hdf5"))


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("link", "leads elsewhere through a link"),
        ("outside", "lie in another file"),
        ("actions", "has 3 rewards, 2 actions"),
        ("choices", "actions beyond Discrete"),
        ("rewards", "no finite numbers"),
        ("jpeg", "pictures that are no JPEG"),
        ("arrow", "only HDF5 is read"),
        ("cap", "name or cap"),
        ("held out", "or it is damaged"),
    ],
)
def test_a_strangers_file_is_not_taken_on_trust(what: str, words: str, tmp_path: Path) -> None:
    frames, two = np.zeros((4, 8, 8, 3), np.uint8), gymnasium.spaces.Discrete(2)
    seen = gymnasium.spaces.Box(0, 255, (8, 8, 3), np.uint8)
    path = _stranger(tmp_path / "data", seen, two, frames, np.array([0, 1, 0]))
    (secret := tmp_path / "secret").write_bytes(bytes(4 * 8 * 8 * 3))
    told = json.loads((path / "metadata.json").read_text())
    with h5py.File(_data(path), "a") as file:
        episode = file["episode_0"]
        if what in ("link", "outside", "jpeg"):
            del episode["observations"]
        if what == "link":
            episode["observations"] = h5py.ExternalLink(str(secret), "/x")
        elif what == "outside":
            episode.create_dataset("observations", (4, 8, 8, 3), np.uint8, external=str(secret))
        elif what == "actions":
            episode["actions"].resize((2,))
        elif what == "choices":
            episode["actions"][1] = 2
        elif what == "rewards":
            episode["rewards"][1] = np.nan
        elif what == "jpeg":
            episode.create_dataset("observations", data=np.full((4, 16), 37, np.uint8))
            told["jpeg_encoding"] = True
    if what == "arrow":
        _data(path).unlink()
    elif what == "cap":
        told["gdl"] = {"about": {"cap": "long"}, "held out": []}
    elif what == "held out":
        told["gdl"] = {"about": {}, "held out": ["x"]}
    (path / "metadata.json").write_text(json.dumps(told))
    with pytest.raises(DataError, match=words):
        list(MinariDataset(path, tmp_path / "private", 0).episodes(0, 1))


def test_a_flipped_byte_in_a_zip_file_is_told_of(episodes: Episodes, tmp_path: Path) -> None:
    (path,) = write(episodes, tmp_path / "play.zip", None)
    data = bytearray(path.read_bytes())
    for at in range(len(data) // 4, len(data) // 2, len(data) // 40):
        broken = bytearray(data)
        broken[at] ^= 255
        path.write_bytes(broken)
        with pytest.raises(DataError, match="or it is damaged"):
            MinariDataset(path, tmp_path / "private", 0)
        assert not (tmp_path / "private").exists()


def test_what_is_not_pictures_or_not_whole_is_refused_in_words(episodes: Episodes, tmp_path: Path) -> None:
    two, numbers = gymnasium.spaces.Discrete(2), gymnasium.spaces.Box(-1.0, 1.0, (4,), np.float32)
    path = _stranger(tmp_path / "numbers", numbers, two, np.zeros((3, 4), np.float32), np.array([0, 1]))
    with pytest.raises(DataError, match="pictures are needed"):
        MinariDataset(path, tmp_path / "private", 0)
    told = json.loads((path / "metadata.json").read_text())
    (path / "metadata.json").write_text(json.dumps({**told, "action_space": None}))
    with pytest.raises(DataError, match="or it is damaged"):
        MinariDataset(path, tmp_path / "private", 0)
    del told["action_space"]
    (path / "metadata.json").write_text(json.dumps({**told, "env_spec": "{}"}))
    with pytest.raises(DataError, match="stranger's environment"):
        MinariDataset(path, tmp_path / "private", 0)
    (path / "metadata.json").write_text("{")
    with pytest.raises(DataError, match="or it is damaged"):
        MinariDataset(path, tmp_path / "private", 0)
    (empty := tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds 0 files metadata.json"):
        MinariDataset(empty, tmp_path / "private", 0)
    (noise := tmp_path / "noise.zip").write_bytes(b"no zip at all")
    with pytest.raises(DataError, match="not a zip file"):
        MinariDataset(noise, tmp_path / "private", 0)
    with ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(DataError, match=r"holds 0 files metadata.json"):
        MinariDataset(tmp_path / "other.zip", tmp_path / "private", 0)
    (whole,) = write(episodes, tmp_path / "play.zip", None)
    folder = _unzipped(whole, tmp_path / "cut") / "gdl" / "dodge-v0" / "data"
    data = (folder / "main_data.hdf5").read_bytes()
    (folder / "main_data.hdf5").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="or it is damaged"):
        list(MinariDataset(folder, tmp_path / "private", 0).episodes(0, 5))
