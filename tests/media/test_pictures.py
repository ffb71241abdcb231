"""Pictures of every mode are read, and those that are too large are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from media.values import FORMATS, some
from PIL import Image

from gdl_core import media
from gdl_core.errors import MediaError
from gdl_core.media import raster
from gdl_core.media.inset import beside


@pytest.mark.parametrize(
    ("mode", "channels"),
    [
        ("1", 1),
        ("L", 1),
        ("P", 3),
        ("RGB", 3),
        ("RGBA", 4),
        ("LA", 4),
        ("CMYK", 3),
        ("YCbCr", 3),
        ("I;16", 1),
    ],
)
def test_every_mode_is_read(mode: str, channels: int, tmp_path: Path) -> None:
    file = tmp_path / ("a.jpg" if mode in ("CMYK", "YCbCr") else "a.png")
    if mode.startswith("I"):
        Image.fromarray(np.full((3, 5), 65535, np.uint16)).convert(mode).save(file)
    else:
        Image.new("RGB", (5, 3), (255, 255, 255)).convert(mode).save(file)
    pixels = media.read(file, FORMATS).pixels
    assert pixels.shape == (1, 3, 5, channels)
    assert pixels.dtype == np.uint8
    assert pixels.min() >= 250


def test_a_photograph_is_turned_upright(tmp_path: Path) -> None:
    image = Image.fromarray(np.zeros((4, 8, 3), np.uint8))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)
    assert media.read(tmp_path / "a.jpg", FORMATS).pixels.shape == (1, 8, 4, 3)


def test_what_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("1", (9000, 9000)).save(tmp_path / "big.png")
    with pytest.raises(MediaError, match="too large"):
        media.read(tmp_path / "big.png", FORMATS)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(MediaError, match="too large"):
        media.read(tmp_path / "big.png", FORMATS)


def test_the_same_frames_are_counted_again(tmp_path: Path) -> None:
    from gdl_core.values import Frames

    held = some(3, 8, 3)[[0, 0, 0, 1, 2, 2]]
    for name in ("a.webp", "a.gif"):
        media.write(Frames(held & 0xC0, 25), tmp_path / name, None, FORMATS)
        back = media.read(tmp_path / name, FORMATS)
        assert len(back.pixels) == 6, name
        assert back.fps == pytest.approx(25)


def test_the_dot_moves_with_the_place() -> None:
    places = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    film = beside(np.zeros((3, 28, 28, 1), np.uint8), places, ("z1", "z2"), known=np.array([[-1.0, -1.0]]))
    assert film.shape == (3, 448, 448 + 12 + 448, 3)
    red = (film[..., 0].astype(int) - film[..., 1] > 120) & (film[..., 0] > 180)
    y, x = (np.array([np.argwhere(frame).mean(axis=0)[axis] for frame in red]) for axis in (0, 1))
    assert x[0] == pytest.approx(460 + 224, abs=1)
    assert y[0] == pytest.approx(224, abs=1)
    assert x[1] > x[0] + 50
    assert y[1] == pytest.approx(y[0], abs=1)
    assert y[2] < y[0] - 50  # upwards
    assert raster.still(media.Images(film[:1])).shape == film.shape[1:]
