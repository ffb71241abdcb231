"""A moving average of the weights, which is smoother than the weights themselves (Polyak & Juditsky 1992)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

EVERY = 4
"""Steps between updates. One update of decay d⁴ hardly differs from four of decay d, and costs a quarter."""


class Average:
    """Exponential moving average of a model's parameters; buffers (running statistics) are taken as they are.

    The decay is ramped, min(decay, (1 + t) / (10 + t)) at step t, so that short trainings do not remember their first
    random weights.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.names, parameters = zip(*model.named_parameters(), strict=True)
        self._live = [parameter.detach() for parameter in parameters]
        self.shadow = [parameter.clone() for parameter in self._live]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take the weights after `step` steps into the average; does nothing between updates."""
        if step % EVERY == 0:
            self._take(step, EVERY)

    @torch.no_grad()
    def finish(self, step: int) -> None:
        """Take in the steps since the last update, and give the model the averaged weights for good."""
        if step % EVERY:
            self._take(step, step % EVERY)
        self.adopt()

    def _take(self, step: int, steps: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.shadow, self._live, 1.0 - decay**steps)

    @torch.no_grad()
    def adopt(self) -> None:
        """Give the model the averaged weights."""
        torch._foreach_copy_(self._live, self.shadow)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the model have the averaged weights for the length of a `with` block."""
        with torch.no_grad():
            kept = [tensor.clone() for tensor in self._live]
            self.adopt()
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(self._live, kept)

    def state(self) -> dict[str, Tensor]:
        """Return the averages by parameter name."""
        return dict(zip(self.names, self.shadow, strict=True))

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        """Take the averages from a checkpoint."""
        for name, tensor in zip(self.names, self.shadow, strict=True):
            tensor.copy_(state[name])
