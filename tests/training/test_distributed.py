"""Two processes that judge a population together find what one finds alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from gdl_core.noise import Noise
from gdl_core.training.build import choose_device
from gdl_core.training.distributed import Ranks, ranks, shared
from gdl_core.training.evolve import EvolutionConfig, Floats, evolve

SCRIPT = """
import sys
from pathlib import Path

import numpy as np

from gdl_core.noise import Noise
from gdl_core.training.distributed import ranks, shared
from gdl_core.training.evolve import EvolutionConfig, evolve

judged = []

def near(candidates, generation):
    judged.append(len(candidates))
    return -np.square(candidates - 0.5).sum(1)

with ranks() as here:
    folder = Path(sys.argv[1]) / str(here.rank)
    config = EvolutionConfig(generations=12, population=7, keep_seconds=1000)
    found = evolve(shared(near, here), np.zeros(5), config, folder, Noise(1))
    np.save(Path(sys.argv[1]) / f"{here.rank}.npy", found.mean)
    assert here.world == 2 and set(judged) == {4 if here.rank == 0 else 3}, judged
"""


def near(candidates: Floats, generation: int) -> Floats:
    return -np.square(candidates - 0.5).sum(1)


def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    script = tmp_path / "search.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run([*command, str(script), str(tmp_path)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    config = EvolutionConfig(generations=12, population=7)
    alone = evolve(near, np.zeros(5), config, tmp_path / "alone", Noise(1))
    for rank in (0, 1):
        assert np.array_equal(np.load(tmp_path / f"{rank}.npy"), alone.mean)


def test_alone_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with ranks() as here:
        assert here == Ranks(0, 1)
        assert shared(near, here) is near


@pytest.mark.parametrize(("local", "taken"), [("0", [0]), ("1", [1]), ("5", [1]), ("", [])])
@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_each_process_of_a_machine_takes_a_gpu(
    name: str, local: str, taken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", found.append)
    monkeypatch.setattr(torch, "empty", lambda *given, **more: None)
    monkeypatch.setenv("LOCAL_RANK", local or "1")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "it") if local else monkeypatch.delenv("TORCHELASTIC_RUN_ID", False)
    assert str(choose_device(name)) == "cuda"
    assert found == taken
