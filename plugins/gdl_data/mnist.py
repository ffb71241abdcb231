"""MNIST and Fashion-MNIST from IDX files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gdl_core.data.building import BuildContext, finish
from gdl_core.data.dataset import Dataset
from gdl_core.data.idx import read_idx
from gdl_core.errors import DataError
from gdl_core.values import Column
from gdl_data.config import MnistConfig

DEBIAN_FASHION = Path("/usr/share/datasets/fashion-mnist")
"""Where the Debian package dataset-fashion-mnist puts its files."""

DIGITS = tuple("0123456789")
FASHION = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


def build(config: MnistConfig, context: BuildContext) -> Dataset:
    """Return both sets, uint8 (n, 1, height, width), the official test set held out; column `label`.

    Raises:
        DataError: a file is missing, damaged, or does not fit its companion.
    """
    folder = config.path or DEBIAN_FASHION
    if not folder.is_dir():
        raise DataError(
            f"{folder} is not there: give path, a folder with train-images-idx3-ubyte(.gz) and its companions, or on "
            "Debian install the package dataset-fashion-mnist"
        )
    train, train_labels = _pair(folder, "train")
    test, test_labels = _pair(folder, "t10k")
    if train.shape[1:] != test.shape[1:]:
        raise DataError(f"{folder}: training pictures are {train.shape[1:]}, test pictures {test.shape[1:]}")
    fashion = config.classes == "fashion" or (config.classes == "auto" and "fashion" in str(folder).lower())
    label = Column(np.concatenate([train_labels, test_labels]).astype(np.int64), FASHION if fashion else DIGITS)
    held_out = np.arange(len(train), len(train) + len(test), dtype=np.int64)
    data = np.concatenate([train, test])[:, None]
    return finish("fashion-mnist" if fashion else "mnist", data, {"label": label}, context, held_out=held_out)


def _pair(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    pictures = read_idx(_find(folder, f"{part}-images", "idx3-ubyte"), 3)
    path = _find(folder, f"{part}-labels", "idx1-ubyte")
    labels = read_idx(path, 1)
    if len(labels) != len(pictures):
        raise DataError(f"{path} has {len(labels)} labels for {len(pictures)} pictures")
    if len(labels) and labels.max() > 9:
        raise DataError(f"{path} has the label {labels.max()}; ten classes, 0 to 9, are known")
    return pictures, labels


def _find(folder: Path, stem: str, kind: str) -> Path:
    names = [f"{stem}{dash}{kind}{suffix}" for dash in "-." for suffix in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder} lacks {names[0]} (or {names[1]})")
