"""A checkpoint is whole or it is refused, and the last good one is never given up first."""

from __future__ import annotations

import errno
import json
import os
import pickle
from collections import namedtuple
from pathlib import Path

import pytest
import safetensors.torch
import torch

from gdl_core.errors import CheckpointError, StorageError
from gdl_core.training import checkpoint
from gdl_core.training.checkpoint import Checkpoint, load, load_newest, save


def _make(step: int = 7) -> Checkpoint:
    tensors = {
        "model/weight": torch.arange(6.0).reshape(2, 3) + step,
        "model/half": torch.ones(3, dtype=torch.bfloat16),
        "model/count": torch.tensor(step),
        "adam/toy/0/step": torch.tensor(float(step)),
        "model/empty": torch.empty(0, 4),
    }
    return Checkpoint(step, tensors, {"curves": {"rows": [{"loss": 0.1}]}, "note": "π"})


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    original = _make()
    save(tmp_path, "key", original)
    loaded, notes = load_newest(tmp_path, "key")
    assert loaded is not None
    assert notes == []
    assert loaded.step == 7
    assert loaded.state["curves"] == original.state["curves"]
    assert loaded.tensors.keys() == original.tensors.keys()
    assert all(torch.equal(loaded.tensors[name], tensor) for name, tensor in original.tensors.items())
    assert loaded.group("adam") == {"toy/0/step": torch.tensor(7.0)}


def test_tied_and_strided_tensors(tmp_path: Path) -> None:
    weight = torch.randn(4, 5)
    path = save(tmp_path, "", Checkpoint(1, {"a": weight, "b": weight, "c": weight.t()}, {}))
    loaded = load(path)
    assert torch.equal(loaded.tensors["b"], weight)
    assert torch.equal(loaded.tensors["c"], weight.t())


def test_the_newest_are_kept_and_orphans_swept(tmp_path: Path) -> None:
    for step in (1, 2, 30):
        save(tmp_path, "key", _make(step), keep=2)
    (tmp_path / ".checkpoint-000000000031.safetensors.123.tmp").write_bytes(b"half")
    (tmp_path / "mine.tmp").write_bytes(b"not ours")
    loaded, _ = load_newest(tmp_path, "key")
    assert loaded is not None
    assert loaded.step == 30
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "checkpoint-000000000002.safetensors",
        "checkpoint-000000000030.safetensors",
        "mine.tmp",
    ]


class _Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, ("executed",))


def _break(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "cut":
        del data[-9:]
    elif how == "short":
        del data[5:]
    elif how == "flipped":
        data[-3] ^= 16
    elif how == "huge header":
        data[:8] = (1 << 40).to_bytes(8, "little")
    elif how == "header":
        data[20] = 255
    elif how == "pickle":
        data = bytearray(pickle.dumps(_Payload()))
    elif how == "foreign":
        data = bytearray(safetensors.torch.save({"x": torch.ones(2)}))
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["cut", "short", "flipped", "huge header", "header", "pickle", "foreign"])
def test_a_broken_file_is_refused_and_the_one_before_taken(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path, "key", _make(1))
    newest = save(tmp_path, "key", _make(2))
    _break(newest, how)
    with pytest.raises(CheckpointError, match="checkpoint-000000000002"):
        load(newest)
    loaded, notes = load_newest(tmp_path, "key")
    assert loaded is not None
    assert loaded.step == 1
    assert "checkpoint-000000000002" in notes[0]
    assert not (tmp_path / "executed").exists()
    _break(tmp_path / "checkpoint-000000000001.safetensors", how)
    assert load_newest(tmp_path, "key")[0] is None


def test_another_trainings_checkpoint_is_refused(tmp_path: Path) -> None:
    save(tmp_path, "key", _make())
    with pytest.raises(CheckpointError, match="other settings or data"):
        load_newest(tmp_path, "other")


def test_a_newer_format_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "FORMAT", 2)
    save(tmp_path, "key", _make())
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="newer gdl"):
        load_newest(tmp_path, "key")


def test_a_disk_known_to_be_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, "key", _make(1))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(9, 9, 100))
    with pytest.raises(
        StorageError, match=r"no space left to write checkpoint-0+2\.safe.*make room in .*needs [\d,]+ bytes"
    ):
        save(tmp_path, "key", _make(2))
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-000000000001.safetensors"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fills_up_while_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    save(tmp_path, "key", _make(1))
    monkeypatch.setattr(os, "fsync", full) if call == "fsync" else monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StorageError, match="no space left to write"):
        save(tmp_path, "key", _make(2))
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-000000000001.safetensors"]
    assert load_newest(tmp_path, "key")[0] is not None


def test_stopped_at_once_inside_a_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(file: int) -> None:
        raise KeyboardInterrupt

    save(tmp_path, "key", _make(1))
    monkeypatch.setattr(os, "fsync", stopped)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, "key", _make(2))
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-000000000001.safetensors"]


def test_the_state_is_readable_by_anybody(tmp_path: Path) -> None:
    path = save(tmp_path, "key", _make())
    with safetensors.safe_open(path, framework="np") as file:
        assert json.loads(file.metadata()["gdl_checkpoint"])["step"] == 7
