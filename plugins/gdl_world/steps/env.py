"""`env`: an environment by its name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from gdl_core.arguments import StepArguments
from gdl_core.errors import GdlError, did_you_mean
from gdl_world.environment import Environment
from gdl_world.envs.catalogue import find

if TYPE_CHECKING:
    from gdl_core.registry import Registry


class Arguments(StepArguments):
    """Arguments of `env`."""

    name: str = Field(description="dodge, car, takecover, or an id of gymnasium like CartPole-v1")
    settings: dict[str, Any] = Field({}, alias="set", description="its settings")

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check name and settings, and that what it needs is installed."""
        try:
            entry = find(self.name)
        except GdlError as error:
            yield ("name",), str(error)
            return
        try:
            settings = entry.settings.model_validate(self.settings)
        except ValidationError as error:
            for fault in error.errors():
                key = str(fault["loc"][0]) if fault["loc"] else ""
                near = did_you_mean(key, entry.settings.model_fields) if fault["type"] == "extra_forbidden" else ""
                what = "is not a setting" if fault["type"] == "extra_forbidden" else fault["msg"]
                yield ("set", *fault["loc"]), f"environment {self.name}: '{key}' {what}{near}"
            return
        try:
            entry.build(settings)
        except GdlError as error:
            yield ("name",), str(error)


def run(arguments: Arguments, context: object) -> Environment:
    """Return the environment."""
    entry = find(arguments.name)
    return entry.build(entry.settings.model_validate(arguments.settings))
