"""What the core itself offers: the words of the recipe language and the file formats. No torch is imported here."""

from __future__ import annotations

from collections.abc import Iterable

from gdl_core.hooks import hookimpl
from gdl_core.measures import MEASURES
from gdl_core.specs import FormatSpec, Kind, MeasureSpec, StepSpec

_STEPS: tuple[tuple[str, Kind, str], ...] = (
    ("train", "model", "Train a model on a dataset."),
    ("open", "model", "A model from a .gdl file."),
    ("untrained", "model", "The same model with the weights that it began with: a control."),
    ("sample", "image", "Make new pictures."),
    ("prior", "latent", "Draw points of a model's prior."),
    ("encode", "latent", "Put samples into the latent space."),
    ("decode", "image", "Turn latent points into pictures."),
    ("pick", "image", "Take pictures out of a dataset, by label or at random."),
    ("reconstruct", "image", "Show pictures beside what comes through the bottleneck."),
    ("space", "model", "A model of styles as one whose latent space is W or W+, with truncation."),
    ("invert", "latent", "Find the latent points that a model decodes to given pictures."),
    ("mix", "image", "Pictures that take some layers' styles from one source and the rest from another."),
    ("morph", "frames", "A film from picture to picture through the latent space."),
    ("walk", "frames", "A film of a path through the latent space, with the moving dot beside it."),
    ("blend", "image", "Add and subtract pictures and directions."),
    ("attribute", "vector", "The direction of latent space along which an attribute grows."),
    ("ladder", "figure", "Pictures moved along directions in steps, judged by a probe."),
    ("map", "figure", "Where the samples lie in the latent plane, coloured by a column."),
    ("sheet", "image", "The latent plane as a grid of pictures, at the inverse CDF."),
    ("strays", "figure", "What a model makes of points ever further from the data."),
    ("neighbours", "image", "Samples beside the training samples that they are nearest to."),
    ("regions", "figure", "What models of points in the plane wrongly make, and what they never make."),
    ("curves", "figure", "The losses over the training, with the held-out ones."),
    ("layers", "table", "The layers of a model, or of two side by side."),
    ("measure", "table", "Numbers about models, each beside its baselines."),
)

# Raised when the same arguments come to give another result; 1 for all others.
_VERSIONS = {"attribute": 2, "curves": 2, "ladder": 2, "measure": 3, "sheet": 2, "strays": 2, "train": 3, "walk": 2}

_PICTURES: tuple[Kind, ...] = ("image", "figure", "frames")
_ARRAYS: tuple[Kind, ...] = ("latent", "vector", "image", "frames")
_TABLES: tuple[Kind, ...] = ("table", "figure", "latent")

_M = "gdl_core.media"


@hookimpl
def gdl_steps() -> Iterable[StepSpec]:
    """Return the built-in steps; each has a file of its name in `gdl_core/steps`."""
    for name, gives, summary in _STEPS:
        home = f"gdl_core.steps.{name}"
        version = _VERSIONS.get(name, 1)
        yield StepSpec(name, summary, f"{home}:run", arguments=f"{home}:Arguments", gives=gives, version=version)


@hookimpl
def gdl_measures() -> Iterable[MeasureSpec]:
    """Return the built-in measures."""
    return MEASURES


@hookimpl
def gdl_formats() -> Iterable[FormatSpec]:
    """Return the built-in file formats."""
    picture = f"{_M}.raster:read_raster"
    yield FormatSpec(
        "png", "Pictures without loss; several become a sheet, a film becomes a strip.", (".png",), _PICTURES,
        f"{_M}.png:write", picture, f"{_M}.png:read_record",
    )  # fmt: skip
    yield FormatSpec(
        "jpeg", "Pictures with a little loss.", (".jpg", ".jpeg"), _PICTURES,
        f"{_M}.jpeg:write", picture, f"{_M}.jpeg:read_record",
    )  # fmt: skip
    yield FormatSpec(
        "webp", "Films, without loss while they are small, and pictures.", (".webp",), _PICTURES,
        f"{_M}.webp:write", picture, f"{_M}.webp:read_record",
    )  # fmt: skip
    yield FormatSpec(
        "gif", "Films in 256 colours, which every program shows.", (".gif",), _PICTURES,
        f"{_M}.gif:write", picture, f"{_M}.gif:read_record",
    )  # fmt: skip
    yield FormatSpec(
        "mp4", "Films for video programs (H.264).", (".mp4",), ("frames",),
        f"{_M}.mp4:write", f"{_M}.mp4:read", f"{_M}.mp4:read_record", extra="video", verify=f"{_M}.mp4:verify",
    )  # fmt: skip
    yield FormatSpec(
        "csv", "Tables for spreadsheets; the numbers behind a figure.", (".csv",), _TABLES,
        f"{_M}.tables:write_csv", f"{_M}.tables:read_csv",
    )  # fmt: skip
    yield FormatSpec(
        "json", "Tables for programs.", (".json",), _TABLES,
        f"{_M}.tables:write_json", f"{_M}.tables:read_json", f"{_M}.tables:read_json_record",
    )  # fmt: skip
    yield FormatSpec(
        "markdown", "Tables for people.", (".md",), _TABLES,
        f"{_M}.tables:write_markdown", verify=f"{_M}.tables:verify_markdown",
    )  # fmt: skip
    yield FormatSpec("text", "Texts.", (".txt",), ("text",), f"{_M}.text:write", f"{_M}.text:read")
    yield FormatSpec(
        "npz", "Latent points, vectors, pictures and films as numpy arrays.", (".npz",), _ARRAYS,
        f"{_M}.arrays:write_npz", f"{_M}.arrays:read_npz", f"{_M}.arrays:read_npz_record",
    )  # fmt: skip
    yield FormatSpec(
        "safetensors", "Latent points, vectors, pictures and films as tensors.", (".safetensors",), _ARRAYS,
        f"{_M}.arrays:write_safetensors", f"{_M}.arrays:read_safetensors", f"{_M}.arrays:read_safetensors_record",
    )  # fmt: skip
    yield FormatSpec(
        "gdl", "Trained models.", (".gdl",), ("model",),
        "gdl_core.model_file:write_model", "gdl_core.model_file:read_model", "gdl_core.model_file:read_model_record",
        verify="gdl_core.model_file:verify_model",
    )  # fmt: skip
