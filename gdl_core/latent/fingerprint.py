"""One hex digest that tells two models apart: their weights, the class's name and the settings, and nothing else.

A view into an inner latent space is told apart from its model, and from other views, by the settings of the space.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import torch

from gdl_core.contracts import Model


def fingerprint(model: Model, config: Mapping[str, Any], space: Mapping[str, Any] | None = None) -> str:
    """Return the sha256 of a model's class name, data shape, settings and state, as 64 hex digits.

    `space` is how a view looks into the model, see `gdl_core.latent.spaces`; `model` then is the one looked into.

    The same weights on another device, or written and read again, give the same digest.
    """
    digest = hashlib.sha256()
    about = {"class": type(model).__name__, "config": dict(config), "data_shape": list(model.data_shape)}
    if space:
        about["space"] = dict(sorted(space.items()))
    digest.update(json.dumps(about, default=str).encode())  # the order of settings counts: it may be that of codes
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"\0{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
