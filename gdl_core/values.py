"""The values that steps pass to one another: numpy arrays with just enough beside them. No torch is imported here.

Pictures are uint8 arrays of shape (n, height, width, channels) with 1 (grey), 3 (RGB) or 4 (RGBA) channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gdl_core.specs import Kind

if TYPE_CHECKING:
    from gdl_core.contracts import Model

Cell = str | int | float | bool | None


@dataclass(frozen=True)
class Column:
    """What is known about each sample: numbers, or categories as whole numbers with `names`.

    A yes-or-no attribute is a category column with names ("no", "yes").
    """

    values: NDArray[Any]
    names: tuple[str, ...] = ()

    def code(self, wanted: Cell) -> int | float:
        """Return the number that stands for a value as a person writes it (a category's name, or a number).

        Raises:
            KeyError: there is no such category.
        """
        text = {True: "yes", False: "no"}.get(wanted, str(wanted)) if isinstance(wanted, bool) else str(wanted)
        if text in self.names:
            return self.names.index(text)
        if self.names or isinstance(wanted, str) or wanted is None:
            raise KeyError(wanted)
        return wanted


@dataclass(frozen=True)
class Images:
    """Pictures, uint8 (n, height, width, channels); `columns` is the preferred width of a contact sheet, 0 for square.

    `captions` has a line for each picture, `rows` a name for each row of the sheet; both may be empty.
    """

    kind: ClassVar[Kind] = "image"
    pixels: NDArray[np.uint8]
    captions: tuple[str, ...] = ()
    columns: int = 0
    rows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Frames:
    """A film, uint8 (time, height, width, channels), at `fps` frames a second.

    `rows` names equal parts that are stacked in every frame, from top to bottom; empty for one picture a frame.
    """

    kind: ClassVar[Kind] = "frames"
    pixels: NDArray[np.uint8]
    fps: float = 24.0
    loop: bool = True
    rows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Latents:
    """Points of a latent space, float32 (n, *latent shape), with the log-variance of each if a posterior gave them.

    `space` says which of the spaces of a style-based generator it is, z, w or w+; empty of a model that has but one,
    and where it is not known.
    """

    kind: ClassVar[Kind] = "latent"
    mean: NDArray[np.float32]
    log_var: NDArray[np.float32] | None = None
    columns: Mapping[str, Column] = field(default_factory=dict)
    space: str = ""


@dataclass(frozen=True)
class Vector:
    """A direction in a latent space, float32 (*latent shape); added once, it leads from without to with.

    `space` is that of `Latents`.
    """

    kind: ClassVar[Kind] = "vector"
    direction: NDArray[np.float32]
    name: str = ""
    facts: Mapping[str, Cell] = field(default_factory=dict)
    space: str = ""


@dataclass(frozen=True)
class Text:
    """Texts, each of them a sample: a sentence, a verse, a page. Lines end with a line feed."""

    kind: ClassVar[Kind] = "text"
    samples: tuple[str, ...]


@dataclass(frozen=True)
class Tune:
    """A piece of music.

    Attributes:
        notes: float64 (n, 5), a row for each: its start and length in quarter notes, its pitch (60 is middle C), its
            velocity (1 to 127), and the number of its voice; in the order of these.
        beats: quarter notes from the beginning to the end.
        tempo: quarter notes a minute.
        voices: a name for each voice.
        programs: the instrument of each voice, numbered as in General MIDI from 0 on.
        title: what it is called, if anything.
    """

    notes: NDArray[np.float64]
    beats: float
    tempo: float = 100.0
    voices: tuple[str, ...] = ("",)
    programs: tuple[int, ...] = (0,)
    title: str = ""


@dataclass(frozen=True)
class Notes:
    """Pieces of music, each of them a sample."""

    kind: ClassVar[Kind] = "notes"
    samples: tuple[Tune, ...]


@dataclass(frozen=True)
class Audio:
    """Sound, int16 (time, channels), at `rate` samples a second."""

    kind: ClassVar[Kind] = "audio"
    waves: NDArray[np.int16]
    rate: int = 44_100


@dataclass(frozen=True)
class Table:
    """Rows of numbers and words under named columns."""

    kind: ClassVar[Kind] = "table"
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""

    def column(self, name: str) -> tuple[Cell, ...]:
        """Return one column by its name."""
        index = self.header.index(name)
        return tuple(row[index] for row in self.rows)


@dataclass(frozen=True)
class Figure:
    """A drawn chart or captioned sheet, uint8 (height, width, 3), with the numbers that it shows."""

    kind: ClassVar[Kind] = "figure"
    pixels: NDArray[np.uint8]
    data: Table


@dataclass(frozen=True)
class TrainedModel:
    """A model with all that is needed to write it to a file and to build it again.

    `tile` is the number of samples that one pass of encoding or decoding takes; see `gdl_core.latent.tiles`.
    `data` describes the set it was trained on (name, fingerprint, columns); `history` has the training curves.
    `space` says which inner latent space it is a view of and how (`gdl_core.latent.space_settings`); empty for none.
    """

    kind: ClassVar[Kind] = "model"
    model: Model
    name: str
    version: str
    config: Mapping[str, Any]
    data_shape: tuple[int, ...]
    tile: int
    fingerprint: str
    data: Mapping[str, Any] = field(default_factory=dict)
    history: Table = field(default_factory=lambda: Table((), ()))
    training: Mapping[str, Any] = field(default_factory=dict)
    space: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Info:
    """What a model is: its full name and the version of its plugin, the roles that it fills, the shapes of a sample
    (pictures: channels, height, width) and of a latent point, where it runs, a fingerprint of its weights and settings;
    and as `attributes` the columns of the set it was trained on with the names of their categories (none for numbers);
    as `space` which inner latent space it is a view of and how, empty for none.
    """

    name: str
    version: str
    roles: tuple[str, ...]
    data_shape: tuple[int, ...]
    latent_shape: tuple[int, ...]
    attributes: Mapping[str, tuple[str, ...]]
    device: str
    fingerprint: str
    space: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, trained: TrainedModel, device: str) -> Info:
        """Return what there is to say of a model that runs on this device."""
        columns = trained.data.get("columns", {})
        return cls(
            name=trained.name,
            version=trained.version,
            roles=tuple(sorted(trained.model.roles())),
            data_shape=tuple(trained.data_shape),
            latent_shape=tuple(trained.model.latent_shape),
            attributes={name: tuple(names) for name, names in columns.items()},
            device=device,
            fingerprint=trained.fingerprint,
            space=dict(trained.space),
        )


def stack_pixels(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Join pictures of one size into (n, height, width, channels), turning grey into RGB where the two are mixed."""
    channels = max(image.shape[-1] for image in images)
    return np.stack([image if image.shape[-1] == channels else np.repeat(image, channels, axis=-1) for image in images])
