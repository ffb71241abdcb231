"""Generative adversarial networks (Goodfellow et al. 2014), for pictures of any size and for vectors."""

from __future__ import annotations

from collections.abc import Iterable

from gdl_core import ModelSpec, RecipeSpec, hookimpl

GDL_API = 1


@hookimpl
def gdl_models() -> Iterable[ModelSpec]:
    """Offer `gan` and `stylegan`."""
    yield ModelSpec(
        "gan",
        "A generator and a critic that play against each other: non-saturating, hinge, relativistic, WGAN or WGAN-GP.",
        target="gdl_gan.gan:GAN",
        config="gdl_gan.config:GANConfig",
        roles=("trains", "samples", "decodes"),
        source="Goodfellow et al. 2014, arXiv:1406.2661; Mescheder et al. 2018, arXiv:1801.04406",
    )
    yield ModelSpec(
        "stylegan",
        "StyleGAN2 for small pictures: styles steer the generator layer by layer, from coarse to fine.",
        target="gdl_gan.stylegan:StyleGAN",
        config="gdl_gan.stylegan_config:StyleGANConfig",
        roles=("trains", "samples", "decodes", "styles"),
        source="Karras et al. 2019, arXiv:1812.04948; Karras et al. 2020, arXiv:1912.04958",
    )


@hookimpl
def gdl_recipes() -> Iterable[RecipeSpec]:
    """Offer the recipes: the road from the VAE to the GAN, and faces of a style-based generator."""
    yield RecipeSpec(
        "digits-gan",
        "Handwritten digits by a generator and a critic, with both errors measured; about two minutes on two cores.",
        resource="gdl_gan:recipes/digits-gan.yaml",
    )
    yield RecipeSpec(
        "faces-gan",
        "Drawn faces by a generator and a critic, with directions and a search for given faces; an hour.",
        resource="gdl_gan:recipes/faces-gan.yaml",
    )
    yield RecipeSpec(
        "faces-style",
        "Drawn faces by a style-based generator, with truncation and mixing of styles; an hour.",
        resource="gdl_gan:recipes/faces-style.yaml",
    )
    yield RecipeSpec(
        "vae-to-gan",
        "A VAE's encoder and decoder, and a GAN of the same layers, side by side; about two minutes on two cores.",
        resource="gdl_gan:recipes/vae-to-gan.yaml",
    )
    yield RecipeSpec(
        "compare",
        "A VAE, a GAN and a style-based GAN on the same digits, side by side in one table; some minutes.",
        resource="gdl_gan:recipes/compare.yaml",
    )
