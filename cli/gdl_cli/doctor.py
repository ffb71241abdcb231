"""`gdl doctor`."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

import click

import gdl_core
from gdl_core.registry import get_registry
from gdl_core.specs import DatasetSpec, FormatSpec, MeasureSpec


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def doctor(as_json: bool) -> None:
    """Say what gdl finds on this machine: devices, native kernels, plugins, extras, folders."""
    facts = examine()
    if as_json:
        click.echo(json.dumps(facts, indent=1))
        return
    for title, rows in facts.items():
        click.secho(title, bold=True)
        for key, value in rows.items():
            click.echo(f"  {key:12} {value}")


def examine() -> dict[str, dict[str, Any]]:
    """Return what there is, by theme."""
    import torch

    from gdl_core.files import cache_folder
    from gdl_core.kernels import info

    registry = get_registry()
    kernels = info()
    devices = {f"cuda:{index}": torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())}
    if torch.backends.mps.is_available():
        devices["mps"] = platform.processor() or "Apple GPU"
    extras: dict[str, str] = {}
    optional: tuple[DatasetSpec | FormatSpec | MeasureSpec, ...]
    optional = (*registry.datasets, *registry.formats, *registry.measures)
    for spec in optional:
        if spec.extra:
            extras[spec.extra] = registry.lacking(spec) or "installed"
    cache = cache_folder()
    return {
        "gdl": {
            "version": gdl_core.__version__,
            "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
            "torch": f"{torch.__version__}, {torch.get_num_threads()} threads of {os.cpu_count()} processors",
        },
        "devices": {"cpu": torch.backends.cpu.get_cpu_capability(), **devices},
        "kernels": {
            **{device: _kernel_words(kernels[device]) for device in ("cpu", "cuda")},
            "noise": f"version {kernels['rng_version']}",
        },
        "plugins": {
            info.name: f"{info.package} {info.version}".strip() if info.ok else f"could not be loaded: {info.error}"
            for info in registry.plugins
        },
        "extras": extras,
        "folders": {
            "cache": f"{cache} ({_free(cache)})",
            "here": f"{Path.cwd()} ({_free(Path.cwd())})",
            "program": sys.prefix,
        },
    }


def _kernel_words(facts: dict[str, Any]) -> str:
    words = str(facts["implementation"])
    if facts.get("isa"):
        words += f", {facts['isa']} (this processor can: {', '.join(facts['available_isas'])})"
    if facts.get("compiled_by"):
        words += f", compiled by {facts['compiled_by']}"
    if facts.get("why_not_native"):
        words += f"; not native because {facts['why_not_native']}"
    return words


def _free(folder: Path) -> str:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    writable = "" if os.access(folder, os.W_OK) else ", may not be written"
    return f"{shutil.disk_usage(folder).free / 1e9:.1f} GB free{writable}"
