"""`music_transformer`: a transformer that writes all voices step by step, the highest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gdl_core.contracts import Batch, Losses, Model, Player
from gdl_core.data.dataset import Dataset
from gdl_core.networks.transformer import Shape, Transformer
from gdl_core.networks.writing import write
from gdl_core.noise import Noise
from gdl_music.config import MusicTransformerConfig
from gdl_music.grid import Grid, grid_of, need_voices, read_grid

_TILE = 8  # tunes that are written at once


class MusicTransformer(Model):
    """A decoder-only transformer over the codes of all voices, step after step (Huang et al. 2019).

    Positions are relative to one another (rotary, Su et al. 2021). A tune may be longer than a sample: it is written in
    windows that begin with a bar. Of each code it knows besides which voice it is of, and where in a bar.
    """

    def __init__(self, config: MusicTransformerConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.tile = _TILE
        self.form: Grid = read_grid(config.grid)
        self.voices, self.steps = data_shape
        need_voices(self.form, self.voices)
        self.begin = self.form.size  # one code more: what is before the first
        shape = Shape(
            self.begin + 1, self.voices * self.steps, config.layers, config.heads, config.width, dropout=config.dropout
        )
        self.network = Transformer(shape)
        self.voice = nn.Embedding(self.voices, config.width)
        self.beat = nn.Embedding(config.bar, config.width)
        for part in (self.voice, self.beat):
            nn.init.normal_(part.weight, std=0.02)

    @classmethod
    def fit_config(cls, config: Any, dataset: Dataset) -> Any:
        """Fill in what the notes are."""
        return config.model_copy(update={"grid": grid_of(dataset).told()})

    def players(self) -> Sequence[Player]:
        """One player moves everything."""
        config = self.config
        return [
            Player("music_transformer", [self], self._loss, lr=config.lr, decay=config.decay,
                   weight_decay=config.weight_decay, betas=(0.9, 0.95), warmup=config.warmup)
        ]  # fmt: skip

    def _loss(self, batch: Batch) -> Losses:
        codes = batch.x.long()
        logits = self._logits(codes).float()
        loss = F.cross_entropy(logits.flatten(0, 1), in_turn(codes).flatten())
        return {"loss": loss, "accuracy": (logits.argmax(2) == in_turn(codes)).float().mean()}

    def _logits(self, codes: Tensor) -> Tensor:
        """Return the logits of codes (batch, voices, steps) in turn, (batch, voices · steps, size)."""
        turn = in_turn(codes)
        before = F.pad(turn[:, :-1], (1, 0), value=self.begin)
        out: Tensor = self.network(before, None, self._known(0, turn.shape[1]))
        return out

    def _known(self, start: int, n: int) -> Tensor:
        """Return what is known of n codes from `start` on before they are: voice and beat, (n, width)."""
        place = torch.arange(start, start + n, device=self.device)
        beat = place // self.voices % self.config.bar
        known: Tensor = self.voice(place % self.voices) + self.beat(beat)
        return known

    @torch.no_grad()
    def compose(
        self,
        given: Tensor,
        noise: Noise,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        tell: Callable[[Tensor], None] = lambda codes: None,
    ) -> Tensor:
        """Return tunes, int64 (batch, voices, steps).

        Args:
            given: int64 (batch, voices, steps): codes that are to be kept; below 0 where the model is to write. It
                writes step by step, and so knows of what is given only what came before, and the voices above.
            noise: row i belongs to tune i.
            temperature, top_k, top_p: see `gdl_core.networks.choice`.
            tell: told each new code, (batch,); it may raise.
        """
        begun = torch.full((len(given), 1), self.begin, device=given.device)
        real = torch.arange(self.begin + 1) < self.begin
        found = write(
            self.network, begun, given[0].numel(), noise,
            temperature=temperature, top_k=top_k, top_p=top_p, given=in_turn(given), more=self._known,
            allowed=lambda place: real, tell=tell, unit=self.voices * self.config.bar,
        )  # fmt: skip
        return found.reshape(len(given), given.shape[2], self.voices).transpose(1, 2)

    def sample(self, n: int, noise: Noise, **options: Any) -> Tensor:
        """Return n tunes of the length that it learned from, (n, voices, steps)."""
        free = torch.full((n, self.voices, self.steps), -1, device=self.device)
        return self.compose(free, noise, **options).float()

    @torch.no_grad()
    def log_prob(self, x: Tensor, noise: Noise) -> Tensor:
        """Return log p of tunes (batch, voices, steps), in nats, (batch,)."""
        codes = x.long()
        each = F.cross_entropy(self._logits(codes).float().transpose(1, 2), in_turn(codes), reduction="none")
        return -each.sum(1)


def in_turn(codes: Tensor) -> Tensor:
    """Return codes (batch, voices, steps) one after another, step by step, (batch, steps · voices)."""
    return codes.transpose(1, 2).flatten(1)
