"""The probe: one network with a softmax for each column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gdl_core.contracts import Batch, Losses, Model, Player
from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError
from gdl_probe.augment import move
from gdl_probe.config import ProbeConfig, Target

_SMALLEST = 8  # pixels a side below which a picture is classified as a vector


class Probe(Model):
    """Classifies samples by one or several columns of categories.

    Its config must carry the categories (`targets`), which `fit_config` fills in from the data. A sample's loss is the
    sum over columns of the cross-entropy in nats. Beside its accuracy stands `majority`, the accuracy on the same
    samples of always answering the category that was commonest in training.
    """

    uses_columns = True

    def __init__(self, config: ProbeConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        if not config.targets:
            raise DataError("the probe does not know its categories; train it on a dataset with columns of categories")
        if (config.shift or config.rotate) and len(data_shape) != 3:
            raise DataError(f"shift and rotate need pictures, the samples have the shape {data_shape}; leave them at 0")
        self._columns = config.columns or tuple(config.targets)
        pictures = len(data_shape) == 3 and min(data_shape[1:]) >= _SMALLEST
        self.body, features = _conv(config, data_shape) if pictures else _dense(config, data_shape)
        if config.features:
            self.body = nn.Sequential(self.body, nn.Linear(features, config.features), nn.ReLU())
            features = config.features
        self.heads = nn.ModuleDict(
            {_key(n): nn.Linear(features, len(config.targets[name].names)) for n, name in enumerate(self._columns)}
        )
        self.input_range = (0.0, 1.0) if pictures else None

    @classmethod
    def fit_config(cls, config: ProbeConfig, dataset: Dataset) -> ProbeConfig:
        """Return the settings with the categories of the chosen columns.

        Raises:
            DataError: a chosen column holds numbers, or the dataset has no column of categories.
            UnknownNameError: a chosen column is not in the dataset.
        """
        names = config.columns or tuple(name for name, column in dataset.columns.items() if column.names)
        if not names:
            raise DataError(f"{dataset.name} has no column of categories, so there is nothing for a probe to learn")
        targets = {}
        for name in names:
            column = dataset.column(name)
            if not column.names:
                raise DataError(f"{dataset.name}: column '{name}' holds numbers; a probe classifies categories")
            counts = np.bincount(column.values[dataset.train].astype(np.int64), minlength=len(column.names))
            targets[name] = Target(names=column.names, commonest=int(counts.argmax()))
        return config.model_copy(update={"columns": tuple(names), "targets": targets})

    def players(self) -> Sequence[Player]:
        """One player moves everything."""
        return [Player("probe", [self], self._loss, lr=self.config.lr, decay="cosine")]

    def _loss(self, batch: Batch) -> Losses:
        loss = batch.x.new_zeros(())
        accuracies: dict[str, Tensor] = {}
        majorities = []
        x = batch.x
        if batch.training and (self.config.shift or self.config.rotate):
            x = move(x, batch.noise.stream("move"), self.config.shift, self.config.rotate)
        for name, logits in self._logits(x).items():
            target = batch.columns[name]
            loss = loss + F.cross_entropy(logits, target)
            with torch.no_grad():
                accuracies[f"accuracy_{name}"] = (logits.argmax(1) == target).float().mean()
                majorities.append((target == self.config.targets[name].commonest).float().mean())
        parts = {"loss": loss, "accuracy": _mean(list(accuracies.values())), "majority": _mean(majorities)}
        return {**parts, **accuracies} if len(accuracies) > 1 else parts

    def classify(self, x: Tensor) -> Mapping[str, Tensor]:
        """Return the probabilities of each column's categories, (batch, categories) float32."""
        return {name: logits.softmax(1) for name, logits in self._logits(x).items()}

    def features(self, x: Tensor) -> Tensor:
        """Return what the softmaxes decide by, (batch, features) float32."""
        found: Tensor = self.body(x)
        return found.float()

    def _logits(self, x: Tensor) -> dict[str, Tensor]:
        features = self.body(x)
        return {name: self.heads[_key(n)](features).float() for n, name in enumerate(self._columns)}


def _key(number: int) -> str:
    return f"column_{number}"  # a column may have a name that a module may not, like "eyes.left"


def _mean(values: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(values)).mean()


def _conv(config: ProbeConfig, data_shape: Sequence[int]) -> tuple[nn.Module, int]:
    """Convolutions of stride 2 until few pixels are left, then the mean over 2 × 2 regions."""
    channels, height, width = data_shape
    layers: list[Any] = []
    inputs, outputs = channels, config.width
    side = min(height, width)
    while side >= 6:
        layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
        inputs, outputs, side = outputs, min(2 * outputs, 4 * config.width), (side + 1) // 2
    layers += [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(config.dropout)]
    return nn.Sequential(*layers), 4 * inputs


def _dense(config: ProbeConfig, data_shape: Sequence[int]) -> tuple[nn.Module, int]:
    hidden = 8 * config.width
    layers = [nn.Flatten(), nn.Linear(prod(data_shape), hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()]
    return nn.Sequential(*layers, nn.Dropout(config.dropout)), hidden
