"""gdl: a plugin-based creative toolkit for generative deep learning.

Public names only, each loaded on first use: `import gdl_core` does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Accepts": "arguments",
    "Batch": "contracts",
    "CancelledError": "errors",
    "Column": "values",
    "Dataset": "data.dataset",
    "DatasetSpec": "specs",
    "Episodes": "data.episodes",
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
    "Prediction": "contracts",
    "RecipeSpec": "specs",
    "Session": "session",
    "StepArguments": "arguments",
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


if TYPE_CHECKING:  # `X as X`: a name to be imported from here
    from gdl_core import kernels as kernels
    from gdl_core import latent as latent
    from gdl_core import registry as registry
    from gdl_core.arguments import Accepts as Accepts
    from gdl_core.arguments import StepArguments as StepArguments
    from gdl_core.contracts import Batch as Batch
    from gdl_core.contracts import Losses as Losses
    from gdl_core.contracts import Model as Model
    from gdl_core.contracts import Player as Player
    from gdl_core.contracts import Posterior as Posterior
    from gdl_core.contracts import Prediction as Prediction
    from gdl_core.data.dataset import Dataset as Dataset
    from gdl_core.data.episodes import Episodes as Episodes
    from gdl_core.errors import CancelledError as CancelledError
    from gdl_core.errors import GdlError as GdlError
    from gdl_core.hooks import hookimpl as hookimpl
    from gdl_core.noise import Noise as Noise
    from gdl_core.session import Session as Session
    from gdl_core.session import open as open  # noqa: A004
    from gdl_core.specs import GDL_API as GDL_API
    from gdl_core.specs import DatasetSpec as DatasetSpec
    from gdl_core.specs import FormatSpec as FormatSpec
    from gdl_core.specs import MeasureSpec as MeasureSpec
    from gdl_core.specs import ModelSpec as ModelSpec
    from gdl_core.specs import RecipeSpec as RecipeSpec
    from gdl_core.specs import StepSpec as StepSpec
    from gdl_core.values import Column as Column
    from gdl_core.values import Figure as Figure
    from gdl_core.values import Frames as Frames
    from gdl_core.values import Images as Images
    from gdl_core.values import Latents as Latents
    from gdl_core.values import Table as Table
    from gdl_core.values import TrainedModel as TrainedModel
    from gdl_core.values import Vector as Vector
