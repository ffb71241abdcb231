"""`music_vae`: a variational autoencoder of tunes, whose decoder thinks of bars before it thinks of notes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gdl_core.contracts import Batch, Losses, Model, Player, Posterior
from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError
from gdl_core.latent.bottleneck import draw, risen
from gdl_core.latent.bound import importance_bound
from gdl_core.noise import Noise
from gdl_music.config import MusicVAEConfig
from gdl_music.grid import Grid, grid_of, need_voices, read_grid


class MusicVAE(Model):
    """Encodes bars of music to a diagonal Gaussian and writes them again (Roberts et al. 2018).

    A conductor, a recurrent network with a step for each bar, is told z and says what a bar is to be about; another
    writes that bar step by step, and knows of the bars before it by the conductor and the last step alone. So it
    cannot do without z. Every voice has its own codes; all are read and written together.
    """

    def __init__(self, config: MusicVAEConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        self.form: Grid = read_grid(config.grid)
        self.voices, self.steps = data_shape
        need_voices(self.form, self.voices)
        self.size, self.bar = self.form.size, config.bar
        if self.steps % self.bar:
            raise DataError(
                f"samples of {self.steps} steps are not made of bars of {self.bar}; set 'bar' to a part of them"
            )
        self.latent_shape = (config.latent,)
        self.embedding = nn.Embedding(self.size + 1, config.width)  # the last one stands for what is before the first
        self.drop = nn.Dropout(config.dropout)
        wide = config.width * self.voices
        self.reader = nn.GRU(wide, config.hidden, batch_first=True, bidirectional=True)
        self.posterior = nn.Linear(2 * config.hidden, 2 * config.latent)
        self.start = nn.Linear(config.latent, config.hidden)
        self.conductor = nn.GRU(config.latent, config.hidden, batch_first=True)
        self.theme = nn.Linear(config.hidden, config.hidden)
        self.writer = nn.GRU(wide + config.hidden, config.hidden, batch_first=True)
        self.choice = nn.Linear(config.hidden, self.voices * self.size)

    @classmethod
    def fit_config(cls, config: Any, dataset: Dataset) -> Any:
        """Fill in what the notes are."""
        return config.model_copy(update={"grid": grid_of(dataset).told()})

    def players(self) -> Sequence[Player]:
        """One player moves everything."""
        return [Player("music_vae", [self], self._loss, lr=self.config.lr, decay=self.config.decay)]

    def beta(self, progress: float) -> float:
        """Return the weight of the KL after this share of the training."""
        return risen(self.config.beta, self.config.warmup, progress)

    def _loss(self, batch: Batch) -> Losses:
        config, codes = self.config, batch.x.long()
        mean, log_var = self._read(codes)
        z, charged, kl = draw(mean, log_var, batch.noise, config.free_bits)
        logits = self._write(codes, z).float()
        reconstruction = F.cross_entropy(logits.movedim(3, 1), codes, reduction="sum") / len(codes)
        right = (logits.argmax(3) == codes).float().mean()
        loss = reconstruction + self.beta(batch.progress) * charged
        return {"loss": loss, "reconstruction": reconstruction, "kl": kl, "accuracy": right}

    def _seen(self, codes: Tensor) -> Tensor:
        """Return codes (batch, voices, steps) as numbers (batch, steps, voices · width)."""
        return self.drop(self.embedding(codes).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _read(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of the posterior, each (batch, latent)."""
        _, last = self.reader(self._seen(codes))  # (2, batch, hidden)
        mean, log_var = self.posterior(torch.cat((last[0], last[1]), dim=1)).float().chunk(2, dim=1)
        return mean.contiguous(), log_var.contiguous()

    def _themes(self, z: Tensor) -> Tensor:
        """Return what the conductor says of each bar, (batch, bars, hidden)."""
        bars = self.steps // self.bar
        begin = self.start(z).tanh()[None]
        told, _ = self.conductor(z[:, None].expand(-1, bars, -1).to(begin), begin)
        return self.theme(told).tanh()  # type: ignore[no-any-return]

    def _write(self, codes: Tensor, z: Tensor) -> Tensor:
        """Return the logits of codes, (batch, voices, steps, size), each given those before it."""
        batch, bars = len(codes), self.steps // self.bar
        before = self._seen(F.pad(codes[:, :, :-1], (1, 0), value=self.size))
        themes = self._themes(z).flatten(0, 1)  # (batch · bars, hidden)
        given = torch.cat((before.reshape(batch * bars, self.bar, -1), themes[:, None].expand(-1, self.bar, -1)), dim=2)
        out, _ = self.writer(given, themes[None].contiguous())
        logits = self.choice(self.drop(out)).reshape(batch, self.steps, self.voices, self.size)
        return logits.transpose(1, 2)  # type: ignore[no-any-return]

    def prior(self, n: int, noise: Noise) -> Tensor:
        """Draw n points of N(0, I), (n, latent)."""
        return noise.normal(n, self.latent_shape, device=self.device)

    def encode(self, x: Tensor) -> Posterior:
        """Return q(z | x) of tunes (batch, voices, steps), mean and log-variance each (batch, latent)."""
        return Posterior(*self._read(x.long()))

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        """Return the tunes (batch, voices, steps) whose every code is the likeliest after those before it."""
        last = torch.full((len(z), self.voices, 1), self.size, device=z.device)
        found = []
        for theme in self._themes(z).unbind(1):
            state = theme[None].contiguous()
            for _ in range(self.bar):
                given = torch.cat((self._seen(last), theme[:, None]), dim=2)
                out, state = self.writer(given, state)
                last = self.choice(self.drop(out)).reshape(len(z), self.voices, self.size).argmax(2)[..., None]
                found.append(last)
        return torch.cat(found, dim=2).float()

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log p(x | z) of tunes and points, in nats, (batch,)."""
        codes = x.long()
        each = F.cross_entropy(self._write(codes, z).float().movedim(3, 1), codes, reduction="none")
        return -each.flatten(1).sum(1)

    def log_prob(self, x: Tensor, noise: Noise) -> Tensor:
        """Return a lower bound of log p(x), (batch,), in nats; see `importance_bound`."""
        return importance_bound(self, x, noise, self.config.bound_samples)
