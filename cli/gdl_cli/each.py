"""`gdl run RECIPE --each NAME=VALUES`: one recipe with many values."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from gdl_cli.display import Display
from gdl_cli.sources import check_named
from gdl_core.errors import CancelledError, GdlError, StorageError, printable
from gdl_core.recipe import SharedResults, plan_run, run_recipe
from gdl_core.recipe.lock import RunFolder
from gdl_core.recipe.overview import Outcome, write_overview
from gdl_core.recipe.sweep import Variant, parse_each, variants
from gdl_core.registry import Registry

_ENOUGH = 1 << 60


def run_each(
    word: str,
    each: Sequence[str],
    registry: Registry,
    *,
    overrides: Sequence[str],
    out: Path | None,
    only: Sequence[str],
    force: Sequence[str],
    device: str,
    no_cache: bool,
    dry_run: bool,
    display: Display,
    stop: Callable[[], bool],
    as_json: bool,
) -> int:
    """Run a recipe with every combination of values; 0 if all are done, 1 if some failed."""
    axes = parse_each(each)
    recipe = check_named(word, registry, overrides)
    folder = out or Path("runs") / f"{recipe.name}-each"
    runs = variants(axes, lambda pairs: check_named(word, registry, [*overrides, *pairs]), folder)
    own = SharedResults(folder.absolute() / ".gdl" / "results", _ENOUGH, device or recipe.device)
    shared = own if no_cache else SharedResults.of_user(device or recipe.device)
    if dry_run:
        _dry_run(runs, registry, only, force, shared, as_json)
        return 0
    outcomes: list[Outcome] = []
    with RunFolder.open(folder.absolute()).held():
        for number, run in enumerate(runs, 1):
            display.say(f"[{number}/{len(runs)}] {run.folder.name}")
            outcomes.append(_outcome(run, registry, device, only, force, display, stop, shared))
        display.say("sheets and tables over all runs")
        files = write_overview(folder, recipe, axes, outcomes, registry)
    failed = [outcome for outcome in outcomes if outcome.error]
    _tell(files, failed, as_json)
    return 1 if failed else 0


def _dry_run(
    runs: Sequence[Variant], registry: Registry, only: Sequence[str], force: Sequence[str], shared: SharedResults,
    as_json: bool,
) -> None:  # fmt: skip
    for run in runs:
        plan = plan_run(run.recipe, run.folder, registry, only=only, force=force, shared=shared)
        counts = Counter(entry.action for entry in plan)
        if as_json:
            click.echo(json.dumps({"folder": run.folder.name, **counts}))
        else:
            told = ", ".join(f"{count} {action}" for action, count in counts.items())
            click.echo(printable(f"{run.folder}: {told}"))


def _outcome(
    run: Variant, registry: Registry, device: str, only: Sequence[str], force: Sequence[str], display: Display,
    stop: Callable[[], bool], shared: SharedResults,
) -> Outcome:  # fmt: skip
    """Do one run; what is wrong with it alone does not keep the others from running."""
    try:
        result = run_recipe(
            run.recipe, run.folder, registry, device=device, only=only, force=force, observer=display, cancelled=stop,
            shared=shared,
        )  # fmt: skip
    except (CancelledError, StorageError):
        raise
    except GdlError as error:
        click.echo(printable(f"{run.folder.name}: {error}"), err=True)
        return Outcome(run, (), str(error))
    return Outcome(run, result.steps)


def _tell(files: Sequence[Path], failed: Sequence[Outcome], as_json: bool) -> None:
    shown = [file for file in files if not file.name.endswith(".gdl.json")]
    if as_json:
        click.echo(json.dumps({"event": "sweep_end", "files": [str(file) for file in shown], "failed": len(failed)}))
        return
    for file in shown:
        click.echo(printable(f"  {file}"))
    if failed:
        click.echo(f"{len(failed)} of the runs failed: {', '.join(outcome.variant.folder.name for outcome in failed)}")
