"""Drawn faces: Avataaars by Pablo Stanley, put together by python-avatars, rastered by resvg.

What is known about a face is read from the parts it is drawn with. "Male" is a convention of the drawing and no more:
short hair and thick brows; the others have long hair and thin brows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from importlib.metadata import version
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gdl_core.data.building import YES_NO, BuildContext, finish
from gdl_core.data.cache import cached_pictures
from gdl_core.data.dataset import Dataset
from gdl_core.errors import MissingExtraError
from gdl_core.noise import Noise
from gdl_core.values import Column
from gdl_data.config import FacesConfig

ATTRIBUTES = ("smile", "glasses", "blond", "male", "beard")

# Parts are those whose attribute can be told at 64 pixels. Hair is left out that hides the face, brings its own colour,
# or has no place for glasses or a beard.
_SMILES = ("SMILE", "BIG_SMILE")
_OTHER_MOUTHS = ("SERIOUS", "SAD")
_GLASSES = ("PRESCRIPTION_2", "ROUND", "SUNGLASSES", "WAYFARERS", "KURT")
_BEARDS = ("BEARD_LIGHT", "BEARD_MEDIUM", "BEARD_MAGESTIC")
_SHORT_HAIR = (
    *("SHORT_FLAT", "SHORT_ROUND", "SHORT_WAVED", "SHORT_CURLY", "SHORT_DREADS_1", "CAESAR", "CAESAR_SIDE_PART"),
    *("ELVIS", "POMPADOUR", "QUIFF", "EVIL_SPIKE"),
)
_LONG_HAIR = (
    *("BOB", "BIG_HAIR", "CURLY", "CURVY", "DREADS", "LONG_NOT_TOO_LONG", "MIA_WALLACE", "STRAIGHT_1"),
    *("STRAIGHT_STRAND", "LOOSE_HAIR", "WILD"),
)
# Colours of our own, near the library's: each hair, and so each beard, stands out from each skin.
_BLOND = ("#F5D14F", "#E3AF2C", "#F8EBA6")
_NOT_BLOND = ("#231815", "#3F2722", "#5A2F22", "#8A2B0A")
_SKIN = ("#FBCBA8", "#E8AE82", "#CC8757", "#A9663C", "#8F5D40")
_EYES = ("DEFAULT", "DEFAULT", "DEFAULT", "SIDE", "SQUINT", "SURPRISED", "HAPPY")
_THICK_BROWS = ("DEFAULT_NATURAL", "FLAT_NATURAL", "RAISED_EXCITED_NATURAL", "ANGRY_NATURAL")
_THIN_BROWS = ("DEFAULT", "RAISED_EXCITED", "UP_DOWN", "SAD_CONCERNED")
_NOSES = ("DEFAULT", "SMALL", "WIDE")
_BACKGROUNDS = ("#9BD3F5", "#A9DDB8", "#F5B9B9", "#C9BFEE", "#E6E6E6", "#6F9CC4")
_CLOTHES = ("BLUE_03", "RED", "GRAY_01", "HEATHER", "PASTEL_GREEN", "BLACK")

# Head and hair without the shoulders, in units of the drawing (264 × 280).
_WINDOW = "47 20 170 170"

# (male, beard) four times, of which a beard comes once; with three coins 32 kinds of face.
_SEXES = ((False, False), (False, False), (True, False), (True, True))
_KINDS = tuple(
    (smile, glasses, blond, male, beard)
    for smile in (False, True) for glasses in (False, True) for blond in (False, True) for male, beard in _SEXES
)  # fmt: skip

_FRAME = re.compile(r'\s(?:width|height|viewBox)="[^"]*"')
_CHUNK = 64


@dataclass(frozen=True)
class Face:
    """The parts of one face, by their names in python-avatars; colours as #RRGGBB; "" for a part that is not there."""

    hair: str
    hair_colour: str
    brows: str
    eyes: str
    glasses: str
    nose: str
    mouth: str
    beard: str
    skin: str
    clothes: str
    background: str

    def attributes(self) -> tuple[bool, ...]:
        """Return what is true of the drawing, in the order of ATTRIBUTES."""
        return (
            self.mouth in _SMILES,
            self.glasses in _GLASSES,
            self.hair_colour in _BLOND,
            self.hair in _SHORT_HAIR,
            self.beard in _BEARDS,
        )


