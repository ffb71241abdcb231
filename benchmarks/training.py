"""What training, loading pictures and walking cost, against what a user would write in plain PyTorch and Pillow.

    python benchmarks/training.py                 # all, a few minutes on one core
    python benchmarks/training.py --only mlp conv --rounds 5 --json result.json

One thread. Rivals run in one process in turns, a block of steps each, in an order that rotates; every number is CPU
time, so other work on the machine disturbs it little, and a ratio compares blocks of one round. Shown is the median
over rounds with the least and greatest. `--only`: mlp, conv (training), games, overhead, photos, walk.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from training_games import GAMES, make_game, noise_pictures, plain_game
from training_rivals import (
    BATCH,
    NETWORKS,
    STEPS,
    Block,
    Runtime,
    bare_block,
    make_vae,
    pictures,
    plain_block,
    pythae_block,
)

from gdl_core import kernels
from gdl_core.data.dataset import Dataset
from gdl_core.noise import Noise
from gdl_core.training.memory import keep_freed_memory
from gdl_core.training.precision import has_native_bf16
from gdl_vae.vae import VAE


@dataclass(frozen=True)
class Row:
    """One comparison: how many times `rival`'s cost `ours` is better by, or an overhead in per cent."""

    what: str
    ours: str
    rival: str
    value: float | None
    low: float | None = None
    high: float | None = None
    goal: str = ""
    met: bool | None = None
    note: str = ""

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.what:34} {self.ours} / {self.rival}: not run ({self.note})"
        unit = "%" if "overhead" in self.what else "x"
        spread = f" [{self.low:.2f} … {self.high:.2f}]" if self.low is not None else ""
        verdict = "" if self.met is None else f"   goal {self.goal}: {'met' if self.met else 'MISSED'}"
        return f"{self.what:34} {self.ours} / {self.rival}: {self.value:.2f}{unit}{spread}{verdict}  {self.note}"


def interleaved(blocks: Mapping[str, Block], rounds: int) -> dict[str, list[float]]:
    """Run every block once per round, after one round that is not counted; return CPU seconds of each."""
    names = list(blocks)
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 1):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            start = time.process_time()
            blocks[name]()
            if number:
                times[name].append(time.process_time() - start)
    return times


def compare(what: str, times: Mapping[str, list[float]], ours: str, rival: str, goal: float | None) -> Row:
    """Return how many times faster `ours` is than `rival`."""
    ratios = [b / a for a, b in zip(times[ours], times[rival], strict=True)]
    value = median(ratios)
    met = None if goal is None else value >= goal
    return Row(what, ours, rival, value, min(ratios), max(ratios), f">= {goal}x" if goal else "", met)


def bench_training(kind: str, rounds: int) -> list[Row]:
    """Compare `train` with the plain loop and with pythae's trainer."""
    dataset = pictures()
    goals = {"mlp": (1.2, 1.65), "conv": (1.05, 1.5)}[kind]
    fp32 = Runtime(make_vae(kind), dataset, STEPS[kind], precision="fp32", held_out=0)
    bf16 = Runtime(make_vae(kind), dataset, STEPS[kind], precision="bf16", held_out=0)
    native = has_native_bf16(torch.device("cpu"))
    blocks: dict[str, Block] = {"plain": plain_block(kind, dataset), "gdl fp32": fp32.block}
    forced = {
        "plain": blocks["plain"],
        "gdl bf16": bf16.block,
    }  # many times slower, so apart from the others
    if native:
        blocks |= forced
    other = pythae_block(kind, dataset)
    if not isinstance(other, str):
        blocks["pythae"] = other
    times = interleaved(blocks, rounds)
    emulated = {} if native else interleaved(forced, 3)
    fp32.close()
    bf16.close()
    name = f"train {kind} VAE, batch {BATCH}"
    rows = [compare(name, times, "gdl fp32", "plain", goals[0])]
    if native:
        rows.append(compare(name, times, "gdl bf16", "plain", goals[1]))
    else:
        note = f"forced: without native bfloat16 training stays in fp32, and the goal of {goals[1]}x is not judged"
        rows.append(replace(compare(name, emulated, "gdl bf16", "plain", None), note=note))
    if isinstance(other, str):
        rows.append(Row(name, "gdl fp32", "pythae", None, note=other))
    else:
        rows += [compare(name, times, ours, "pythae", None) for ours in times if ours.startswith("gdl")]
        rows.append(compare(name, times, "pythae", "plain", None))
    return rows


