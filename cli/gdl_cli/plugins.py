"""`gdl plugins`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from gdl_core.registry import get_registry
from gdl_core.registry.contents import SPEC_HOOKS


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def plugins(as_json: bool) -> None:
    """List plugins with what they offer, and why some could not be loaded."""
    registry = get_registry()
    rows = []
    for info in registry.plugins:
        offers = {
            part: [spec.name for spec in getattr(registry, part) if spec.plugin == info.name] for part in SPEC_HOOKS
        }
        rows.append({**asdict(info), "offers": {part: names for part, names in offers.items() if names and info.ok}})
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        package = f"{row['package']} {row['version']}".strip()
        click.secho(f"{row['name']:12} {package}", fg=None if row["ok"] else "red", nl=False)
        if row["ok"]:
            click.echo("  " + "; ".join(f"{len(names)} {part}" for part, names in row["offers"].items()))
        else:
            click.echo(f"  could not be loaded: {row['error']}")
    if not rows:
        click.echo("no plugins; install gdl-toolkit with pip, so that its own are found")
