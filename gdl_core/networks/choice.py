"""Choosing one of many by chance."""

from __future__ import annotations

import torch
from torch import Tensor


def choose(logits: Tensor, chance: Tensor, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0) -> Tensor:
    """Return the number of what is chosen in each row, int64 (batch,).

    A row depends on its own logits and chance alone: the likeliest come first, and the chosen one is where the chance
    falls into their sum.

    Args:
        logits: float32 (batch, choices).
        chance: in [0, 1), (batch,).
        temperature: what logits are divided by; 0: the likeliest.
        top_k: so many of the likeliest are left; 0: all.
        top_p: the fewest of the likeliest are left that have this probability together.

    >>> choose(torch.tensor([[0.0, 2.0, 1.0]] * 3), torch.tensor([0.0, 0.7, 0.95])).tolist()
    [1, 2, 0]
    """
    if temperature == 0.0:
        return logits.argmax(1)
    ordered, order = logits.sort(dim=1, descending=True, stable=True)
    if top_k:
        ordered, order = ordered[:, :top_k], order[:, :top_k]
    share = ((ordered - ordered[:, :1]).double() / temperature).softmax(1)
    sums = share.cumsum(1)
    if top_p < 1.0:
        share = share.masked_fill(sums - share >= top_p, 0.0)  # the first one always stays
        sums = share.cumsum(1)
    place = (sums <= chance.double()[:, None] * sums[:, -1:]).sum(1)
    last = (share > 0).sum(1) - 1
    return order.gather(1, torch.minimum(place, last)[:, None])[:, 0]
