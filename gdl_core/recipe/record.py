"""What every output carries: enough to make it again. No times, paths or names of people or machines."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import gdl_core
from gdl_core.recipe.check import Recipe
from gdl_core.recipe.plan import PlannedStep
from gdl_core.registry import Registry

RECORD_FORMAT = 1


def make_record(recipe: Recipe, planned: PlannedStep, registry: Registry) -> dict[str, Any]:
    """Return the record of a step's outputs; `media.write` adds `item` and the hash of the content.

    The same recipe gives the same record.
    """
    step = planned.step
    info = next((info for info in registry.plugins if info.ok and info.name == step.spec.plugin), None)
    plugin = f"{info.package or info.name} {info.version}".strip() if info is not None else ""
    return {
        "gdl": RECORD_FORMAT,
        "recipe": recipe.text,
        "name": recipe.name,
        "title": recipe.title,
        "step": step.name,
        "do": step.spec.full_name,
        "seed": step.seed,
        "key": planned.key,
        "versions": versions() | {"plugin": plugin},
    }


def versions() -> dict[str, str | int]:
    """Return what besides plugins decides the bits of a result."""
    from gdl_core.kernels import RNG_VERSION

    return {"gdl": gdl_core.__version__, "torch": torch_version(), "rng": RNG_VERSION}


def torch_version() -> str:
    """Return the version of torch that is installed, without importing it; empty if that is not known."""
    try:
        return version("torch")
    except PackageNotFoundError:
        return ""