def bench_games(rounds: int) -> list[Row]:
    """Compare rounds of games as `train` plays them with plain loops of the same networks."""
    rows = []
    native = has_native_bf16(torch.device("cpu"))
    for name, game in GAMES.items():
        dataset = noise_pictures(game.shape)
        runtimes = {
            f"gdl {precision}": Runtime(
                make_game(game), dataset, game.rounds, precision=precision, batch=game.batch, held_out=0
            )
            for precision in (("fp32", "bf16") if native else ("fp32",))
        }
        blocks = {"plain": plain_game(game, dataset)} | {name: runtime.block for name, runtime in runtimes.items()}
        times = interleaved(blocks, rounds)
        for runtime in runtimes.values():
            runtime.close()
        what = f"a round of {name}, batch {game.batch}"
        rows.append(compare(what, times, "gdl fp32", "plain", None))
        if native:
            rows.append(compare(what, times, "gdl bf16", "plain", game.goal))
    return rows


def bench_overhead(rounds: int) -> list[Row]:
    """Compare `train` with everything on (log, average, checkpoints, previews, callbacks) with its own bare step.

    The held-out curve is off: its cost is a choice (how often, on how many samples) and not the runtime's. Sums over
    all rounds are compared, since a checkpoint or a preview falls into few of them; and over four times as many rounds
    as elsewhere, since a few per cent are to be told from rounds that differ by more.
    """
    rows = []
    dataset = pictures()
    for kind, goal in (("conv", 3.0), ("mlp", 8.0)):
        runtime = Runtime(
            make_vae(kind), dataset, STEPS[kind], precision="fp32", ema=0.999, held_out=0, checkpoint_seconds=60
        )
        times = interleaved({"bare step": bare_block(kind, dataset), "runtime": runtime.block}, rounds)
        runtime.close()
        value = 100 * (sum(times["runtime"]) / sum(times["bare step"]) - 1)
        each = [100 * (a / b - 1) for a, b in zip(times["runtime"], times["bare step"], strict=True)]
        rows.append(
            Row(
                f"overhead of the runtime, {kind}",
                "runtime",
                "bare step",
                value,
                min(each),
                max(each),
                f"<= {goal}%",
                value <= goal,
            )
        )
    return rows


def bench_photos(rounds: int) -> list[Row]:
    """Compare batches from a folder of one-megapixel JPEGs with decoding each of them by Pillow in every epoch."""
    from gdl_core.data.folder import hash_files, load_pictures
    from gdl_core.data.pictures import Framing

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "photos"
        root.mkdir()
        names = [f"{number:02}.jpg" for number in range(24)]
        for name in names:
            small = Image.fromarray(rng.integers(0, 256, (64, 64, 3)).astype(np.uint8))
            small.resize((1024, 1024), Image.Resampling.BICUBIC).save(root / name, quality=90)
        number = 0

        def pillow() -> None:
            for name in names:
                with Image.open(root / name) as picture:
                    resized = picture.convert("RGB").resize((64, 64), Image.Resampling.BICUBIC)
                torch.from_numpy(np.asarray(resized).copy()).permute(2, 0, 1).float().div_(255)

        def first() -> np.ndarray[Any, Any]:
            nonlocal number
            number += 1
            os.environ["GDL_CACHE"] = str(Path(folder) / f"cache{number}")
            hashes, _ = hash_files(root, names, lambda done, total: None)
            return load_pictures("images", root, names, hashes, Framing(64), lambda done, total: None).pictures

        dataset = Dataset("photos", first(), {}, np.empty(0, np.int64), "photos")
        repeats = 50

        def later() -> None:
            for _ in range(repeats):
                dataset.tensor(rng.permutation(len(dataset)))

        times = interleaved({"Pillow each epoch": pillow, "first pass": first, "later epochs": later}, rounds)
    times["later epochs"] = [value / repeats for value in times["later epochs"]]
    return [
        compare("photos, 1024² JPEG to 64²", times, "later epochs", "Pillow each epoch", 100),
        compare("photos, 1024² JPEG to 64²", times, "first pass", "Pillow each epoch", 2.5),
    ]


