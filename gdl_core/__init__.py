"""gdl: a plugin-based creative toolkit for generative deep learning.

Public names only, each loaded on first use: `import gdl_core` does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Batch": "contracts",
    "CancelledError": "errors",
    "Column": "values",
    "Dataset": "data.dataset",
    "DatasetSpec": "specs",
    "Figure": "values",
    "FormatSpec": "specs",
    "Frames": "values",
    "GDL_API": "specs",
    "GdlError": "errors",
    "Images": "values",
    "Latents": "values",
    "Losses": "contracts",
    "MeasureSpec": "specs",
    "Model": "contracts",
    "ModelSpec": "specs",
    "Noise": "noise",
    "Player": "contracts",
    "Posterior": "contracts",
    "RecipeSpec": "specs",
    "Session": "session",
    "StepSpec": "specs",
    "Table": "values",
    "TrainedModel": "values",
    "Vector": "values",
    "hookimpl": "hooks",
    "kernels": "",
    "latent": "",
    "open": "session",
    "registry": "",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gdl_core' has no attribute '{name}'")
    home = _HOMES[name]
    if not home:
        return import_module(f"gdl_core.{name}")
    return getattr(import_module(f"gdl_core.{home}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


if TYPE_CHECKING:
    from gdl_core import kernels, latent, registry
    from gdl_core.contracts import Batch, Losses, Model, Player, Posterior
    from gdl_core.data.dataset import Dataset
    from gdl_core.errors import CancelledError, GdlError
    from gdl_core.hooks import hookimpl
    from gdl_core.noise import Noise
    from gdl_core.session import Session, open  # noqa: A004
    from gdl_core.specs import GDL_API, DatasetSpec, FormatSpec, MeasureSpec, ModelSpec, RecipeSpec, StepSpec
    from gdl_core.values import Column, Figure, Frames, Images, Latents, Table, TrainedModel, Vector
