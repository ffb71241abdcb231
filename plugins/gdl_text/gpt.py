"""`gpt`: a transformer that says of every piece of a text how probable the next one is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gdl_core.contracts import Batch, Losses, Model, Player
from gdl_core.data.dataset import Dataset
from gdl_core.errors import InputError
from gdl_core.noise import Noise
from gdl_text.blocks import Block, Cache, angles, norm
from gdl_text.choice import choose
from gdl_text.config import GPTConfig
from gdl_text.form import TextForm
from gdl_text.samples import in_texts, tokens_of
from gdl_text.tokens import read_tokens

_TILE = 8  # texts that are written at once
_STD = 0.02  # of fresh weights (Radford et al. 2019)


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
        self.embedding = nn.Embedding(self.tokens.size, config.width)
        self.places = nn.Embedding(self.length, config.width) if config.positions == "learned" else None
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.last = norm(config)
        self.apply(_begin)
        for block in self.blocks:  # ways around the blocks add up
            for part in (cast("Any", block).attention.outward, cast("Any", block).perceptron.outward):
                nn.init.normal_(part.weight, std=_STD / math.sqrt(2 * config.layers))

    @classmethod
    def fit_config(cls, config: Any, dataset: Dataset) -> Any:
        """Fill in what the texts are cut into."""
        return config.model_copy(update={"tokens": tokens_of(dataset).told()})

    def players(self) -> Sequence[Player]:
        """One player moves everything."""
        config = self.config
        return [
            Player("gpt", [self], self._loss, lr=config.lr, decay=config.decay, weight_decay=config.weight_decay,
                   betas=(0.9, 0.95))
        ]  # fmt: skip

    def _loss(self, batch: Batch) -> Losses:
        codes = batch.x.long()
        told = in_texts(codes, self.end)
        each = self._charge(codes)
        return {"loss": (each * told).sum() / told.sum().clamp_min(1)}

    def _charge(self, codes: Tensor) -> Tensor:
        """Return -log p of each code given those before it, (batch, length), in nats."""
        before = F.pad(codes[:, :-1], (1, 0), value=self.end)
        logits = self(before).float()
        return F.cross_entropy(logits.transpose(1, 2), codes, reduction="none")

    def forward(self, codes: Tensor, cache: Cache | None = None) -> Tensor:
        """Return the logits of what follows each code, (batch, pieces, size).

        Args:
            codes: int64 (batch, pieces); a text begins with the end's code.
            cache: what was read before; it takes these in. None: nothing was, and nothing is kept.

        Raises:
            InputError: positions were learned for fewer pieces.
        """
        start = 0 if cache is None else cache.read
        pieces = codes.shape[1]
        x = self.embedding(codes)
        turn = None
        if self.places is not None:
            if start + pieces > self.length:
                raise InputError(f"this model has learned {self.length} positions and reads no more pieces")
            x = x + self.places(torch.arange(start, start + pieces, device=codes.device))
        else:
            turn = angles(start, pieces, self.config.width // self.config.heads, codes.device)
        x = self.drop(x)
        for layer, block in enumerate(self.blocks):
            x = block(x, turn, cache, layer)
        if cache is not None:
            cache.read += pieces
        return F.linear(self.last(x), self.embedding.weight)

    def remember(self) -> Cache:
        """Return a cache of nothing, with room for as many pieces as a sample has."""
        return Cache(self.config.layers, self.length)

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

        With rotary positions there may be any number of them: what is too long ago is forgotten.

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
        cache, given = self.remember(), begun
        if self.places is None:
            given = given[:, -self.length :]
        elif begun.shape[1] + pieces - 1 > self.length:
            most = self.length + 1 - begun.shape[1]
            raise InputError(
                f"this model has learned {self.length} positions: after this beginning it writes {most} pieces"
            )
        found: list[Tensor] = []
        over = torch.zeros(len(begun), dtype=torch.bool, device=begun.device)
        for place in range(pieces):
            logits = self(given, cache)[:, -1].float()
            chance = noise.stream("piece", place).at(noise.start).uniform(len(begun), (1,))[:, 0].to(logits)
            code = choose(logits, chance, temperature, top_k, top_p).masked_fill(over, self.end)
            over = over | (code == self.end)
            tell(code)
            found.append(code)
            if bool(over.all()):
                break
            given = code[:, None]
        text = torch.stack(found, dim=1) if found else begun.new_empty(len(begun), 0)
        return F.pad(text, (0, pieces - text.shape[1]), value=self.end)

    def sample(self, n: int, noise: Noise, **options: Any) -> Tensor:
        """Return n texts of the length that it learned from, (n, length)."""
        begun = torch.full((n, 1), self.end, device=self.device)
        return self.go_on(begun, self.length, noise, **options).float()

    @torch.no_grad()
    def log_prob(self, x: Tensor, noise: Noise) -> Tensor:
        """Return log p of texts (batch, length), in nats, their ends included, (batch,)."""
        codes = x.long()
        return -(self._charge(codes) * in_texts(codes, self.end)).sum(1)


def _begin(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=_STD)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
