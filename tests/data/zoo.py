"""A folder of pictures, good, odd and bad, as they come from the world."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

RED, BLUE = (200, 30, 30), (30, 30, 200)


def photo(width: int = 48, height: int = 40, seed: int = 0) -> Image.Image:
    """A smooth picture that no two seeds share."""
    y, x = np.mgrid[0:height, 0:width] / 16.0
    layers = [np.sin(x + seed) * np.cos(y + channel + seed) for channel in range(3)]
    return Image.fromarray(np.uint8(127 + 120 * np.stack(layers, axis=-1)))


def save(picture: Image.Image, path: Path, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **options)
    return path


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has hardly any content."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def good(folder: Path) -> list[str]:
    """Write pictures that must be read, each of another kind; return their names."""
    save(photo(seed=1), folder / "plain.jpg")
    save(photo(seed=2).convert("CMYK"), folder / "cmyk.jpg")
    save(photo(seed=3).convert("LA"), folder / "grey-alpha.png")
    save(photo(seed=4).quantize(8), folder / "palette.png", transparency=0)
    deep = np.uint16(np.linspace(0, 65535, 48 * 40).reshape(40, 48))
    save(Image.fromarray(deep), folder / "sixteen.png")
    save(photo(seed=5), folder / "film.gif", save_all=True, append_images=[photo(seed=6), photo(seed=7)])
    turned = Image.Exif()
    turned[0x0112] = 6
    save(photo(seed=8), folder / "turned.jpg", exif=turned)
    save(photo(seed=9), folder / "progressive.jpg", progressive=True)
    save(photo(seed=10).convert("1"), folder / "bits.png")
    save(photo(seed=11), folder / "UPPER.PNG", format="PNG")
    save(photo(300, 9, seed=12), folder / "strip.webp", lossless=True)
    save(photo(seed=13), folder / "inside" / "deeper" / "ünï côde.bmp")
    save(photo(seed=14).convert("RGBA"), folder / "named.png" / "in-a-folder-named-like-a-picture.tiff")
    return [
        *("plain.jpg", "cmyk.jpg", "grey-alpha.png", "palette.png", "sixteen.png", "film.gif", "turned.jpg"),
        *("progressive.jpg", "bits.png", "UPPER.PNG", "strip.webp", "inside/deeper/ünï côde.bmp"),
        "named.png/in-a-folder-named-like-a-picture.tiff",
    ]


def bad(folder: Path) -> list[str]:
    """Write files that cannot be used; return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "text.png").write_text("not a picture at all")
    (folder / "empty.jpg").write_bytes(b"")
    whole = io.BytesIO()
    photo(200, 200, seed=20).save(whole, "JPEG")
    (folder / "cut.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    whole = io.BytesIO()
    photo(200, 200, seed=21).save(whole, "PNG")
    damaged = bytearray(whole.getvalue())
    damaged[300:600] = bytes(300)
    (folder / "damaged.png").write_bytes(damaged)
    (folder / "bomb.png").write_bytes(png_header(40_000, 40_000))
    (folder / "big.png").write_bytes(png_header(9_500, 9_500))
    save(Image.new("RGB", (1, 1), RED), folder / "dot.png")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "gone.png").symlink_to("nowhere.png")
    (folder / "around").symlink_to(folder, target_is_directory=True)
    return ["text.png", "empty.jpg", "cut.jpg", "damaged.png", "bomb.png", "big.png", "dot.png", "loop.png", "gone.png"]
