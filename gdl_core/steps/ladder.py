"""`ladder`: pictures moved along directions, more and more, judged by a probe that was trained on others.

A model that does not encode climbs from its own samples, or from points that are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gdl_core.arguments import Accepts, StepArguments
from gdl_core.steps.inputs import Direction, DrawingModel, OneOrMore, roles_of
from gdl_core.values import Cell, Figure, Images, Latents, Table, TrainedModel, Vector

if TYPE_CHECKING:
    from torch import Tensor

    from gdl_core.media.sheet import Grid
    from gdl_core.registry import Registry
    from gdl_core.steps.context import StepContext

_CONTROL = "random"


class Arguments(StepArguments):
    """Arguments of `ladder`."""

    model: DrawingModel = Field(description="a model that decodes, and encodes where data are given")
    data: Annotated[Any, Accepts("dataset", "image", files=True)] = Field(
        None, description="a dataset, of which held-out samples are taken, or pictures"
    )
    of: Annotated[Latents | Path | None, Accepts("latent", files=True)] = Field(
        None, description="instead of data: latent points to begin from; with neither, samples of the model"
    )
    vectors: Annotated[list[Direction], OneOrMore] = Field(min_length=1, description="directions, see: attribute")
    strengths: list[float] = Field(
        [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5], min_length=1, description="how often each direction is added"
    )
    n: int = Field(4, ge=1, le=50, description="pictures shown of each direction")
    probe: Annotated[TrainedModel | None, Accepts("model", roles=("classifies",))] = Field(
        None, description="a model that classifies, to judge the pictures"
    )
    judged: int = Field(128, ge=1, le=10_000, description="samples that the probe's answers are averaged over")

    def faults(self, registry: Registry) -> Iterable[tuple[tuple[str | int, ...], str]]:
        """Check that there is one source of beginnings, and that the model can use it."""
        roles = roles_of(self.model)
        if self.data is not None and self.of is not None:
            yield ("of",), "give 'data' or 'of', not both: samples to encode, or latent points"
        elif self.data is not None and "encodes" not in roles:
            told = "'data' needs a model that encodes, which this one does not"
            yield ("model",), f"{told}; leave it out to begin from the model's own samples, or give points ('of')"
        elif self.data is None and self.of is None and "samples" not in roles:
            yield ("model",), "ladder needs 'data' or 'of' to begin from, since this model does not sample"


def run(arguments: Arguments, context: StepContext) -> Figure:
    """Return a block for each direction, pictures by strengths, and the probe's mean answers for every column.

    Each direction has a random one of equal length as its control.
    """
    from gdl_core.latent.algebra import random_like
    from gdl_core.latent.spaces import need_space
    from gdl_core.media.sheet import draw
    from gdl_core.steps.inputs import load, need_pictures, ready, same_shape

    trained, probe = arguments.model, arguments.probe
    need_pictures(trained, "ladder")
    if probe is not None:
        same_shape([trained, probe])
    ready([trained, *([probe] if probe else [])], context)
    z = _beginnings(arguments, context)
    vectors: list[Vector] = [load(vector, context, "vector") for vector in arguments.vectors]
    for vector in vectors:
        need_space(trained, vector)
    grids: list[Grid] = []
    rows: list[tuple[Cell, ...]] = []
    columns: list[str] = []
    climber = _Climber(trained, probe, z, [vector.name for vector in vectors], arguments, context)
    for done, vector in enumerate(vectors):
        context.progress(done, len(vectors))
        pixels, answers = climber.climb(vector)
        columns = columns or list(answers)
        rows += _rows(vector.name, "named", arguments.strengths, answers, len(z))
        grids.append(_grid(vector.name, pixels, arguments, answers))
        if probe is not None:
            control = random_like(vector, context.noise.stream(_CONTROL, vector.name))
            _, answers_to_control = climber.climb(control)
            rows += _rows(vector.name, _CONTROL, arguments.strengths, answers_to_control, len(z))
            _tell(vector.name, answers, answers_to_control, arguments.strengths, context)
    context.progress(len(vectors), len(vectors))
    title = "Moved along directions" + (f" (numbers: mean answer of the probe over {len(z)} samples)" if probe else "")
    header = ("vector", "direction", "strength", *columns, "n")
    pixels = draw(grids, title)
    return Figure(pixels if pixels.shape[-1] == 3 else pixels.repeat(3, axis=-1), Table(header, tuple(rows), title))


Answers = dict[str, NDArray[np.float64]]


@dataclass
class _Climber:
    """Decodes samples moved along directions and asks the probe; not moved at all they are decoded once."""

    trained: TrainedModel
    probe: TrainedModel | None
    z: NDArray[np.float32]
    vectors: list[str]
    arguments: Arguments
    context: StepContext
    still: tuple[NDArray[np.uint8], dict[str, float]] | None = None

    def climb(self, vector: Vector) -> tuple[NDArray[np.uint8], Answers]:
        """Return the shown pictures (n · strengths, …), row by row, and per column the mean answers (strengths,)."""
        from gdl_core.latent.algebra import apply

        steps = []
        for strength, points in zip(
            self.arguments.strengths, apply(self.z, vector, self.arguments.strengths), strict=True
        ):
            self.context.check_cancelled()
            if strength == 0:
                self.still = self.still or self._step(points)
                steps.append(self.still)
            else:
                steps.append(self._step(points))
        pixels = np.stack([shown for shown, _ in steps], axis=1)
        answers = {name: np.array([means[name] for _, means in steps]) for name in steps[0][1]}
        return pixels.reshape(-1, *pixels.shape[2:]), answers

    def _step(self, points: NDArray[np.float32]) -> tuple[NDArray[np.uint8], dict[str, float]]:
        from gdl_core.latent.tiles import classify_rows, decode_rows, to_pixels

        n = self.arguments.n
        x = decode_rows(self.trained, points if self.probe else points[:n])
        chances = classify_rows(self.probe, x) if self.probe is not None else {}
        return to_pixels(x[:n]), {name: float(of.double().mean()) for name, of in self._asked(chances).items()}

    def _asked(self, chances: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the chances, (n,), of every yes-or-no column, and of each category that a vector is named after."""
        from gdl_core.latent.judged import category_names

        found: dict[str, Tensor] = {}
        for name, of in chances.items():
            if of.shape[1] == 2:
                found[name] = of[:, 1]
            assert self.probe is not None
            for code, category in enumerate(category_names(self.probe, name, of.shape[1])):
                if f"{name} {category}" in self.vectors:
                    found[f"{name} {category}"] = of[:, code]
        return found


