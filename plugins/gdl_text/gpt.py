"""`gpt`: a transformer that says of every piece of a text how probable the next one is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gdl_core.contracts import Batch, Losses, Model, Player
from gdl_core.data.dataset import Dataset
from gdl_core.errors import InputError
from gdl_core.networks.transformer import Shape, Transformer
from gdl_core.networks.writing import write
from gdl_core.noise import Noise
from gdl_text.config import GPTConfig
from gdl_text.form import TextForm
from gdl_text.samples import in_texts, tokens_of
from gdl_text.tokens import read_tokens

_TILE = 8  # texts that are written at once


class GPT(Model):
    """A decoder-only transformer. A sample is a row of codes; what follows the first end of a row counts for nothing.

    By default with rotary positions (Su et al. 2021), RMSNorm (Zhang & Sennrich 2019) and gated perceptrons (Shazeer
    2020); with other settings it is GPT-2 (Radford et al. 2019), whose weights `gdl_text.gpt2` reads.
    """

    def __init__(self, config: GPTConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.tile = _TILE
        self.tokens = read_tokens(config.tokens)
        (self.length,) = data_shape
        self.form = TextForm(self.tokens, self.length)
        self.end = self.tokens.end
        self.network = Transformer(
            Shape(
                self.tokens.size, self.length, config.layers, config.heads, config.width, config.inner,
                config.positions, config.norm, config.perceptron, config.bias, config.dropout,
            )
        )  # fmt: skip

    @classmethod
    def fit_config(cls, config: Any, dataset: Dataset) -> Any:
        """Fill in what the texts are cut into."""
        return config.model_copy(update={"tokens": tokens_of(dataset).told()})

    def players(self) -> Sequence[Player]:
        """One player moves everything."""
        config = self.config
        return [
            Player("gpt", [self], self._loss, lr=config.lr, decay=config.decay, weight_decay=config.weight_decay,
                   betas=(0.9, 0.95), warmup=config.warmup)
        ]  # fmt: skip

    def _loss(self, batch: Batch) -> Losses:
        codes = batch.x.long()
        told = in_texts(codes, self.end)
        each = self._charge(codes)
        return {"loss": (each * told).sum() / told.sum().clamp_min(1)}

    def _charge(self, codes: Tensor) -> Tensor:
        """Return -log p of each code given those before it, (batch, length), in nats."""
        before = F.pad(codes[:, :-1], (1, 0), value=self.end)
        logits = self.network(before).float()
        return F.cross_entropy(logits.flatten(0, 1), codes.flatten(), reduction="none").view_as(codes)

    @torch.no_grad()
    def go_on(
        self,
        begun: Tensor,
        pieces: int,
        noise: Noise,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        tell: Callable[[Tensor], None] = lambda codes: None,
    ) -> Tensor:
        """Return codes that follow the beginnings of texts, int64 (batch, pieces); behind an end there are only ends.

        With rotary positions there may be any number of them: what is too long ago is forgotten, see
        `gdl_core.networks.writing`.

        Args:
            begun: int64 (batch, codes), at least one: a text begins with the end's code.
            pieces: how many to add.
            noise: row i belongs to text i.
            temperature: 1 as learned; lower, likelier ones; 0: always the likeliest.
            top_k: choose among so many of the likeliest; 0: among all.
            top_p: choose among the likeliest that have this probability together (Holtzman et al. 2020).
            tell: told each new piece, (batch,); it may raise.

        Raises:
            InputError: positions were learned for fewer pieces.
        """
        if self.config.positions == "learned" and begun.shape[1] + pieces - 1 > self.length:
            told = f"after this beginning it writes {self.length + 1 - begun.shape[1]} pieces"
            raise InputError(f"this model has learned {self.length} positions: {told}")
        return write(
            self.network, begun, pieces, noise,
            temperature=temperature, top_k=top_k, top_p=top_p, end=self.end, tell=tell,
        )  # fmt: skip

    def sample(self, n: int, noise: Noise, **options: Any) -> Tensor:
        """Return n texts of the length that it learned from, (n, length)."""
        begun = torch.full((n, 1), self.end, device=self.device)
        return self.go_on(begun, self.length, noise, **options).float()

    @torch.no_grad()
    def log_prob(self, x: Tensor, noise: Noise) -> Tensor:
        """Return log p of texts (batch, length), in nats, their ends included, (batch,)."""
        codes = x.long()
        return -(self._charge(codes) * in_texts(codes, self.end)).sum(1)
