"""The model: a formula that draws swirls, and a small network that finds the two numbers of a picture."""

from math import pi, prod

import torch
from torch import nn

from gdl_core import Model, Player, Posterior


def draw(z, size, arms):
    """Return pictures (n, 1, size, size) in [0, 1] of latent points (n, 2): turn and winding."""
    line = torch.linspace(-1, 1, size, device=z.device)
    y, x = torch.meshgrid(line, line, indexing="ij")
    radius, angle = (x * x + y * y).sqrt(), torch.atan2(y, x)
    turn, wind = z[:, 0, None, None], z[:, 1, None, None]
    wave = torch.sin(arms * angle + turn + wind * pi * radius)
    return (0.5 + 0.5 * wave * torch.exp(-2 * radius * radius))[:, None]


class Swirl(Model):
    def __init__(self, config, data_shape):
        super().__init__(config, data_shape)
        self.latent_shape = (2,)
        self.contrast = nn.Parameter(torch.ones(()))
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(prod(data_shape), 32), nn.Tanh(), nn.Linear(32, 2))

    def players(self):
        return [Player("swirl", [self], self.loss, lr=self.config.lr)]

    def loss(self, batch):
        error = self.decode(self.encode(batch.x).mean) - batch.x
        return {"loss": error.square().flatten(1).sum(1).mean()}

    def prior(self, n, noise):
        return noise.normal(n, self.latent_shape, device=self.device)

    def encode(self, x):
        return Posterior(self.encoder(x))

    def decode(self, z):
        pictures = draw(z, self.data_shape[-1], self.config.arms)
        return (0.5 + self.contrast * (pictures - 0.5)).clamp(0, 1).expand(-1, *self.data_shape)
