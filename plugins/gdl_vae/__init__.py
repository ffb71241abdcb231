"""The autoencoder and the variational autoencoder (Kingma & Welling 2013), for pictures of any size and for vectors."""

from __future__ import annotations

from collections.abc import Iterable

from gdl_core import ModelSpec, RecipeSpec, hookimpl

GDL_API = 1


@hookimpl
def gdl_models() -> Iterable[ModelSpec]:
    """Offer `autoencoder` and `vae`."""
    yield ModelSpec(
        "autoencoder",
        "An encoder and a decoder with a bottleneck between them; its latent space has no prior to sample from.",
        target="gdl_vae.autoencoder:Autoencoder",
        config="gdl_vae.config:AutoencoderConfig",
        roles=("trains", "encodes", "decodes"),
        source="Hinton & Salakhutdinov 2006",
    )
    yield ModelSpec(
        "vae",
        "A variational autoencoder: samples are encoded to normal distributions that are held near N(0, I).",
        target="gdl_vae.vae:VAE",
        config="gdl_vae.config:VAEConfig",
        roles=("trains", "samples", "encodes", "decodes", "scores"),
        source="Kingma & Welling 2013, arXiv:1312.6114",
    )


@hookimpl
def gdl_recipes() -> Iterable[RecipeSpec]:
    """Offer the recipes that walk the road from the autoencoder to attribute vectors."""
    for name, summary in (
        ("digits", "Handwritten digits in a plane, an autoencoder beside a VAE; about four minutes on two cores."),
        ("cylinders", "Two hidden features, height and width, found in pictures alone."),
        ("faces", "Drawn faces: samples, a morph, and five attributes as directions of latent space."),
        ("folder", "Your own pictures: gdl run folder -s path=PICTURES."),
    ):
        yield RecipeSpec(name, summary, resource=f"gdl_vae:recipes/{name}.yaml")