def _beginnings(arguments: Arguments, context: StepContext) -> NDArray[np.float32]:
    """Return the latent points that the ladder begins from, (n, *latent shape)."""
    from gdl_core.errors import DataError
    from gdl_core.latent.tiles import encode_rows, prior_rows
    from gdl_core.steps.inputs import fit_pictures, latent_points, load, some_rows, to_tensor

    trained, wanted = arguments.model, max(arguments.n, arguments.judged if arguments.probe else 0)
    if arguments.of is not None:
        return latent_points(trained, load(arguments.of, context, "latent"), context).numpy()
    if arguments.data is None:
        return prior_rows(trained, wanted, context.noise.stream("sample")).numpy()
    data = load(arguments.data, context, "image")
    if isinstance(data, Images):
        x = to_tensor(fit_pictures(data.pixels, trained.data_shape))
    else:
        if not len(data.held_out):
            raise DataError(f"ladder begins from held-out samples, but {data.name} has none; give 'of' instead")
        x = data.tensor(some_rows(data, min(wanted, len(data.held_out)), context))
    return encode_rows(trained, x).mean.numpy()


def _rows(vector: str, direction: str, strengths: list[float], answers: Answers, n: int) -> list[tuple[Cell, ...]]:
    return [
        (vector, direction, strength, *(float(values[index]) for values in answers.values()), n)
        for index, strength in enumerate(strengths)
    ]


def _grid(name: str, pixels: NDArray[np.uint8], arguments: Arguments, answers: Answers) -> Grid:
    from gdl_core.media.sheet import Grid

    heads = [f"{strength:+g}".replace("-", "–") if strength else "0" for strength in arguments.strengths]
    if name in answers:
        heads = [f"{head}\n{name} {value:.0%}" for head, value in zip(heads, answers[name], strict=True)]
    return Grid(pixels, columns=len(arguments.strengths), heads=heads, title=name)


def _tell(name: str, answers: Answers, control: Answers, strengths: list[float], context: StepContext) -> None:
    """Note how far the named attribute rose, what else moved, and what a random direction did."""
    if name not in answers:
        context.note(f"ladder {name}: the probe has no column of this name, so only the table tells")
        return
    order = np.argsort(strengths, kind="stable")
    own = answers[name][order]
    rise = "at every step" if (np.diff(own) > 0).all() else "not at every step"
    others = ", ".join(
        f"{key} {values[order][-1] - values[order][0]:+.2f}" for key, values in answers.items() if key != name
    )
    context.note(
        f"ladder {name}: probe {own[0]:.2f} → {own[-1]:.2f}, rising {rise}; side effects: {others or 'none measured'}; "
        f"random direction of equal length: {control[name][order][-1] - control[name][order][0]:+.2f}"
    )