def build(config: FacesConfig, context: BuildContext) -> Dataset:
    """Return faces, uint8 (n, 3, size, size); yes-or-no columns smile, glasses, blond, male, beard.

    All but beard are yes for one half, and independent of one another; of the male half, one half has a beard. Face i
    is the same for any n. They are drawn at first use, some ten milliseconds each, and kept in the cache.

    Raises:
        MissingExtraError: python-avatars or resvg_py is not installed.
    """
    _libraries()
    faces = choose(config.n, context.noise.stream("faces"))

    def fill(add: Callable[[NDArray[np.uint8]], None]) -> Mapping[str, Any]:
        for done, face in enumerate(faces):
            if done % _CHUNK == 0:
                context.progress(done, config.n)
            add(draw(face, config.size))
        return {}

    key = [version("python-avatars"), version("resvg_py"), config.size, _WINDOW, [astuple(face) for face in faces]]
    cached = cached_pictures("faces", key, fill)
    truths = np.array([face.attributes() for face in faces], dtype=np.int64)
    columns = {name: Column(truths[:, i], YES_NO) for i, name in enumerate(ATTRIBUTES)}
    return finish("faces", cached.pictures, columns, context, held_out=config.held_out, digest=cached.digest)


def choose(n: int, noise: Noise) -> list[Face]:
    """Return the parts of n faces. Each block of 32 faces has every kind once (two without a beard for one with)."""
    blocks = -(-n // len(_KINDS))
    order = noise.stream("order").normal(blocks, (len(_KINDS),)).numpy().argsort(axis=1, kind="stable").reshape(-1)
    drawn = noise.stream("parts").uniform(n, (11,)).tolist()
    faces = []
    for kind, row in zip(order[:n], drawn, strict=True):
        smile, glasses, blond, male, beard = _KINDS[kind]
        choices: dict[str, Sequence[str]] = {
            "hair": _SHORT_HAIR if male else _LONG_HAIR,
            "hair_colour": _BLOND if blond else _NOT_BLOND,
            "brows": _THICK_BROWS if male else _THIN_BROWS,
            "eyes": _EYES,
            "glasses": _GLASSES if glasses else ("",),
            "nose": _NOSES,
            "mouth": _SMILES if smile else _OTHER_MOUTHS,
            "beard": _BEARDS if beard else ("",),
            "skin": _SKIN,
            "clothes": _CLOTHES,
            "background": _BACKGROUNDS,
        }
        faces.append(
            Face(**{part: names[int(u * len(names))] for (part, names), u in zip(choices.items(), row, strict=True)})
        )
    return faces


def draw(face: Face, size: int) -> NDArray[np.uint8]:
    """Draw a face, uint8 (3, size, size).

    Raises:
        MissingExtraError: python-avatars or resvg_py is not installed.
    """
    parts, render = _libraries()
    avatar = parts.Avatar(
        style=parts.AvatarStyle.TRANSPARENT,
        top=parts.HairType[face.hair],
        hair_color=face.hair_colour,
        facial_hair_color=face.hair_colour,
        eyebrows=parts.EyebrowType[face.brows],
        eyes=parts.EyeType[face.eyes],
        accessory=parts.AccessoryType[face.glasses or "NONE"],
        nose=parts.NoseType[face.nose],
        mouth=parts.MouthType[face.mouth],
        facial_hair=parts.FacialHairType[face.beard or "NONE"],
        skin_color=face.skin,
        clothing=parts.ClothingType.SHIRT_CREW_NECK,
        clothing_color=parts.ClothingColor[face.clothes],
    )
    # The drawing's own frame gives way to ours.
    head, _, rest = avatar.render().partition(">")
    svg = f'{_FRAME.sub("", head)} viewBox="{_WINDOW}">{rest}'
    png = render(svg_string=svg, width=size, height=size, background=face.background, skip_system_fonts=True)
    with Image.open(BytesIO(bytes(png)), formats=("PNG",)) as picture:
        return np.ascontiguousarray(np.asarray(picture.convert("RGB")).transpose(2, 0, 1))


def _libraries() -> tuple[Any, Callable[..., bytes]]:
    try:
        import python_avatars
        import resvg_py
    except ImportError as error:
        raise MissingExtraError("the dataset 'faces'", "faces") from error
    return python_avatars, resvg_py.svg_to_bytes
