"""Swirls. What the plugin offers; no torch is imported here."""

from gdl_core import DatasetSpec, ModelSpec, RecipeSpec, StepSpec, hookimpl

GDL_API = 1


@hookimpl
def gdl_models():
    yield ModelSpec(
        "swirl",
        "Swirls whose two latent numbers turn and wind them.",
        target="gdl_swirl.model:Swirl",
        config="gdl_swirl.config:SwirlConfig",
        roles=("trains", "samples", "encodes", "decodes"),
    )


@hookimpl
def gdl_datasets():
    yield DatasetSpec("swirls", "Drawn swirls.", target="gdl_swirl.data:build", config="gdl_swirl.config:SwirlsConfig")


@hookimpl
def gdl_steps():
    yield StepSpec(
        "still",
        "One swirl at a place of the latent plane.",
        target="gdl_swirl.still:run",
        arguments="gdl_swirl.still:Arguments",
        gives="image",
    )


@hookimpl
def gdl_recipes():
    yield RecipeSpec("swirls", "Train on swirls, sample and morph.", "gdl_swirl:recipes/swirls.yaml")


@hookimpl
def gdl_commands(cli):
    import click

    @cli.group()
    def swirl():
        """Everything about swirls."""

    @swirl.command()
    def arms():
        """Say how many arms a swirl has."""
        click.echo("three")
