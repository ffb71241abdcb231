"""C: one linear layer from what an agent knows to what it does, for one set of parameters or a whole population of them
(Ha & Schmidhuber 2018, section 2.3).
"""

from __future__ import annotations

import torch
from torch import Tensor

from gdl_world.environment import Actions


def parameter_count(features: int, actions: Actions) -> int:
    """Return how many parameters a controller has: a weight for each feature and a bias, for each output."""
    return (features + 1) * actions.width


def decide(parameters: Tensor, features: Tensor, actions: Actions) -> Tensor:
    """Return what is done: int64 (rows,) or float32 in [-1, 1] (rows, numbers).

    Args:
        parameters: of each row its own, (rows, parameters), or (parameters,) for all.
        features: what is known, (rows, features).
        actions: what can be done.
    """
    matrix = parameters.reshape(*parameters.shape[:-1], features.shape[1] + 1, actions.width)
    weight, bias = matrix[..., :-1, :], matrix[..., -1, :]
    if matrix.dim() == 2:
        out = torch.addmm(bias, features, weight)
    else:
        out = torch.baddbmm(bias[:, None], features[:, None], weight).squeeze(1)
    return out.argmax(1) if actions.choices else out.tanh()


def told(action: Tensor, actions: Actions) -> Tensor:
    """Return actions as a network is told of them, float32 (rows, width)."""
    if actions.choices:
        return torch.nn.functional.one_hot(action, actions.choices).to(torch.float32)
    return action.to(torch.float32)
