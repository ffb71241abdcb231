"""The tables of docs/benchmarks.md come from the JSON beside the benchmark, and from nothing else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/benchmarks.md"
RESULTS = sorted((ROOT / "benchmarks/results").glob("kernels-*.json"))


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import publish

    return publish


def test_every_table_of_the_page_has_its_result() -> None:
    named = re.findall(r"^<!-- (kernels-\S+\.json) -->$", PAGE.read_text(encoding="utf-8"), flags=re.M)
    assert named
    assert sorted(named) == [result.name for result in RESULTS]


@pytest.mark.parametrize("result", RESULTS, ids=lambda path: path.stem)
def test_the_page_is_what_its_result_makes(publisher: ModuleType, result: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert publisher.publish(page, result.name, json.loads(result.read_text(encoding="utf-8"))) == page


@pytest.mark.parametrize("result", RESULTS, ids=lambda path: path.stem)
def test_results_hold_no_paths(result: Path) -> None:
    assert not re.search(r"/(home|tmp|root|work|usr|opt)\b", result.read_text(encoding="utf-8"))


def small_result() -> dict[str, Any]:
    met = {"seconds": 4e-5, "ratio": 4.0, "low": 3.5, "high": 4.5, "pairs": 5, "peak": None}
    met |= {"goal": 3.8, "verdict": "met", "error": ""}
    row = {"family": "noise", "op": "reparameterize", "detail": "with KL", "shape": "8x8", "dtype": "float32"}
    row |= {"kind": "forward", "timing": "cpu", "threads": 1, "seconds": 1e-5, "bytes": 768, "gbps": 0.1, "peak": None}
    row |= {"share": 0.01, "error": ""}
    against = {
        "eager": met,
        "compile": met | {"ratio": 0.0, "goal": 2.0, "verdict": "not run", "error": "InvalidCxxCompiler: none found"},
        "numpy": met | {"ratio": 1.5, "goal": 2.5, "verdict": "MISSED"},
        "copy": met | {"ratio": 0.5, "low": 0.4, "high": 0.6, "goal": 0.9, "verdict": "MISSED"},
    }
    cost = {"op": "randn", "detail": "", "kind": "forward", "small": "8x8", "large": "9x9", "seconds": 5e-6}
    cost |= {"low": 4e-6, "high": 7e-6, "goal": 6e-6, "verdict": "met"}
    words = {"command": "python benchmarks/kernels.py", "date": "2026-11-23", "commit": "abc", "cpu": "CPU"}
    words |= {"cores": 2, "isa": "avx2", "implementation": "native", "torch": "2.13.0", "numpy": "2", "python": "3.11"}
    copied = {"float32": {"median": 17.25, "low": 16.0, "high": 18.0}}
    row["against"] = against
    return {
        "environment": words | {"load": 0.1},
        "copy_gbps": copied,
        "rows": [row],
        "calls": [cost],
        "left_out": [],
    }


def test_misses_and_what_did_not_run_are_told(publisher: ModuleType) -> None:
    text = publisher.block(small_result())
    assert "2 goals met, 2 missed, 1 not judged." in text
    assert "| eager | **4.00** (3.50–4.50) | ≥ 3.8 | met |" in text
    assert "| numpy | **1.50** (3.50–4.50) | ≥ 2.5 | MISSED |" in text
    assert "| copy bandwidth | **50 %** (40 %–60 %) | ≥ 90 % | MISSED |" in text
    assert "| compile | not run | ≥ 2 | not run |" in text
    assert "- compile not run: InvalidCxxCompiler: none found\n" in text
    assert "| **5.0** (4.0–7.0) µs | ≤ 6 µs | met |" in text
    tables = [line.count("|") for line in text.splitlines() if line.startswith("|")]
    assert set(tables) == {9, 10}


def test_a_rival_that_differs_is_a_miss_without_a_goal_too(publisher: ModuleType) -> None:
    result = small_result()
    result["rows"][0]["against"]["numpy"] |= {"goal": None, "verdict": "DIFFERS", "error": "DifferentError: by much"}
    text = publisher.block(result)
    assert "2 goals met, 2 missed, 1 not judged." in text
    assert "| numpy | DIFFERS |  | DIFFERS |" in text
    assert "- numpy DIFFERS: DifferentError: by much\n" in text


def test_a_kernel_that_failed_stands_in_both_tables(publisher: ModuleType) -> None:
    result = small_result()
    result["rows"][0] |= {"error": "RuntimeError: no such op", "against": {}, "share": None}
    text = publisher.block(result)
    assert text.count("failed: RuntimeError: no such op") == 2
    assert "1 goals met, 1 missed." in text


def test_only_the_block_changes(publisher: ModuleType) -> None:
    before, after = "# Page\n<!-- a.json -->\n", "<!-- end of a.json -->\nrest\n<!-- b.json -->\n"
    page = publisher.publish(before + "old\n" + after, "a.json", small_result())
    assert page.startswith(before)
    assert page.endswith(after)
    assert "old" not in page
    assert publisher.publish(page, "a.json", small_result()) == page


@pytest.mark.parametrize("page", ["", "<!-- a.json -->\n", "<!-- end of a.json -->\n<!-- a.json -->\n"])
def test_a_page_without_the_block_is_refused(publisher: ModuleType, page: str) -> None:
    with pytest.raises(ValueError, match=r"needs one line <!-- a\.json -->"):
        publisher.publish(page, "a.json", {})


@pytest.mark.slow
def test_the_command_writes_what_the_page_takes(publisher: ModuleType, tmp_path: Path) -> None:
    words = [
        "--match",
        "uniform",
        "64x128",
        "--pairs",
        "2",
        "--rivals",
        "eager",
        "numpy",
        "--json",
        tmp_path / "r.json",
    ]
    command = [sys.executable, "-P", ROOT / "benchmarks/kernels.py", *words] if sys.version_info >= (3, 11) else []
    command = command or [sys.executable, ROOT / "benchmarks/kernels.py", *words]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert str(tmp_path) not in json.dumps(result)
    assert [(row["op"], row["shape"]) for row in result["rows"]] == [("uniform", "64x128")]
    assert "| uniform | forward | 64x128 |" in publisher.block(result)
