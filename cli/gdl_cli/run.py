"""`gdl run`."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from gdl_cli.again import is_output, run_again
from gdl_cli.display import Display, JsonDisplay, PlainDisplay, RichDisplay
from gdl_cli.each import run_each
from gdl_cli.sources import check_named
from gdl_cli.words import duration
from gdl_core.errors import InputError, printable
from gdl_core.processes import processes
from gdl_core.recipe import Action, SharedResults, plan_run, run_recipe
from gdl_core.registry import get_registry


class Stop:
    """Turned on by Ctrl-C or SIGTERM; a second Ctrl-C stops at once."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        return self.asked

    def handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        click.echo("stopping cleanly; once more stops at once", err=True)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Catch both signals inside the block."""
        before = {number: signal.signal(number, self.handle) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@click.command()
@click.argument("recipe")
@click.option("-s", "--set", "overrides", multiple=True, metavar="NAME=VALUE", help="Set a var, or step.key.")
@click.option(
    "--each", multiple=True, metavar="NAME=VALUES", help="Run with each value: seed=1..16, or vae.set.beta=0.5,1,4."
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Run folder. [default: runs/RECIPE]")
@click.option("--only", multiple=True, metavar="STEP", help="Run this step and what it needs.")
@click.option(
    "--force", multiple=True, metavar="STEP", help="Do this step, and what depends on it, from the beginning."
)
@click.option("--device", help="auto, cpu, cuda, cuda:0 or mps.")
@click.option("--no-cache", is_flag=True, help="Neither take results of other runs nor leave any for them.")
@click.option("--dry-run", is_flag=True, help="Say what would run, what is there already, and what it writes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout.")
def run(
    recipe: str,
    overrides: tuple[str, ...],
    each: tuple[str, ...],
    out: Path | None,
    only: tuple[str, ...],
    force: tuple[str, ...],
    device: str | None,
    no_cache: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Run RECIPE: a .yaml file, or a name from `gdl recipes`.

    Steps that are complete and unchanged are left alone, and a training that was stopped goes on, so running again is
    always right. Given a file that a run has written (a picture, a film, a table, a model), make it again from the
    record inside it and compare: 0 if the two are equal bit for bit, 1 if not.

    With --each it is run with every combination of values, each in a folder of its own, and sheets and tables over all
    runs are written beside those.

    Started by torchrun (torchrun --nproc-per-node 2 -m gdl_cli.main run RECIPE), the first process runs the recipe and
    the others judge populations with it.
    """
    registry = get_registry()
    stop = Stop()
    if processes()[1] > 1 and (each or dry_run or is_output(recipe, registry)):
        raise InputError("several processes, as torchrun starts them, run one recipe, without --each or --dry-run")
    if is_output(recipe, registry):
        if only or force or dry_run or each:
            raise InputError("--only, --force, --each and --dry-run are for recipes; a file is made by its own step")
        with stop.listening():
            return run_again(Path(recipe), registry, overrides, out, device or "", _display(as_json), stop, as_json)
    if each:
        with stop.listening(), _display(as_json) as display:
            return run_each(
                recipe, each, registry, overrides=overrides, out=out, only=only, force=force, device=device or "",
                no_cache=no_cache, dry_run=dry_run, display=display, stop=stop, as_json=as_json,
            )  # fmt: skip
    checked = check_named(recipe, registry, overrides)
    folder = out or Path("runs") / checked.name
    shared = None if no_cache else SharedResults.of_user(device or checked.device)
    if dry_run:
        _dry_run(plan_run(checked, folder, registry, only=only, force=force, shared=shared), folder, as_json)
        return 0
    with stop.listening(), _display(as_json) as display:
        run_recipe(
            checked,
            folder,
            registry,
            device=device or "",
            only=only,
            force=force,
            observer=display,
            cancelled=stop,
            shared=shared,
        )
    return 0


def _display(as_json: bool) -> Display:
    if processes()[0]:  # what the first process tells is enough
        return Display()
    if as_json:
        return JsonDisplay()
    return RichDisplay() if sys.stdout.isatty() else PlainDisplay()


def _dry_run(actions: Sequence[Action], folder: Path, as_json: bool) -> None:
    for entry in actions:
        step = entry.planned.step
        facts = {
            "step": step.name,
            "do": step.spec.full_name,
            "action": entry.action,
            "key": entry.planned.key,
            "save": list(step.save),
            "seconds": entry.seconds,
        }
        if as_json:
            click.echo(json.dumps(facts))
        else:
            time = f"about {duration(entry.seconds)}" if entry.seconds is not None else ""
            saves = f"-> {', '.join(step.save)}" if step.save else ""
            click.echo(f"{entry.action:10} {step.name:12} {step.spec.name:12} {time:14} {saves}".rstrip())
    if as_json:
        return
    todo = [entry for entry in actions if entry.action in ("run", "continue")]
    known = [entry.seconds for entry in todo if entry.seconds is not None]
    if known:
        unknown = len(todo) - len(known)
        more = f", and {unknown} step{'s' * (unknown > 1)} never timed" if unknown else ""
        click.echo(f"about {duration(sum(known))}{more}")
    click.echo(f"run folder: {printable(str(folder))}")
