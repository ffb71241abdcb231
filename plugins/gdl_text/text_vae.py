"""`text_vae`: a variational autoencoder of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gdl_core.contracts import Batch, Losses, Model, Player, Posterior
from gdl_core.data.dataset import Dataset
from gdl_core.kernels import uniform
from gdl_core.latent.bottleneck import draw, risen
from gdl_core.latent.bound import importance_bound
from gdl_core.noise import Noise
from gdl_text.config import TextVAEConfig
from gdl_text.form import TextForm
from gdl_text.samples import in_texts, tokens_of
from gdl_text.tokens import read_tokens


class TextVAE(Model):
    """Encodes a sentence to a diagonal Gaussian and writes it again, piece by piece (Bowman et al. 2016).

    A decoder that sees all that it wrote so far can do without the latent point. So some pieces are hidden from it
    while training (word dropout, Bowman et al. 2016, section 3.1), the point is told at every step, and each latent
    number has some nats for nothing (Kingma et al. 2016).
    """

    def __init__(self, config: TextVAEConfig, data_shape: tuple[int, ...]) -> None:
        super().__init__(config, data_shape)
        tokens = read_tokens(config.tokens)
        (self.length,) = data_shape
        self.form = TextForm(tokens, self.length)
        self.end, self.hidden_code = tokens.end, tokens.size
        self.latent_shape = (config.latent,)
        self.embedding = nn.Embedding(tokens.size + 1, config.width)  # the last one stands for a hidden piece
        self.drop = nn.Dropout(config.dropout)
        self.reader = nn.GRU(config.width, config.hidden, batch_first=True, bidirectional=True)
        self.posterior = nn.Linear(4 * config.hidden, 2 * config.latent)
        self.start = nn.Linear(config.latent, config.hidden)
        self.writer = nn.GRU(config.width + config.latent, config.hidden, batch_first=True)
        self.narrow = nn.Linear(config.hidden + config.latent, config.width)
        self.bias = nn.Parameter(torch.zeros(tokens.size))
        nn.init.normal_(self.embedding.weight, std=config.width**-0.5)

    @classmethod
    def fit_config(cls, config: Any, dataset: Dataset) -> Any:
        """Fill in what the texts are cut into."""
        return config.model_copy(update={"tokens": tokens_of(dataset).told()})

    def players(self) -> Sequence[Player]:
        """One player moves everything."""
        return [Player("text_vae", [self], self._loss, lr=self.config.lr, decay=self.config.decay)]

    def beta(self, progress: float) -> float:
        """Return the weight of the KL after this share of the training."""
        return risen(self.config.beta, self.config.warmup, progress)

    def _loss(self, batch: Batch) -> Losses:
        config, codes = self.config, batch.x.long()
        mean, log_var = self._read(codes)
        z, charged, kl = draw(mean, log_var, batch.noise, config.free_bits)
        before = self._before(codes)
        if batch.training and config.word_dropout:
            chance = uniform(before.shape, key=batch.noise.stream("words").key(self.length), device=before.device)
            hide = chance < config.word_dropout
            hide[:, 0] = False
            before = before.masked_fill(hide, self.hidden_code)
        told = in_texts(codes, self.end)
        logits = self._write(before, z).float()
        each = F.cross_entropy(logits.flatten(0, 1), codes.flatten(), reduction="none").view_as(codes)
        reconstruction = (each * told).sum() / len(codes)
        return {
            "loss": reconstruction + self.beta(batch.progress) * charged,
            "reconstruction": reconstruction,
            "kl": kl,
            "nats_a_piece": (each * told).sum() / told.sum(),
        }

    def _before(self, codes: Tensor) -> Tensor:
        """Return the code before each one."""
        return F.pad(codes[:, :-1], (1, 0), value=self.end)

    def _read(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of the posterior, each (batch, latent)."""
        told = in_texts(codes, self.end)[..., None]
        seen, _ = self.reader(self.drop(self.embedding(codes)))
        average = (seen * told).sum(1) / told.sum(1)
        most = seen.masked_fill(~told, -1.0).amax(1)  # a GRU gives numbers above -1
        mean, log_var = self.posterior(torch.cat((average, most), dim=1)).float().chunk(2, dim=1)
        return mean.contiguous(), log_var.contiguous()

    def _write(self, before: Tensor, z: Tensor, state: Tensor | None = None) -> Tensor:
        """Return the logits of what follows codes (batch, pieces), (batch, pieces, size)."""
        logits, _ = self._go_on(before, z, state)
        return logits

    def _go_on(self, before: Tensor, z: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        if state is None:
            state = self.start(z).tanh()[None]
        points = z[:, None].expand(-1, before.shape[1], -1).to(state)
        out, state = self.writer(torch.cat((self.drop(self.embedding(before)), points), dim=2), state)
        out = self.narrow(self.drop(torch.cat((out, points), dim=2)))
        return F.linear(out, self.embedding.weight[:-1], self.bias), state

    def prior(self, n: int, noise: Noise) -> Tensor:
        """Draw n points of N(0, I), (n, latent)."""
        return noise.normal(n, self.latent_shape, device=self.device)

    def encode(self, x: Tensor) -> Posterior:
        """Return q(z | x) of texts (batch, length), mean and log-variance each (batch, latent)."""
        return Posterior(*self._read(x.long()))

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        """Return the texts (batch, length) whose every piece is the likeliest after those before it."""
        code = torch.full((len(z), 1), self.end, device=z.device)
        over = torch.zeros(len(z), dtype=torch.bool, device=z.device)
        state: Tensor | None = None
        found = torch.full((len(z), self.length), self.end, device=z.device)
        for place in range(self.length):
            logits, state = self._go_on(code, z, state)
            code = logits[:, -1:].argmax(2).masked_fill(over[:, None], self.end)
            found[:, place] = code[:, 0]
            over = over | (code[:, 0] == self.end)
            if bool(over.all()):
                break
        return found.float()

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Return log p(x | z) of texts and points, in nats, (batch,)."""
        codes = x.long()
        each = F.cross_entropy(self._write(self._before(codes), z).float().transpose(1, 2), codes, reduction="none")
        return -(each * in_texts(codes, self.end)).sum(1)

    def log_prob(self, x: Tensor, noise: Noise) -> Tensor:
        """Return a lower bound of log p(x), (batch,), in nats; see `importance_bound`."""
        return importance_bound(self, x, noise, self.config.bound_samples)
