"""10,000 digits of MNIST, kept beside this file; `make.py` tells how they came here."""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from gdl_core.data.building import BuildContext, finish
from gdl_core.data.dataset import Dataset
from gdl_core.noise import Noise
from gdl_core.values import Column
from gdl_data.config import DigitsConfig


def build(config: DigitsConfig, context: BuildContext) -> Dataset:
    """Return the digits: uint8 (10000, 1, 28, 28), column `label`.

    The file has them class by class. They are put in one fixed mixed order, the same for every seed, so that the first
    n of them are a fair sample.
    """
    with (files(__name__) / "digits.npz").open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        pictures, labels = archive["pictures"], archive["labels"]
    order = Noise(0).stream("digits", "order").permutation(len(labels)).numpy()
    columns = {"label": Column(labels[order].astype(np.int64), tuple("0123456789"))}
    return finish("digits", pictures[order][:, None], columns, context, held_out=config.held_out)
