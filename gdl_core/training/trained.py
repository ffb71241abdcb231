"""What a training tells besides the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gdl_core.values import Table


@dataclass(frozen=True)
class Trained:
    """What a training tells besides the weights, which are in the model.

    `seconds` (wall time over all sittings) is the only thing here that differs between two runs of the same recipe.
    Of a model that was fitted at once, `at_once`, there is one step, and no history.
    """

    history: Table
    steps: int
    epochs: float
    samples: int
    seconds: float
    precision: str
    precision_reason: str
    device: str
    notes: tuple[str, ...] = ()
    facts: Mapping[str, float] = field(default_factory=dict)
    resumed_from: int | None = None
    at_once: bool = False
