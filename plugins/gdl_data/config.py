"""Settings of the built-in datasets; what a recipe can say about them. No torch is imported here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from gdl_core.config import InputPath, Settings

MAX_SIZE = 1024


def _colour(value: str) -> str:
    from PIL import ImageColor

    try:
        ImageColor.getrgb(value)
    except ValueError:
        raise PydanticCustomError("colour", "should be a colour like 'white' or '#ffeedd'") from None
    return value


Colour = Annotated[str, AfterValidator(_colour)]
HeldOut = Annotated[float, Field(ge=0.0, le=0.5, description="Share of the samples that is never trained on.")]
Size = Annotated[int, Field(ge=8, le=MAX_SIZE, description="Height and width of a picture in pixels.")]


class DigitsConfig(Settings):
    """10,000 handwritten digits that come along."""

    held_out: HeldOut = 0.1


class MnistConfig(Settings):
    """MNIST or Fashion-MNIST in IDX files; the official test set is held out."""

    path: InputPath | None = Field(
        None, description="Folder with train-images-idx3-ubyte and its three companions, plain or .gz."
    )
    classes: Literal["auto", "digits", "fashion"] = Field(
        "auto", description="Names of the ten classes; auto: fashion if the folder's path says so."
    )


class ImagesConfig(Settings):
    """Any folder of pictures."""

    path: InputPath = Field(description="Folder of pictures, searched with all its subfolders.")
    size: Size = 64
    channels: Literal["auto", 1, 3] = Field("auto", description="1 grey, 3 RGB; auto: grey if every picture is.")
    fit: Literal["crop", "pad"] = Field("crop", description="Cut the middle square out, or add borders.")
    background: Colour = Field("white", description="Colour behind transparent pixels and of borders.")
    labels: InputPath | None = Field(
        None, description="CSV with a header: file name first, then a column for each label; instead of class folders."
    )
    limit: int | None = Field(None, ge=1, description="Take no more pictures than this.")
    min_size: int = Field(8, ge=1, description="Leave out pictures with a side shorter than this, in pixels.")
    held_out: HeldOut = 0.1


class CylindersConfig(Settings):
    """Drawn cylinders with two known factors, height and width."""

    n: int = Field(6000, ge=2, le=1_000_000, description="Number of cylinders.")
    size: Size = 32
    held_out: HeldOut = 0.1


class PointsConfig(Settings):
    """Points in the plane with a known density."""

    n: int = Field(10_000, ge=2, le=10_000_000, description="Number of points.")
    shape: Literal["land", "ring", "grid", "moons"] = Field(
        "land", description="land: evenly over three islands; ring, grid, moons: mixtures of Gaussians."
    )
    held_out: HeldOut = 0.1


class FacesConfig(Settings):
    """Drawn faces with five balanced attributes."""

    n: int = Field(5000, ge=2, le=200_000, description="Number of faces.")
    size: Annotated[int, Field(ge=16, le=512, description="Height and width of a picture in pixels.")] = 64
    held_out: HeldOut = 0.1


class CelebaConfig(Settings):
    """CelebA, laid out as its authors do."""

    path: InputPath = Field(description="Folder with img_align_celeba/ and list_attr_celeba.txt (or .csv).")
    size: Size = 64
    crop: int = Field(148, ge=16, le=178, description="Side of the middle square that is cut out, in pixels.")
    limit: int | None = Field(None, ge=1, description="Take only the first pictures.")
    held_out: HeldOut = 0.1
