"""Do one step as a recipe would: check the arguments, then run."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from steps.models import context

from gdl_core.steps.context import StepContext


def check(step: str, folder: Path, **arguments: Any) -> tuple[Any, list[str]]:
    """Return the arguments of a step, and what is wrong with them beyond types."""
    module = import_module(f"gdl_core.steps.{step}")
    built = module.Arguments.model_validate(arguments, context={"base": folder})
    return built, [message for _, message in built.faults(context(folder).registry)]


def do(step: str, folder: Path, surroundings: StepContext | None = None, **arguments: Any) -> Any:
    """Run a step and return its value."""
    surroundings = surroundings or context(folder, step)
    built, faults = check(step, folder, **arguments)
    assert not faults
    return import_module(f"gdl_core.steps.{step}").run(built, surroundings)
