"""Baselines that are fitted at once: what a generative model should beat, and what measures must catch."""

from __future__ import annotations

from collections.abc import Iterable

from gdl_core import ModelSpec, RecipeSpec, hookimpl

GDL_API = 1


@hookimpl
def gdl_models() -> Iterable[ModelSpec]:
    """Offer `box`, `histogram`, `gaussian`, `copy`, `few` and `collapsed`."""
    yield ModelSpec(
        "box",
        "Even noise between the least and the greatest training value of each number.",
        target="gdl_baseline.box:Box",
        config="gdl_baseline.config:BoxConfig",
        roles=("trains", "samples", "decodes"),
        fitted=True,
    )
    yield ModelSpec(
        "histogram",
        "A histogram of each pixel or number, all of them independent.",
        target="gdl_baseline.histogram:Histogram",
        config="gdl_baseline.config:HistogramConfig",
        roles=("trains", "samples", "decodes"),
        source="Foster 2023, Generative Deep Learning, chapter 1",
        fitted=True,
    )
    yield ModelSpec(
        "gaussian",
        "A Gaussian over principal components (probabilistic PCA): the linear VAE in closed form.",
        target="gdl_baseline.gaussian:Gaussian",
        config="gdl_baseline.config:GaussianConfig",
        roles=("trains", "samples", "encodes", "decodes", "scores"),
        source="Tipping & Bishop 1999, Journal of the Royal Statistical Society B 61",
        fitted=True,
    )
    yield ModelSpec(
        "copy",
        "Repeats training samples: faultless to look at, and caught by memorisation.",
        target="gdl_baseline.copy_model:Copy",
        config="gdl_baseline.config:CopyConfig",
        roles=("trains", "samples"),
        fitted=True,
    )
    yield ModelSpec(
        "few",
        "Makes only what lies between some training samples and their nearest: a good Fréchet distance, caught by "
        "recall and coverage.",
        target="gdl_baseline.few:Few",
        config="gdl_baseline.config:FewConfig",
        roles=("trains", "samples", "decodes"),
        fitted=True,
    )
    yield ModelSpec(
        "collapsed",
        "Makes only what lies around one training sample: collapsed on purpose, and caught by recall and coverage.",
        target="gdl_baseline.collapsed:Collapsed",
        config="gdl_baseline.config:CollapsedConfig",
        roles=("trains", "samples", "decodes"),
        fitted=True,
    )


@hookimpl
def gdl_recipes() -> Iterable[RecipeSpec]:
    """Offer the recipe of the first stop: two errors that every generative model can make."""
    yield RecipeSpec(
        "points",
        "A set in the plane with an unknown rule: what models wrongly make, and what they never make; one minute.",
        resource="gdl_baseline:recipes/points.yaml",
    )
