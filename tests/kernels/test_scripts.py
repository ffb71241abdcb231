"""The scripts for machines with a GPU, as far as they can run without one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from kernels.impls import needs_native

ROOT = Path(__file__).resolve().parents[2]


@needs_native
def test_every_op_is_touched() -> None:
    script = [sys.executable, ROOT / "scripts/touch_kernels.py", "--device", "cpu", "--small"]
    done = subprocess.run(
        script, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert done.returncode == 0, done.stderr
    assert "reparam_backward" in done.stdout


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_the_gpu_check_says_at_once_that_there_is_none(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHON": sys.executable, "OUT": str(tmp_path / "out")}
    done = subprocess.run(["bash", ROOT / "scripts/gpu_check.sh"], capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert "there is no GPU" in done.stderr
    assert not (tmp_path / "out").exists()
