"""What a measure is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gdl_core.contracts import Posterior
from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError
from gdl_core.forms import need_same_form
from gdl_core.latent.reduce import Pca, fit_pca
from gdl_core.latent.tiles import encode_rows, sample_rows
from gdl_core.noise import Noise
from gdl_core.values import Cell, Column, Table, TrainedModel

if TYPE_CHECKING:
    from gdl_core.measures.inception import Inception

Better = Literal["lower", "higher", "none"]

PCA_BYTES = 1 << 28
"""Principal components are fitted to at most 256 MiB of float32 training samples."""


@dataclass(frozen=True)
class Measurement:
    """One number.

    Attributes:
        name: what was measured, e.g. "reconstruction error".
        value: the number.
        unit: its unit, or "" for a share or ratio.
        better: whether lower or higher is better; "none" where neither is.
        baselines: the same number for something simple, by name.
        n: how many samples (or pairs) it was taken over.
        note: what a reader must know to judge it.
    """

    name: str
    value: float
    unit: str = ""
    better: Better = "lower"
    baselines: Mapping[str, float] = field(default_factory=dict)
    n: int = 0
    note: str = ""


@dataclass(frozen=True)
class Subject:
    """A trained model and the dataset that it is judged on.

    Attributes:
        trained: the model.
        dataset: held-out samples are judged; training samples are only what baselines and neighbours learn from.
        noise: a stream for the draws of the measures.
        limit: most samples taken of each side of the split, drawn at random and the same for every measure.
        column: the column that `knn` and `factors` are to judge; every fitting one by default.
        extractor: a model that classifies, in whose features samples are compared; by default as they are, pictures in
            their principal components.
        inception: the network that FID is defined by, with the user's weights.
    """

    trained: TrainedModel
    dataset: Dataset
    noise: Noise
    limit: int = 10_000
    column: str | None = None
    extractor: TrainedModel | None = None
    inception: Inception | None = None

    def __post_init__(self) -> None:
        if self.dataset.shape != self.trained.data_shape:
            raise DataError(
                f"the model was made for samples of shape {self.trained.data_shape}, "
                f"those of {self.dataset.name} have {self.dataset.shape}"
            )
        if min(len(self.dataset.train), len(self.dataset.held_out)) < 2:
            raise DataError(f"{self.dataset.name}: measuring takes at least two samples on each side of the split")
        need_same_form(self.trained.model.form, self.dataset.form, "the model and the dataset")
        if self.column is not None:
            self.dataset.column(self.column)
        if self.extractor is not None and self.extractor.data_shape != self.dataset.shape:
            raise DataError(
                f"the features are of a model for samples of shape {self.extractor.data_shape}, "
                f"those of {self.dataset.name} have {self.dataset.shape}"
            )

        if self.inception is not None and (not self.dataset.is_pictures or self.dataset.shape[0] not in (1, 3)):
            raise DataError(
                f"the Inception network looks at grey or RGB pictures, samples of {self.dataset.name} have the shape "
                f"{self.dataset.shape}; leave inception out"
            )

    @cached_property
    def train(self) -> NDArray[np.int64]:
        """Indices of the training samples used, sorted."""
        return self._some(self.dataset.train, "train")

    @cached_property
    def held_out(self) -> NDArray[np.int64]:
        """Indices of the held-out samples used, sorted."""
        return self._some(self.dataset.held_out, "held-out")

    def some_held_out(self, n: int) -> NDArray[np.int64]:
        """Return the indices of n held-out samples, sorted; drawn at random, since they may be sorted by a label."""
        if n >= len(self.held_out):
            return self.held_out
        order = self.noise.stream("subset", "held-out", n).permutation(len(self.held_out)).numpy()
        return np.sort(self.held_out[order[:n]])

    def _some(self, indices: NDArray[np.int64], side: str) -> NDArray[np.int64]:
        if len(indices) <= self.limit:
            return indices
        order = self.noise.stream("subset", side).permutation(len(indices)).numpy()
        return np.sort(indices[order[: self.limit]])

    @property
    def size(self) -> int:
        """Numbers in a latent point."""
        return prod(self.trained.model.latent_shape)

    @cached_property
    def held_out_posterior(self) -> Posterior:
        """Posterior of the held-out samples used."""
        return encode_rows(self.trained, self.dataset, self.held_out)

    @cached_property
    def train_codes(self) -> Tensor:
        """Posterior means of the training samples used, (n, size)."""
        return encode_rows(self.trained, self.dataset, self.train).mean.flatten(1)

    @property
    def held_out_codes(self) -> Tensor:
        """Posterior means of the held-out samples used, (n, size)."""
        return self.held_out_posterior.mean.flatten(1)

    @cached_property
    def made(self) -> Tensor:
        """The first samples of the model, as many as held-out ones are used, (n, *data shape).

        Raises:
            DataError: some are no numbers, or infinite.
        """
        found = sample_rows(self.trained, len(self.held_out), self.noise.stream("made"))
        broken = int((~found.isfinite()).flatten(1).any(1).sum())
        if broken:
            told = f"{broken} of {len(found)} samples of {self.trained.name} have values that are not finite"
            raise DataError(f"{told}; there is nothing to measure: train it again, with a lower lr")
        return found

    @cached_property
    def held_out_samples(self) -> Tensor:
        """The held-out samples used, (n, *data shape) in the model's range."""
        return self.dataset.tensor(self.held_out)

    @cached_property
    def pca(self) -> Pca:
        """Principal components of the training samples, as many as a latent point has numbers."""
        row_bytes = 4 * prod(self.dataset.shape)
        rows = self.train[:: max(1, -(-len(self.train) * row_bytes // PCA_BYTES))]
        return fit_pca(self.dataset.tensor(rows).flatten(1), self.size)

    @property
    def pca_name(self) -> str:
        """How the baseline is called: "PCA-2"."""
        return f"PCA-{len(self.pca.components)}"

    def pca_codes(self, indices: NDArray[np.int64]) -> Tensor:
        """Return the principal coordinates of samples, (n, size), read in chunks."""
        return torch_cat([self.pca.project(self.dataset.tensor(part).flatten(1)) for part in chunks(indices)])

    def columns(self, categories: bool) -> dict[str, Column]:
        """Return the columns to judge that hold categories, or those that hold numbers."""
        names = [self.column] if self.column is not None else list(self.dataset.columns)
        columns = {name: self.dataset.column(name) for name in names}
        return {name: column for name, column in columns.items() if bool(column.names) == categories}


def chunks(indices: NDArray[np.int64], size: int = 1024) -> list[NDArray[np.int64]]:
    """Split indices into pieces of at most `size`."""
    return [indices[start : start + size] for start in range(0, len(indices), size)]


def torch_cat(parts: Sequence[Tensor]) -> Tensor:
    """Join parts along the first dimension."""
    import torch

    return torch.cat(list(parts))


def to_table(
    measured: Sequence[tuple[str, Sequence[Measurement]]], title: str = "measurements", seed: int | None = None
) -> Table:
    """Return a table with a row for each measure: a column for each model, and the baselines beside them.

    The baselines are told in words, "mean sample 0.258; PCA-2 0.235"; where one differs between models, each value
    names the model that it belongs to.

    Args:
        measured: (name of a model, its measurements), the models in the order to show; names are unique.
        title: of the table.
        seed: of the draws, told in a column if it is given.
    """
    held: dict[str, dict[str, Measurement]] = {}
    for model, found in measured:
        for one in found:
            held.setdefault(one.name, {})[model] = one
    models = [model for model, _ in measured]
    rows = tuple(_row(name, models, here) for name, here in held.items())
    header = ("measure", *models, "unit", "better", "baselines", "n", "note")
    if seed is not None:
        header, rows = (*header, "seed"), tuple((*row, seed) for row in rows)
    return Table(header, rows, title)


def _row(name: str, models: Sequence[str], here: Mapping[str, Measurement]) -> tuple[Cell, ...]:
    one = next(iter(here.values()))
    values = [here[model].value if model in here else None for model in models]
    better = "" if one.better == "none" else one.better
    notes = _alike({model: each.note for model, each in here.items() if each.note}, "; ", "{model}: {text}")
    if len({each.n for each in here.values()}) > 1:
        notes += "; n of " + ", ".join(f"{model}: {each.n}" for model, each in here.items())
    return (name, *values, one.unit, better, _baselines(here), one.n, notes)


def _baselines(here: Mapping[str, Measurement]) -> str:
    told = []
    for baseline in dict.fromkeys(key for one in here.values() for key in one.baselines):
        texts = {model: f"{one.baselines[baseline]:.4g}" for model, one in here.items() if baseline in one.baselines}
        told.append(f"{baseline} {_alike(texts, ', ', '{text} ({model})')}")
    return "; ".join(told)


def _alike(texts: Mapping[str, str], joint: str, form: str) -> str:
    """Return a text that all models share, or each model's own."""
    if len(set(texts.values())) <= 1:
        return next(iter(texts.values()), "")
    return joint.join(form.format(model=model, text=text) for model, text in texts.items())