def bench_walk(rounds: int) -> list[Row]:
    """Compare a walk of 240 frames as the step makes it with decoding frame by frame."""
    from gdl_core.latent.paths import through
    from gdl_core.latent.tiles import decode_rows, measure_tile, to_pixels
    from gdl_core.values import TrainedModel

    frames, rows = 240, []
    for kind in NETWORKS:
        model = make_vae(kind).eval()
        trained = TrainedModel(model, "vae", "0", {}, (1, 28, 28), measure_tile(model), "0")
        keys = Noise(0).normal(5, (16,))

        def walk(trained: TrainedModel = trained, keys: Tensor = keys) -> None:
            with torch.no_grad():
                to_pixels(decode_rows(trained, through(keys.numpy(), frames, "slerp")))

        def one_by_one(model: VAE = model, keys: Tensor = keys) -> None:
            with torch.no_grad():
                for time_ in torch.linspace(0, 4, frames).tolist():
                    index = min(int(time_), 3)
                    a, b, share = keys[index], keys[index + 1], time_ - index
                    angle = torch.arccos(torch.dot(a / a.norm(), b / b.norm()))
                    z = (torch.sin((1 - share) * angle) * a + torch.sin(share * angle) * b) / torch.sin(angle)
                    picture = torch.sigmoid(model.decoder(z[None]))[0]
                    (picture.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()

        times = interleaved({"walk": walk, "frame by frame": one_by_one}, rounds)
        row = compare(
            f"walk of {frames} frames, {kind} decoder", times, "walk", "frame by frame", 4 if kind == "conv" else None
        )
        rows.append(row)
    return rows


def _allocate_alike() -> None:
    """Let all threads allocate from one arena: glibc gives each its own, of another kind than the main thread's."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if library is not None and hasattr(library, "gnu_get_libc_version"):
        library.mallopt(-8, 1)  # M_ARENA_MAX


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen comparisons, print them, and return how many goals were missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sections = ("mlp", "conv", "games", "overhead", "photos", "walk")
    parser.add_argument("--only", nargs="+", choices=sections, default=sections)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    keep_freed_memory()  # process-wide, so that it speeds the plain loop up as well
    _allocate_alike()
    machine = {
        "processor": getattr(torch.cpu, "get_capabilities", dict)().get("cpu_name") or platform.processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "kernels": kernels.info(),
        "rounds": options.rounds,
        "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
    }
    print(json.dumps(machine))
    makers: dict[str, Callable[[], list[Row]]] = {
        "mlp": lambda: bench_training("mlp", options.rounds),
        "conv": lambda: bench_training("conv", options.rounds),
        "games": lambda: bench_games(options.rounds),
        "overhead": lambda: bench_overhead(4 * options.rounds),
        "photos": lambda: bench_photos(options.rounds),
        "walk": lambda: bench_walk(options.rounds),
    }
    rows: list[Row] = []
    for section in options.only:
        made = makers[section]()
        rows += made
        print(*made, sep="\n", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}, indent=1))
    missed = sum(row.met is False for row in rows)
    print(f"{sum(row.met is True for row in rows)} goals met, {missed} missed")
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
