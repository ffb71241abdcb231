"""What a critic and a generator minimise. `real` and `fake` are the critic's outputs, (batch,), high for real.

| loss | critic | generator |
| --- | --- | --- |
| bce | softplus(−real) + softplus(fake) | softplus(−fake), non-saturating: Goodfellow et al. 2014, section 3 |
| hinge | max(0, 1 − real) + max(0, 1 + fake) | −fake: Lim & Ye 2017, Miyato et al. 2018 |
| relativistic | softplus(fake − real) | softplus(real − fake): Jolicoeur-Martineau 2018, Huang et al. 2024 (R3GAN) |
| wgan, wgan-gp | fake − real | −fake: Arjovsky et al. 2017, algorithm 1; Gulrajani et al. 2017, algorithm 1 |
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from gdl_gan.config import Loss


def critic_loss(kind: Loss, real: Tensor, fake: Tensor) -> Tensor:
    """Return what the critic minimises, without penalties, 0-d."""
    if kind == "bce":
        return F.softplus(-real).mean() + F.softplus(fake).mean()
    if kind == "hinge":
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    if kind == "relativistic":
        return F.softplus(fake - real).mean()
    return fake.mean() - real.mean()


def generator_loss(kind: Loss, real: Tensor | None, fake: Tensor) -> Tensor:
    """Return what the generator minimises, 0-d; `real` is needed by the relativistic loss alone."""
    if kind == "bce":
        return F.softplus(-fake).mean()
    if kind == "relativistic":
        assert real is not None
        return F.softplus(real - fake).mean()
    return -fake.mean()
