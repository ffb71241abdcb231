"""Small things for tests of texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gdl_core.contracts import Model
from gdl_core.latent.fingerprint import fingerprint
from gdl_core.noise import Noise
from gdl_core.training.build import build_model
from gdl_core.values import TrainedModel
from gdl_text.config import GPTConfig, TextVAEConfig
from gdl_text.gpt import GPT
from gdl_text.text_vae import TextVAE
from gdl_text.tokens import Characters

TOKENS = Characters(" abcdefgh")
GPT_SETTINGS: dict[str, Any] = {"layers": 2, "heads": 2, "width": 16, "dropout": 0.0}
VAE_SETTINGS: dict[str, Any] = {"latent": 3, "width": 12, "hidden": 16, "dropout": 0.0}


def gpt(length: int = 12, **settings: Any) -> GPT:
    """Return a transformer of eight letters and the blank."""
    config = GPTConfig(**{**GPT_SETTINGS, "tokens": TOKENS.told(), **settings})
    return build_model(GPT, config, (length,), Noise(1)).eval()


def text_vae(length: int = 12, **settings: Any) -> TextVAE:
    """Return an autoencoder of eight letters and the blank."""
    config = TextVAEConfig(**{**VAE_SETTINGS, "tokens": TOKENS.told(), **settings})
    return build_model(TextVAE, config, (length,), Noise(1)).eval()


def described(model: Model, name: str, tile: int = 8) -> TrainedModel:
    """Return a model as steps take it."""
    config = model.config.model_dump(mode="json")
    return TrainedModel(model, name, "0", config, model.data_shape, tile, fingerprint(model, config))


class Around:
    """What the builder of a dataset is given."""

    def __init__(self, base: Path) -> None:
        self.noise, self.base, self.notes = Noise(3), base, list[str]()

    def progress(self, done: int, total: int, **parts: float) -> None:
        """Nobody looks."""

    def note(self, text: str) -> None:
        """Keep a note."""
        self.notes.append(text)
