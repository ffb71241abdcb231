"""A model's own samples, labelled by a probe: what stands in for labelled data where a model does not encode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gdl_core.errors import InputError, UnknownNameError, did_you_mean
from gdl_core.latent.tiles import Progress, classify_rows, decode_rows, prior_rows, spans
from gdl_core.noise import Noise
from gdl_core.values import Cell, Column, TrainedModel


@dataclass(frozen=True)
class Judged:
    """Latent points of samples, and what a probe says of them.

    Attributes:
        codes: float32 (n, *latent shape).
        chances: for each column the probabilities of its categories, (n, categories).
        names: of the categories of each column.
    """

    codes: NDArray[np.float32]
    chances: dict[str, NDArray[np.float32]]
    names: dict[str, tuple[str, ...]]

    def column(self, name: str) -> Column:
        """Return a column of the likeliest categories.

        Raises:
            UnknownNameError: the probe has no such column.
        """
        if name not in self.chances:
            hint = did_you_mean(name, self.chances)
            raise UnknownNameError(f"the probe has no column '{name}'{hint}; there are {', '.join(self.chances)}")
        return Column(self.chances[name].argmax(axis=1), self.names[name])

    def sure(self, name: str, value: Cell, threshold: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return of which samples the probe is sure that they are of a category, and of which that they are not.

        Raises:
            UnknownNameError: there is no such column or category.
        """
        try:
            code = int(self.column(name).code(value))
        except KeyError:
            known = ", ".join(self.names[name])
            raise UnknownNameError(
                f"column '{name}' has no '{value}'{did_you_mean(str(value), self.names[name])}; there are {known}"
            ) from None
        chance = self.chances[name][:, code].astype(np.float64)
        return chance >= threshold, 1.0 - chance >= threshold


def category_names(probe: TrainedModel, column: str, count: int) -> tuple[str, ...]:
    """Return the names of a column's categories, or their numbers where the probe does not know them."""
    names = tuple(probe.data.get("columns", {}).get(column, ()))
    return names if len(names) == count else tuple(map(str, range(count)))


def judged_samples(
    trained: TrainedModel, probe: TrainedModel, n: int, noise: Noise, progress: Progress | None = None
) -> Judged:
    """Return n samples of a model as points, with what a probe says of each; sample i has row i of the noise.

    Raises:
        InputError: the probe is of samples of another shape.
    """
    if tuple(probe.data_shape) != tuple(trained.data_shape):
        raise InputError(
            f"the probe judges samples of shape {tuple(probe.data_shape)}, those of {trained.name} have "
            f"{tuple(trained.data_shape)}; take a probe of the same set"
        )
    codes = prior_rows(trained, n, noise)
    parts: dict[str, list[NDArray[np.float32]]] = {}
    for first, count in spans(n, 0, trained.tile):  # samples may be too large to be kept all at once
        made = decode_rows(trained, codes[first : first + count], start=first)
        for name, chances in classify_rows(probe, made).items():
            parts.setdefault(name, []).append(chances.numpy())
        if progress is not None:
            progress(first + count, n)
    told = {name: np.concatenate(chances) for name, chances in parts.items()}
    names = {name: category_names(probe, name, chances.shape[1]) for name, chances in told.items()}
    return Judged(codes.numpy(), told, names)
