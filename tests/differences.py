"""Gradients held against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor


def agrees_with_finite_differences(
    value: Callable[[], Tensor],
    weight: Any,
    places: Iterable[tuple[int, int]],
    step: float,
    rel: float,
    abs: float,  # noqa: A002
) -> None:
    """Hold the gradient of a value in a matrix against central differences at some of its places."""
    (exact,) = torch.autograd.grad(value(), weight)
    for row, column in places:
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[row, column] += sign * step
            values.append(value().item())
            with torch.no_grad():
                weight[row, column] -= sign * step
        assert (values[0] - values[1]) / (2 * step) == pytest.approx(exact[row, column].item(), rel=rel, abs=abs)
