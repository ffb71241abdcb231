"""Generative adversarial networks (Goodfellow et al. 2014), for pictures of any size and for vectors."""

from __future__ import annotations

from collections.abc import Iterable

from gdl_core import ModelSpec, hookimpl

GDL_API = 1


@hookimpl
def gdl_models() -> Iterable[ModelSpec]:
    """Offer `gan`."""
    yield ModelSpec(
        "gan",
        "A generator and a critic that play against each other: non-saturating, hinge, relativistic, WGAN or WGAN-GP.",
        target="gdl_gan.gan:GAN",
        config="gdl_gan.config:GANConfig",
        roles=("trains", "samples", "decodes"),
        source="Goodfellow et al. 2014, arXiv:1406.2661; Mescheder et al. 2018, arXiv:1801.04406",
    )
