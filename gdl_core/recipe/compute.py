"""One step of a recipe, computed: its arguments filled in, its surroundings given, its result looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gdl_core.errors import InputError, PluginError
from gdl_core.explain import explain
from gdl_core.noise import Noise
from gdl_core.recipe.check import CheckedStep
from gdl_core.recipe.references import fill
from gdl_core.registry import Registry
from gdl_core.specs import DatasetSpec, a_kind
from gdl_core.steps.context import StepContext


@dataclass(frozen=True)
class Surroundings:
    """What all steps of a run are given.

    Attributes:
        base: folder that relative paths of the recipe start from.
        registry: the plugins.
        device: "auto", "cpu", "cuda" …
        cancelled: true once the user has asked to stop.
        progress: called as progress(step's name, done, total, losses).
        note: called as note(step's name, sentence).
        piece: called as piece(step's name, piece of a text that is being made).
    """

    base: Path
    registry: Registry
    device: str
    cancelled: Callable[[], bool]
    progress: Callable[[str, int, int, dict[str, float]], None] = lambda name, done, total, parts: None
    note: Callable[[str, str], None] = lambda name, text: None
    piece: Callable[[str, str], None] = lambda name, text: None


def compute(step: CheckedStep, inputs: dict[str, Any], state: Path, around: Surroundings, notes: list[str]) -> Any:
    """Return what a step gives.

    Args:
        step: the step.
        inputs: results of the steps that it names.
        state: its private folder.
        around: what all steps are given.
        notes: what the step has to say is added to it.

    Raises:
        InputError: with the inputs filled in, the arguments are wrong. PluginError: it gives another kind of value.
    """

    def progress(done: int, total: int, **parts: float) -> None:
        around.progress(step.name, done, total, parts)
        if is_dataset:  # steps ask by themselves, where they lose nothing
            context.check_cancelled()

    spec = step.spec
    is_dataset = isinstance(spec, DatasetSpec)
    settings = around.registry.load(spec, "config" if is_dataset else "arguments")
    data = fill(step.raw, inputs)
    try:
        arguments = settings.model_validate(data, context={"base": around.base})
    except ValidationError as error:
        faults = explain(error, settings, data, f"{'dataset' if is_dataset else 'step'} {spec.name}")
        raise InputError("; ".join(message for _, message in faults)) from None
    context = _Context(
        name=step.name,
        noise=Noise(step.seed).stream("step", step.name),
        folder=state,
        base=around.base,
        registry=around.registry,
        device=around.device,
        progress=progress,
        cancelled=around.cancelled,
        notes=notes,
        tell=lambda text: around.note(step.name, text),
        piece=lambda text: around.piece(step.name, text),
    )
    value = around.registry.load(spec, "target")(arguments, context)
    kind = getattr(value, "kind", None)
    if kind != step.gives.kind:
        given = a_kind(kind) if kind else type(value).__name__
        raise PluginError(
            f"plugin '{spec.plugin}' is broken: '{spec.name}' gave {given}, not {a_kind(step.gives.kind)}"
        )
    return value


@dataclass
class _Context(StepContext):
    tell: Callable[[str], None] = field(default=lambda text: None)

    def note(self, text: str) -> None:
        super().note(text)
        self.tell(text)
