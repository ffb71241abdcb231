"""The critic of a conditional GAN."""

from __future__ import annotations

from torch import Tensor, nn


class Projection(nn.Module):
    """A critic of samples together with their categories: ψ(φ(x)) + ⟨V y, φ(x)⟩ (Miyato & Koyama 2018, equation 3).

    Args:
        critic: its last layer but a flattening one becomes ψ, what comes before it φ.
        categories: how many there are.
    """

    def __init__(self, critic: nn.Sequential, categories: int) -> None:
        super().__init__()
        layers = list(critic.children())[:-1]
        while isinstance(layers[-1], nn.Sequential):
            layers[-1:] = list(layers[-1].children())
        last = layers[-1]
        assert isinstance(last, nn.Linear)
        self.features, self.last = nn.Sequential(*layers[:-1]), last
        self.embedding = nn.Linear(last.in_features, categories, bias=False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Samples (batch, *data shape) and categories, one-hot (batch, categories) -> (batch,)."""
        features = self.features(x)
        out: Tensor = self.last(features).flatten() + (self.embedding(features) * y).sum(1)
        return out
