"""`compose`: let a model write a tune, or go on from the beginning of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from gdl_core.arguments import Accepts
from gdl_core.values import Notes
from gdl_music.midi_reading import BEATS
from gdl_music.steps.writer import WriterArguments, file_fault, first_tune, writer, written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext


class Arguments(WriterArguments):
    """Arguments of `compose`."""

    bars: int = Field(8, ge=1, le=1000, description="bars of 4/4 in all")
    primer: Annotated[Any, Accepts("notes", files=True)] = Field(
        None,
        description="notes to begin with: the first tune of these, or of a file; voices without notes there are free",
    )

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check the model, and a primer that is a file."""
        yield from super().faults(registry)
        if isinstance(self.primer, Path):
            fault, beats = file_fault(self.primer)
            if not fault and beats >= self.bars * BEATS:
                fault = f"the primer lasts {beats:g} quarter notes: ask for more than {self.bars} bars"
            if fault:
                yield ("primer",), fault


def run(arguments: Arguments, context: StepContext) -> Notes:
    """Return n tunes, each of which begins with the primer; tune i is the same alone and in company."""
    import torch

    from gdl_core.errors import InputError

    model = writer(arguments, context)
    steps = round(arguments.bars * BEATS * model.form.steps)
    given, missing = torch.full((model.voices, steps), -1), 0.0
    if arguments.primer is not None:
        tune, missing = first_tune(arguments.primer)
        known = round(tune.beats * model.form.steps)
        if known >= steps:
            raise InputError(f"the primer lasts {tune.beats:g} quarter notes: ask for more than {arguments.bars} bars")
        given[:, :known] = torch.from_numpy(model.form.of_length(known).read(Notes((tune,)))[0]).long()
        silent = [voice for voice in range(model.voices) if not (tune.notes[:, 4] == voice).any()]
        given[silent, :known] = -1  # a primer of fewer voices says nothing of the others
    return written(arguments, context, given, missing)
