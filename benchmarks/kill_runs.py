"""Kill a run at many moments, give the same command again, and compare all it made with an undisturbed run.

    python benchmarks/kill_runs.py --set epochs=2 --out benchmarks/results/killed-digits.txt

Most moments lie inside the writing of a file (`tests/recipe/killing.py` says how), the others are spread over the time.
Right after each kill no file may be there in part; after the second run every file has to be equal, bit for bit.

Exit status: 1 if anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from recipe.killing import Event, Killed, complete, contents, events, temporary, wounds

KINDS = (
    "checkpoint write", "output write", "time", "checkpoint rename", "lock write", "checkpoint renamed",
    "output rename", "model write", "time", "checkpoint fsync", "state write", "output renamed", "checkpoint remove",
    "time", "model rename", "lock renamed", "checkpoint write", "output write", "report write", "time",
    "checkpoint renamed", "key write", "checkpoint write", "output fsync", "time",
)  # fmt: skip
"""What is hit, over and over: the kind of file and what is done to it; or a moment of the clock."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="digits")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="as gdl run -s")
    parser.add_argument("--moments", type=int, default=25)
    parser.add_argument("--every", type=int, default=20, help="training steps between checkpoints")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write the table here too")
    parser.add_argument("--keep", action="store_true", help="leave the run folders where they are")
    arguments = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="killed-"))
    os.environ["GDL_CACHE"] = str(place / "cache")
    try:
        lines, bad = Killing(arguments, place).all()
    finally:
        if not arguments.keep:
            shutil.rmtree(place, ignore_errors=True)
    if arguments.out:
        arguments.out.write_text("\n".join(lines) + "\n")
    return 1 if bad else 0


class Killing:
    """One recipe, killed many times; `place` is where all of it lies."""

    def __init__(self, options: argparse.Namespace, place: Path) -> None:
        self.options, self.place, self.whole = options, place, place / "whole"
        self.lines: list[str] = []
        self.bad = 0

    def arguments(self, out: Path) -> list[str]:
        sets = [word for pair in self.options.set for word in ("-s", pair)]
        return ["run", self.options.recipe, *sets, "--no-cache", "--json", "--out", str(out)]

    def say(self, line: str) -> None:
        print(line, flush=True)
        self.lines.append(line)

    def all(self) -> tuple[list[str], int]:
        began = time.monotonic()
        sets = "".join(f" --set {pair!r}" if " " in pair else f" --set {pair}" for pair in self.options.set)
        self.say(
            f"python benchmarks/kill_runs.py --recipe {self.options.recipe}{sets} "
            f"--moments {self.options.moments} --every {self.options.every} --seed {self.options.seed}"
        )
        versions = ", ".join(f"{name} {version(name)}" for name in ("gdl-toolkit", "torch", "numpy", "safetensors"))
        self.say(f"{date.today()}, {_processor()}, Python {platform.python_version()}, {versions}\n")
        self.finish(self.whole)  # which also fills the cache, so that no run after it measures the precision again
        started = time.monotonic()
        folder, log = self.place / "census", self.place / "log"
        census = Killed(folder, log, self.arguments(folder), every=self.options.every)
        if census.wait() != 0 or contents(folder) != contents(self.whole):
            raise SystemExit(f"two undisturbed runs differ, so there is nothing to compare with\n{census.told}")
        self.seconds = time.monotonic() - started
        found = events(log)
        moments = self.moments(found)
        steps, files = complete(self.whole), len(contents(self.whole))
        self.say(f"an undisturbed run: {steps} steps, {files} files, {len(found)} things done to files\n")
        row = "{:>3}  {:72}  {:>8}  {:34}  {}"
        self.say(row.format("", "killed", "complete", "went on from", "equal").rstrip())
        gone_on = 0
        for number, moment in enumerate(moments, 1):
            where, done, resumed, told = self.one(number, moment)
            gone_on += bool(resumed)
            self.bad += bool(told)
            self.say(row.format(number, where, f"{done}/{steps}", resumed or "-", "yes" if not told else "NO"))
            for fault in told:
                self.say(f"     {fault}")
        self.say(
            f"\n{len(moments)} kills, {sum(isinstance(moment, Event) for moment in moments)} of them inside a write; "
            f"{gone_on} went on from a checkpoint; {self.bad} ended otherwise than an undisturbed run "
            f"({(time.monotonic() - began) / 60:.0f} minutes)"
        )
        return self.lines, self.bad

    def moments(self, found: list[Event]) -> list[Event | float]:
        """Choose moments: events of the kinds above, and seconds for the clock, in the order of the run."""
        chance = random.Random(self.options.seed)
        clocks = sum(kind == "time" for kind in (KINDS * self.options.moments)[: self.options.moments])
        chosen: dict[int, Event] = {}
        for kind in (KINDS * self.options.moments)[: self.options.moments]:
            fitting = [e for e in found if f"{e.kind} {e.what}" == kind and e.number not in chosen]
            if kind != "time" and fitting:
                event = chance.choice(fitting)
                chosen[event.number] = event
        times = [self.seconds * (index + chance.random()) / clocks for index in range(clocks)]
        return [*times, *(chosen[number] for number in sorted(chosen))]

    def one(self, number: int, moment: Event | float) -> tuple[str, int, str, list[str]]:
        """Kill at one moment and go on; return where it was, the steps complete, from where it went on, the faults."""
        folder, log = self.place / f"killed-{number}", self.place / "log"
        at, seconds = (moment.number, None) if isinstance(moment, Event) else (0, moment)
        killed = Killed(folder, log, self.arguments(folder), [at], self.options.every)
        code = killed.wait(seconds)
        while code == 0 and seconds is not None:  # this time it was faster than the clock
            shutil.rmtree(folder)
            seconds /= 2
            code = Killed(folder, log, self.arguments(folder), [at], self.options.every).wait(seconds)
        found = events(log)
        where = str(found[-1]) if at and found else f"after {seconds or 0:.1f} s"
        told = [] if code == -9 else [f"it was not killed: exit code {code} {killed.told.strip()}"]
        if isinstance(moment, Event) and str(moment) != where:
            told.append(f"expected: {moment}")
        told += wounds(folder, self.whole)
        done = complete(folder)
        notes = self.finish(folder)
        mine, theirs = contents(folder), contents(self.whole)
        told += [f"{name}: differs" for name in sorted(mine.keys() | theirs) if mine.get(name) != theirs.get(name)]
        told += [f"{name}: left behind" for name in temporary(folder) if name not in mine]
        if not self.options.keep and not told:
            shutil.rmtree(folder)
        return where, done, "; ".join(notes), told

    def finish(self, folder: Path) -> list[str]:
        """Give the plain command; return which trainings and searches went on, and from where."""
        command = [sys.executable, "-m", "gdl_cli.main", *self.arguments(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"the undisturbed command fails: {done.stderr}")
        said = [json.loads(line) for line in done.stdout.splitlines()]
        notes = [entry for entry in said if entry["event"] == "note" and "gone on from " in entry["text"]]
        return [f"{entry['step']} {entry['text'].rpartition('gone on from ')[2]}" for entry in notes]


def _processor() -> str:
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {os.cpu_count()} cores"


if __name__ == "__main__":
    sys.exit(main())
