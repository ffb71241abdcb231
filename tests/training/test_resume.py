"""A training that was killed and started again ends with the bits of one that was not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from training.toys import Duel, Toy, fingerprint, fit, make

from gdl_core.contracts import Model
from gdl_core.errors import CancelledError, CheckpointError

CHILD = """
import sys
from pathlib import Path
import gdl_core.training.loop as loop
from training.toys import Toy, fit, make
loop._PROGRESS_SECONDS = 0
tell = lambda done, total, **parts: print(done, flush=True)
fit(make(Toy), Path(sys.argv[1]), duration="20 epochs", ema=0.99, checkpoint_seconds=0, key="k", progress=tell)
"""


def _start(folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder)], stdout=subprocess.PIPE, text=True, env=environment
    )


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")
def test_killed_at_three_moments(tmp_path: Path) -> None:
    whole = make(Toy)
    history = fit(whole, tmp_path / "whole", duration="20 epochs", ema=0.99, key="k").history
    for moment in (7, 29, 50):
        process = _start(tmp_path / "killed")
        assert process.stdout is not None
        with process:
            for line in process.stdout:
                if int(line) >= moment:
                    process.send_signal(signal.SIGKILL)
                    break
        assert process.returncode == -signal.SIGKILL
    again = make(Toy)
    resumed = fit(again, tmp_path / "killed", duration="20 epochs", ema=0.99, key="k")
    assert resumed.resumed_from is not None
    assert 49 <= resumed.resumed_from < 60
    assert resumed.history == history
    assert fingerprint(again) == fingerprint(whole)
    assert not list((tmp_path / "killed").glob(".*.tmp"))


@pytest.mark.parametrize("model_class", [Toy, Duel])
def test_stopped_by_the_user_again_and_again(tmp_path: Path, model_class: type[Model]) -> None:
    whole = make(model_class)
    expected = fit(whole, tmp_path / "whole", ema=0.9, duration="12 steps", every="5 steps")
    countdown = iter([False, False, False, True] * 100)
    sittings = 0
    while True:
        model = make(model_class, seed=3 + sittings)  # later on it does not matter: weights come from the file
        try:
            trained = fit(
                model,
                tmp_path / "parts",
                ema=0.9,
                duration="12 steps",
                every="5 steps",
                cancelled=lambda: next(countdown),
            )
            break
        except CancelledError:
            sittings += 1
    assert sittings > 2
    assert fingerprint(model) == fingerprint(whole)
    assert trained.history == expected.history
    log = (tmp_path / "parts" / "log.jsonl").read_text()
    assert log == (tmp_path / "whole" / "log.jsonl").read_text()


def test_a_finished_training_is_not_trained_again(tmp_path: Path) -> None:
    first, second = make(), make(seed=9)
    before = fit(first, tmp_path, ema=0.9)
    after = fit(second, tmp_path, ema=0.9, cancelled=lambda: pytest.fail("a step was begun"))
    assert fingerprint(first) == fingerprint(second)
    assert after.history == before.history


def test_only_the_same_training_goes_on(tmp_path: Path) -> None:
    fit(make(), tmp_path, key="one")
    with pytest.raises(CheckpointError, match="other settings"):
        fit(make(), tmp_path, key="two")
