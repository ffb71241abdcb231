"""Numbers about a trained model, each beside the baselines that tell whether it is good; one measure a file.

A measure is a function `measure(subject) -> list[Measurement]`, named by a `MeasureSpec`; `subject.py` has both types.
It returns nothing where there is nothing to measure (no labels, one dimension). This room may import everything up to
`contracts`, `latent` and `data`; this module imports no torch.
"""

from __future__ import annotations

from gdl_core.specs import MeasureSpec

MEASURES: tuple[MeasureSpec, ...] = (
    MeasureSpec(
        "reconstruction",
        "Error of held-out samples after encoding and decoding, beside the mean sample and PCA of the same size.",
        target="gdl_core.measures.reconstruction:measure",
        roles=("encodes", "decodes"),
        kinds=("image",),
    ),
    MeasureSpec(
        "active_units",
        "How many latent dimensions carry information (Burda et al. 2015), and the KL divergence of each.",
        target="gdl_core.measures.active_units:measure",
        roles=("encodes",),
    ),
    MeasureSpec(
        "posterior",
        "How close all codes together come to the normal prior, dimension by dimension.",
        target="gdl_core.measures.posterior:measure",
        roles=("encodes",),
    ),
    MeasureSpec(
        "plane_fill",
        "How densely and evenly the codes fill the plane of p = Φ(z).",
        target="gdl_core.measures.plane_fill:measure",
        roles=("encodes",),
    ),
    MeasureSpec(
        "knn",
        "How often the nearest codes agree about a label that was never trained on, beside PCA of the same size.",
        target="gdl_core.measures.knn:measure",
        roles=("encodes",),
    ),
    MeasureSpec(
        "factors",
        "How well the numbers that a sample was made from can be read off its code (R²), beside PCA of the same size.",
        target="gdl_core.measures.factors:measure",
        roles=("encodes",),
    ),
    MeasureSpec(
        "smoothness",
        "The largest step over the mean step along straight lines between held-out samples.",
        target="gdl_core.measures.smoothness:measure",
        roles=("encodes", "decodes"),
        kinds=("image",),
    ),
    MeasureSpec(
        "precision_recall",
        "How many samples lie among the data, and how much of the data lies among samples; density and coverage too.",
        target="gdl_core.measures.precision_recall:measure",
        roles=("samples",),
        kinds=("image",),
    ),
    MeasureSpec(
        "memorisation",
        "The share of samples nearer to a training sample than held-out ones are.",
        target="gdl_core.measures.memorisation:measure",
        roles=("samples",),
        kinds=("image",),
    ),
    MeasureSpec(
        "frechet",
        "Fréchet distance and kernel distance between samples and held-out data, beside training samples as the floor.",
        target="gdl_core.measures.frechet:measure",
        roles=("samples",),
        extra="metrics",
        kinds=("image",),
    ),
    MeasureSpec(
        "fid",
        "Fréchet Inception distance of samples and held-out data, with the weights in the file that `inception` names.",
        target="gdl_core.measures.fid:measure",
        roles=("samples",),
        extra="metrics",
        weights=True,
        kinds=("image",),
    ),
    MeasureSpec(
        "sharpness",
        "How much edge the samples have, as a share of that of held-out pictures, beside blurred ones.",
        target="gdl_core.measures.sharpness:measure",
        roles=("samples",),
        kinds=("image",),
    ),
    MeasureSpec(
        "attribute_shares",
        "How often each category is made and how often the data have it, as the probe named by `features` judges.",
        target="gdl_core.measures.attribute_shares:measure",
        roles=("samples",),
        judged=True,
        kinds=("image",),
    ),
    MeasureSpec(
        "dependence",
        "Whether categories go together in samples as they do in the data, for every two columns that a probe judges.",
        target="gdl_core.measures.dependence:measure",
        roles=("samples",),
        judged=True,
        kinds=("image",),
    ),
    MeasureSpec(
        "likelihood",
        "How probable held-out samples are: importance-weighted bounds of log p(x) with up to 5,000 draws.",
        target="gdl_core.measures.likelihood:measure",
        roles=("scores",),
        kinds=("image",),
    ),
    MeasureSpec(
        "accuracy",
        "How often a probe is right on held-out samples, beside the commonest category.",
        target="gdl_core.measures.accuracy:measure",
        roles=("classifies",),
    ),
    MeasureSpec(
        "strays",
        "The share of decodes that are as near to real samples as real ones are, by distance from the data.",
        target="gdl_core.measures.strays:measure",
        roles=("encodes", "decodes"),
        kinds=("image",),
    ),
)
