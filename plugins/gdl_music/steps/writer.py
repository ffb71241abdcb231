"""What the steps that write tunes share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from gdl_core.arguments import Accepts, Promise, StepArguments
from gdl_core.values import Notes, TrainedModel, Tune

if TYPE_CHECKING:
    from torch import Tensor

    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext


class WriterArguments(StepArguments):
    """How a music_transformer writes."""

    model: Annotated[TrainedModel, Accepts("model", roles=("samples", "scores"), makes="notes")] = Field(
        description="a music/music_transformer"
    )
    n: int = Field(1, ge=1, le=10_000, description="how many tunes")
    start: int = Field(0, ge=0, description="number of the first one; 5 with n 1 gives the sixth tune alone")
    temperature: float = Field(1.0, ge=0, le=100, description="1 as learned; lower: likelier; 0: always the likeliest")
    top_k: int = Field(0, ge=0, description="choose among so many of the likeliest codes; 0: among all")
    top_p: float = Field(1.0, gt=0, le=1, description="choose among the likeliest codes of this probability together")

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that the model writes from left to right."""
        if isinstance(self.model, Promise) and "decodes" in self.model.roles:
            yield ("model",), "this needs a music_transformer; of a model with a latent space take do: sample"


def file_fault(path: Path, voice: int | None = None) -> tuple[str, float]:
    """Return what is wrong with the first tune of a MIDI file, if anything is, and how many quarter notes it lasts."""
    from gdl_core.errors import InputError

    try:
        tune, _ = first_tune(path)
    except InputError as error:
        return str(error), 0.0
    notes = tune.notes if voice is None else tune.notes[tune.notes[:, 4] == voice - 1]
    if not len(notes):
        return f"{path.name} has no notes" + ("" if voice is None else f" in its voice {voice}"), tune.beats
    return "", tune.beats


def first_tune(value: Any) -> tuple[Tune, float]:
    """Return the first tune of notes or of a MIDI file, and how many quarter notes of a bar of 4/4 are missing before
    it: where a file begins with an upbeat, and says so.
    """
    from gdl_music.midi_reading import BEATS, hear

    if not isinstance(value, Path):
        return value.samples[0], 0.0
    heard = hear(value)
    tune = heard.notes().samples[0]
    begin, end, _ = heard.spans[0]
    bars, bar = heard.bars(begin, max(end, begin + BEATS))
    return tune, (-bars[0]) % BEATS if bars and (BEATS / bar).is_integer() else 0.0


def written(arguments: WriterArguments, context: StepContext, given: Tensor, missing: float) -> Notes:
    """Return n tunes that keep what is given of a tune, int64 (voices, steps), below 0 where the model is to write.

    Where something is missing before the tune, in quarter notes, the model writes that too, so that it begins with a
    bar as it has learned; it is then cut off.
    """
    import torch.nn.functional as F

    from gdl_core.latent.tiles import make_rows
    from gdl_core.noise import Noise
    from gdl_music.steps.aloud import Aloud

    trained = arguments.model
    model: Any = trained.model
    noise: Noise = context.noise.stream("write")
    given = F.pad(given, (round(missing * model.form.steps), 0), value=-1)
    slot = arguments.start % trained.tile
    done, total = 0, -(-(slot + arguments.n) // trained.tile) * given.numel()

    aloud = Aloud(model.form, context.piece, round(missing * model.form.steps))  # the first tune

    def whole_tile(first: int) -> Tensor:
        def tell(codes: Tensor) -> None:
            nonlocal done
            context.check_cancelled()
            if first <= arguments.start:
                aloud(int(codes[slot]))
            done += 1
            context.progress(done, total)

        codes: Tensor = model.compose(
            given.expand(trained.tile, -1, -1).to(model.device), noise.at(first),
            temperature=arguments.temperature, top_k=arguments.top_k, top_p=arguments.top_p, tell=tell,
        )  # fmt: skip
        return codes

    found = make_rows(trained, whole_tile, arguments.n, tuple(given.shape), arguments.start)
    shown: Notes = model.form.show(found.numpy())
    return Notes(tuple(_without(tune, missing) for tune in shown.samples)) if missing else shown


def _without(tune: Tune, beginning: float) -> Tune:
    """Return a tune without its first quarter notes; what sounds into the rest begins with it."""
    import numpy as np

    starts = tune.notes[:, 0] - beginning
    ends = starts + tune.notes[:, 1]
    notes = tune.notes.copy()
    notes[:, 0] = np.maximum(starts, 0.0)
    notes[:, 1] = ends - notes[:, 0]
    return replace(tune, notes=notes[ends > 0], beats=tune.beats - beginning)


def writer(arguments: WriterArguments, context: StepContext) -> Any:
    """Return the model, ready.

    Raises:
        DataError: it is another one.
    """
    from gdl_core.errors import DataError
    from gdl_core.training.build import choose_device
    from gdl_music.music_transformer import MusicTransformer

    model = arguments.model.model
    if not isinstance(model, MusicTransformer):
        raise DataError(f"this needs a music/music_transformer, but was given a {arguments.model.name}")
    return model.to(choose_device(context.device)).eval()
