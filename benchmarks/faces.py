"""The recipes faces-gan and faces-style for one and the same time, and what came of each, in one table.

    python benchmarks/faces.py --work faces                     # 60 minutes of training each
    python benchmarks/faces.py --work faces --only faces-style
    python benchmarks/faces.py --work faces --table --sets 6 > benchmarks/results/faces.txt

A few epochs are trained first, to tell how many fit into the time; then the whole recipe is run with so many, as a user
would: `gdl run RECIPE -s epochs=N`. Its sheets, films and report stay in the folder of the run. Time is that of the
training step, with its checkpoints, previews and held-out points. Both recipes compare first samples of their seed with
held-out faces, in the features of a probe that both train alike; its hash stands over the table. --sets N takes N more
sets of as many samples, and tells precision, recall and coverage with their standard errors, since one set does not say
what is chance.

Exit status of --table: 1 if faces-style has not both the lower Fréchet distance and the higher recall.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

RECIPES = {"faces-gan": "gan", "faces-style": "stylegan"}  # and the model that each trains
STEP = "gan"  # that trains, in both
SEED = 7  # of both
REHEARSED = (1, 3)  # epochs; their difference knows nothing of what is done but once
MARGIN = 0.9  # of the time is planned for: the speed of a shared machine changes by a tenth within an hour
LATE = 1.02  # of the time, beyond which a run does not count
EQUAL = 0.05  # by which faces-style may have taken longer than faces-gan

Row = dict[str, str]


def train_step(folder: Path) -> dict[str, Any]:
    """Return what the report of a run tells of its training."""
    report = json.loads((folder / "report.json").read_text())
    return next(step for step in report["steps"] if step["name"] == STEP)


def run(recipe: str, folder: Path, epochs: int, *more: str) -> None:
    """Run a recipe; stop here if it fails."""
    words = ["run", recipe, "-s", f"epochs={epochs}", "--out", str(folder), *more]
    print("gdl", *words, flush=True)
    subprocess.run([sys.executable, "-m", "gdl_cli.main", *words], check=True)


def measure(recipe: str, work: Path, minutes: float) -> None:
    """Find how many epochs fit into the time, and run the recipe with them."""
    told = work / f"{recipe}.json"
    if not told.exists():  # a run that was broken off goes on with the same number
        seconds = []
        for epochs in REHEARSED:
            folder = work / f"{recipe}-rehearsal-{epochs}"
            run(recipe, folder, epochs, "--only", STEP, "--no-cache")
            seconds.append(float(train_step(folder)["seconds"]))
        each = (seconds[1] - seconds[0]) / (REHEARSED[1] - REHEARSED[0])
        epochs = max(1, int(MARGIN * 60 * minutes / each))
        told.write_text(json.dumps({"epochs": epochs, "minutes": minutes, "seconds an epoch": each}))
    run(recipe, work / recipe, json.loads(told.read_text())["epochs"], "--no-cache")


def numbers(folder: Path, model: str) -> list[Row]:
    """Return what a run has measured, a row for each number, its `value` that of the model."""
    with (folder / "numbers.csv").open(newline="") as file:
        return [{**row, "value": row[model]} for row in csv.DictReader(file)]


def value(rows: list[Row], name: str) -> float:
    """Return the number whose name begins so."""
    return float(next(row["value"] for row in rows if row["measure"].startswith(name)))


def judged(first: list[Row], second: list[Row]) -> str:
    """Return how samples were compared, if both recipes did it alike."""
    notes = {row["note"] for rows in (first, second) for row in rows if row["measure"] == "precision"}
    if len(notes) != 1:
        raise SystemExit(f"the recipes were judged by different features: {'; '.join(sorted(notes))}")
    return notes.pop()


def repeat(work: Path, sets: int) -> None:
    """Print the means of scores over several sets of samples, and of training samples, as many in each."""
    from gdl_core.latent.tiles import sample_rows
    from gdl_core.measures.precision_recall import compare
    from gdl_core.measures.spaces import Space
    from gdl_core.measures.subject import Subject
    from gdl_core.noise import Noise
    from gdl_core.recipe.keep import kept
    from gdl_core.registry import get_registry
    from gdl_core.steps.context import StepContext

    registry, states = get_registry(), {recipe: work / recipe / ".gdl" for recipe in RECIPES}
    probe = kept("model", states["faces-gan"] / "judge", registry)
    spec = registry.find("dataset", "faces")
    context = StepContext("data", Noise(SEED).stream("step", "data"), work, work, registry)
    data = registry.load(spec, "target")(registry.load(spec, "config")(n=10_000, size=64), context)
    print(f"\n{sets} sets of samples, mean ± standard error")
    for recipe, state in states.items():
        trained = kept("model", state / STEP, registry)
        if data.fingerprint != trained.data["fingerprint"]:
            raise SystemExit("the faces are not those that were trained on: another version of the recipes drew them")
        space = Space(Subject(trained, data, Noise(SEED), extractor=probe))
        made = (sample_rows(trained, space.n, Noise(SEED).stream("set", number)) for number in range(sets))
        found = [compare(space.real, space.of(x)) for x in made]
        print(f"{recipe:12}", *(_spread(found, name) for name in ("precision", "recall", "coverage")))
    held = compare(space.real, space.train)
    print(f"{'training':12}", *(f"{name} {getattr(held, name):.3f}" for name in ("precision", "recall", "coverage")))


def _spread(found: list[Any], name: str) -> str:
    values = [getattr(scores, name) for scores in found]
    return f"{name} {statistics.mean(values):.3f} ± {statistics.stdev(values) / len(values) ** 0.5:.3f} "


def table(work: Path) -> int:
    """Print what has been found; return 1 if the goal is missed."""
    print(f"python benchmarks/faces.py, torch {version('torch')}, Python {platform.python_version()}\n")
    found = {recipe: numbers(work / recipe, model) for recipe, model in RECIPES.items()}
    times = {}
    for recipe in RECIPES:
        step, plan = train_step(work / recipe), json.loads((work / f"{recipe}.json").read_text())
        times[recipe] = float(step["seconds"])
        print(f"{recipe}: {plan['epochs']} epochs in {times[recipe] / 60:.1f} minutes; {'; '.join(step['notes'])}")
        if times[recipe] > LATE * 60 * plan["minutes"]:
            raise SystemExit(f"{recipe} took longer than its {plan['minutes']:g} minutes: run it again")
    if times["faces-style"] > (1 + EQUAL) * times["faces-gan"]:
        raise SystemExit("faces-style took longer than faces-gan, so that they cannot be compared: run it again")
    first, second = (found[recipe] for recipe in RECIPES)
    print(f"\n{judged(first, second)}\n")
    lines = [("", *RECIPES, "baselines")]
    lines += [
        (a["measure"], f"{float(a['value']):.4g}", f"{float(b['value']):.4g}", a["baselines"])
        for a in first for b in second if a["measure"] == b["measure"]
    ]  # fmt: skip
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    closer = value(second, "Fréchet") < value(first, "Fréchet")
    wider = value(second, "recall") > value(first, "recall")
    print(f"\nfaces-style: Fréchet distance {'lower' if closer else 'NOT lower'}, ", end="")
    print(f"recall {'higher' if wider else 'NOT higher'}")
    return int(not (closer and wider))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder of what is done")
    parser.add_argument("--only", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--table", action="store_true", help="train nothing, print the table")
    parser.add_argument("--sets", type=int, default=0, help="with --table: sets of samples, two or more")
    arguments = parser.parse_args()
    if arguments.table:
        missed = table(arguments.work)
        if arguments.sets:
            repeat(arguments.work, arguments.sets)
        return missed
    arguments.work.mkdir(parents=True, exist_ok=True)
    for recipe in arguments.only:
        measure(recipe, arguments.work, arguments.minutes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
