"""`gdl models`, `steps`, `datasets`, `measures`, `formats`, `recipes`: what there is, and the settings of one."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from gdl_cli.sources import read_shipped
from gdl_cli.tables import show_table
from gdl_core.explain import Setting, settings_of
from gdl_core.registry import Registry, get_registry
from gdl_core.specs import DatasetSpec, FormatSpec, MeasureSpec, ModelSpec, RecipeSpec, Spec, StepSpec

_FIELD = {ModelSpec: "config", StepSpec: "arguments", DatasetSpec: "config"}


def _facts(spec: Spec, registry: Registry) -> dict[str, str]:
    """Return what is worth knowing of a spec beyond its name and summary."""
    info = registry.plugin(spec.plugin)
    facts = {"plugin": f"{spec.plugin} ({info.package} {info.version})" if info.package else spec.plugin}
    if isinstance(spec, ModelSpec | MeasureSpec) and spec.roles:
        facts["roles" if isinstance(spec, ModelSpec) else "asks for"] = ", ".join(spec.roles)
    if isinstance(spec, ModelSpec) and spec.fitted:
        facts["learns"] = "at once, so that a recipe says no 'for'"
    if isinstance(spec, ModelSpec) and spec.source:
        facts["source"] = spec.source
    if isinstance(spec, StepSpec):
        facts["gives"] = spec.gives
    if isinstance(spec, DatasetSpec) and spec.licence:
        facts["licence"] = spec.licence
    if isinstance(spec, FormatSpec):
        facts["suffixes"] = " ".join(spec.suffixes)
        facts["holds"] = ", ".join(spec.kinds)
        facts["reads"] = "yes" if spec.read else "no"
    if isinstance(spec, DatasetSpec | FormatSpec | MeasureSpec) and spec.extra:
        lacking = registry.lacking(spec)
        facts["needs"] = f"the extra '{spec.extra}'" + (f": {lacking}" if lacking else " (installed)")
    return facts


def _settings(spec: Spec, registry: Registry) -> list[Setting]:
    field = next((field for kind, field in _FIELD.items() if isinstance(spec, kind)), None)
    return settings_of(registry.load(spec, field)) if field else []


def _one(kind: str, name: str, as_json: bool) -> None:
    registry = get_registry()
    find: Any = registry.find
    spec: Spec = find(kind, name)
    settings = _settings(spec, registry)
    if as_json:
        facts = {**asdict(spec), "settings": [asdict(setting) for setting in settings]}
        if kind in ("model", "step", "dataset"):
            field = next(field for cls, field in _FIELD.items() if isinstance(spec, cls))
            facts["schema"] = registry.load(spec, field).model_json_schema()
        click.echo(json.dumps(facts, indent=1, default=str))
        return
    if isinstance(spec, RecipeSpec):
        click.echo(read_shipped(spec), nl=False)
        return
    click.echo(f"{spec.name}: {spec.summary}")
    for key, value in _facts(spec, registry).items():
        click.echo(f"  {key}: {value}")
    if settings:
        click.echo()
        rows = [
            [
                setting.key,
                setting.type + (f", {setting.range}" if setting.range else ""),
                "needed" if setting.required else setting.default,
                setting.help,
            ]
            for setting in settings
        ]
        show_table(["setting", "is", "default", "help"], rows)


def _all(kind: str, as_json: bool) -> None:
    registry = get_registry()
    specs: tuple[Spec, ...] = getattr(registry, f"{kind}s")
    if as_json:
        click.echo(json.dumps([asdict(spec) for spec in specs], indent=1))
        return
    names = [spec.name for spec in specs]
    extra = {"model": "roles", "format": "suffixes", "step": "gives"}.get(kind, "")
    rows = []
    for spec in specs:
        name = spec.name if names.count(spec.name) == 1 else spec.full_name
        rows.append([name, *([_facts(spec, registry).get(extra, "")] if extra else []), spec.plugin, spec.summary])
    if rows:
        show_table([kind, *([extra] if extra else []), "plugin", "what it is"], rows)
    else:
        click.echo(f"no {kind}s")
    broken = [info.name for info in registry.plugins if not info.ok]
    if broken:
        click.echo(f"could not be loaded: {', '.join(broken)} (see: gdl plugins)", err=True)


def _command(kind: str, what: str) -> click.Command:
    @click.command(f"{kind}s", help=what)
    @click.argument("name", required=False)
    @click.option("--json", "as_json", is_flag=True, help="As JSON, with a JSON schema of the settings.")
    def command(name: str | None, as_json: bool) -> None:
        if name:
            _one(kind, name, as_json)
        else:
            _all(kind, as_json)

    return command


models = _command("model", "List models; with NAME, its roles and settings (what `set` takes).")
steps = _command("step", "List steps; with NAME, what it takes and gives.")
datasets = _command("dataset", "List datasets; with NAME, its settings.")
measures = _command("measure", "List measures; with NAME, what it asks of a model.")
formats = _command("format", "List file formats; with NAME, what it holds.")
recipes = _command("recipe", "List the recipes of all plugins; with NAME, its text.")
