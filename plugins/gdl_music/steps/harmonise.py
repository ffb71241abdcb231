"""`harmonise`: keep one voice of a tune, and let a model write the others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from gdl_core.arguments import Accepts
from gdl_core.values import Notes
from gdl_music.steps.writer import WriterArguments, file_fault, first_tune, writer, written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext


class Arguments(WriterArguments):
    """Arguments of `harmonise`."""

    tune: Annotated[Any, Accepts("notes", files=True)] = Field(description="the first tune of these, or of a file")
    voice: int = Field(1, ge=1, le=16, description="the voice of the tune that is kept, counted from 1")
    place: int = Field(1, ge=1, le=16, description="the voice of the model that it becomes; the highest is 1")

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check the model, and a tune that is a file."""
        yield from super().faults(registry)
        if isinstance(self.tune, Path):
            fault, _ = file_fault(self.tune, self.voice)
            if fault:
                yield ("tune",), fault


def run(arguments: Arguments, context: StepContext) -> Notes:
    """Return n tunes with the same voice kept; tune i is the same alone and in company."""
    import numpy as np
    import torch

    from gdl_core.errors import InputError

    model = writer(arguments, context)
    tune, missing = first_tune(arguments.tune)
    if arguments.place > model.voices:
        raise InputError(f"the model has {model.voices} voices, and no number {arguments.place}")
    mine = tune.notes[tune.notes[:, 4] == arguments.voice - 1, :3]
    if not len(mine):
        raise InputError(f"the tune has no notes in its voice {arguments.voice}")
    steps = max(1, round(tune.beats * model.form.steps))
    given = torch.full((model.voices, steps), -1)
    given[arguments.place - 1] = torch.from_numpy(np.asarray(model.form.codes(mine, steps))).long()
    return written(arguments, context, given, missing)
