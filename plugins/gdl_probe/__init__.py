"""A probe: a small classifier of a dataset's columns, trained apart, that judges what generative models make."""

from __future__ import annotations

from collections.abc import Iterable

from gdl_core import ModelSpec, RecipeSpec, hookimpl

GDL_API = 1


@hookimpl
def gdl_models() -> Iterable[ModelSpec]:
    """Offer `probe`."""
    yield ModelSpec(
        "probe",
        "A small classifier of the dataset's category columns, to judge attributes and labels of made pictures.",
        target="gdl_probe.probe:Probe",
        config="gdl_probe.config:ProbeConfig",
        roles=("trains", "classifies"),
    )


@hookimpl
def gdl_recipes() -> Iterable[RecipeSpec]:
    """Offer the recipe of a feature network, in whose features other models are judged."""
    yield RecipeSpec(
        "digits-features",
        "A classifier of handwritten digits, to judge other models in its features; about half a minute on two cores.",
        resource="gdl_probe:recipes/digits-features.yaml",
    )
