"""Every format: written by a recipe, told by its record, made again bit for bit, and tampering noticed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence
from PIL.PngImagePlugin import PngInfo
from recipe import fakes
from safetensors import safe_open
from safetensors.numpy import save_file

from gdl_core import media
from gdl_core.errors import InputError, MissingExtraError, RecipeError
from gdl_core.recipe import check_text, run_recipe
from gdl_core.recipe.again import Recorded, compare, make_again, read_recorded
from gdl_core.registry import Registry

TEXT = """gdl: 1
title: Every format
seed: 3
steps:
  a:
    do: draw
    n: 5
    size: 8
    noise: true
    save: [a.png, a.webp, a.gif, a.jpg, a.npz, a.safetensors, "each/a-{i}.png"]
  moving: {do: film, of: $a, save: [film.webp, film.gif, film.mp4, film.npz]}
  numbers: {do: count, of: $a, save: [n.csv, n.json, n.md]}
  told: {do: tell, texts: ["one\\nand more", "", "three"], save: [told.txt, "told-{i}.txt"]}
"""
OUTPUTS = [
    "a.png", "a.webp", "a.gif", "a.jpg", "a.npz", "a.safetensors", "each/a-3.png",
    "film.webp", "film.gif", "film.mp4", "film.npz", "n.csv", "n.json", "n.md", "told.txt", "told-0.txt",
]  # fmt: skip


@pytest.fixture(scope="module")
def written(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first")
    run_recipe(check_text(TEXT, registry, name="all"), folder, registry)
    return folder


@pytest.fixture
def copy(written: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Copy an output, and the record beside it, to a folder of its own."""

    def take(name: str) -> Path:
        path = tmp_path / Path(name).name
        shutil.copy(written / name, path)
        beside = written / f"{name}.gdl.json"
        if beside.exists():
            shutil.copy(beside, tmp_path / beside.name)
        return path

    return take


@pytest.mark.parametrize("name", OUTPUTS)
def test_made_again_it_is_equal_bit_for_bit(
    name: str, written: Path, copy: Callable[[str], Path], registry: Registry, tmp_path: Path
) -> None:
    file = copy(name)
    recorded = read_recorded(file, registry)
    assert recorded.intact is True
    assert recorded.save == name
    fakes.RUNS.clear()
    compared = make_again(recorded, tmp_path / "again", registry)
    assert compared.differences == ()
    assert compared.made.read_bytes() == (written / name).read_bytes() == file.read_bytes()
    assert set(fakes.RUNS) <= {"a", recorded.step.name}  # that step and what it needs, nothing else


def retouch_png(path: Path) -> None:
    with Image.open(path) as image:
        info = PngInfo()
        info.add_itxt("gdl", image.info["gdl"])
        changed = image.convert("RGB")
    changed.putpixel((3, 3), tuple(255 - part for part in changed.getpixel((3, 3))))  # type: ignore[union-attr, arg-type]
    changed.save(path, pnginfo=info)


def retouch_animation(path: Path) -> None:
    with Image.open(path) as image:
        kind, record = image.format, {key: image.info[key] for key in ("xmp", "comment") if key in image.info}
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(image)]
    frames[0].paste((255, 0, 255), (0, 0, 4, 4))
    more: dict[str, Any] = {"save_all": True, "append_images": frames[1:], "duration": 125} if frames[1:] else {}
    buffer = BytesIO()
    frames[0].save(buffer, kind, **record, **more, **({"lossless": True} if kind == "WEBP" else {}))
    path.write_bytes(buffer.getvalue())


def retouch_jpeg(path: Path) -> None:
    with Image.open(path) as image:
        comment, changed = image.info["comment"], image.convert("RGB")
    changed.paste((255, 0, 255), (0, 0, 8, 8))
    changed.save(path, comment=comment, quality=95)


def retouch_npz(path: Path) -> None:
    with np.load(path) as file:
        arrays = {name: file[name].copy() for name in file.files}
    arrays["pixels"][0, 0, 0, 0] ^= 1
    np.savez_compressed(path, **arrays)


def retouch_safetensors(path: Path) -> None:
    with safe_open(path, framework="numpy") as file:
        pixels, metadata = file.get_tensor("pixels").copy(), file.metadata()
    pixels[0, 0, 0, 0] ^= 1
    save_file({"pixels": pixels}, path, metadata)


def retouch_mp4(path: Path) -> None:
    from imageio_ffmpeg import get_ffmpeg_exe

    other = path.with_name("other.mp4")
    command = [get_ffmpeg_exe(), "-loglevel", "error", "-i", str(path), "-vf", "negate", str(other)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    other.replace(path)


def retouch_text(old: str, new: str) -> Callable[[Path], None]:
    def retouch(path: Path) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return retouch


TAMPERING: dict[str, Callable[[Path], None]] = {
    "a.png": retouch_png,
    "each/a-3.png": retouch_png,
    "a.webp": retouch_animation,
    "a.gif": retouch_animation,
    "film.webp": retouch_animation,
    "film.gif": retouch_animation,
    "film.mp4": retouch_mp4,
    "a.jpg": retouch_jpeg,
    "a.npz": retouch_npz,
    "film.npz": retouch_npz,
    "a.safetensors": retouch_safetensors,
    "n.csv": retouch_text("0.123456", "0.123457"),
    "n.json": retouch_text("0.123456", "0.123457"),
    "n.md": retouch_text("0.1235", "0.1234"),
    "told.txt": retouch_text("one", "two"),
    "told-0.txt": retouch_text("one", "two"),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_tampering_is_noticed(name: str, copy: Callable[[str], Path], registry: Registry) -> None:
    file = copy(name)
    assert media.verify(file, registry) is True
    record = media.read_record(file, registry)
    TAMPERING[name](file)
    assert media.read_record(file, registry) == record  # kept, as a program does that knows of no records
    assert media.verify(file, registry) is False
    assert read_recorded(file, registry).intact is False


def test_a_changed_file_is_told_from_the_one_made_again(
    copy: Callable[[str], Path], registry: Registry, tmp_path: Path
) -> None:
    told = {}
    for name in ("a.png", "a.npz", "n.csv", "told.txt", "film.mp4"):
        file = copy(name)
        TAMPERING[name](file)
        told[name] = make_again(read_recorded(file, registry), tmp_path / "again", registry).differences
    assert told["a.png"][0].startswith("3 of ")
    assert "pixels differ, the most by" in told["a.png"][0]
    assert told["a.npz"] == ("1 of 960 pixels differ, the most by 1",)
    assert told["n.csv"] == ("1 of 4 cells differ",)
    assert told["told.txt"] == ("1 of 3 texts differ",)
    assert "pixels differ" in told["film.mp4"][0]


def test_other_versions_are_told(copy: Callable[[str], Path], registry: Registry, tmp_path: Path) -> None:
    file = copy("n.csv")
    beside = file.with_name("n.csv.gdl.json")
    record = json.loads(beside.read_text())
    record["versions"]["gdl"] = "0.0.9"
    beside.write_text(json.dumps(record))
    with_record = file.with_name("n.json")
    content = json.loads((file.parent / copy("n.json")).read_text())
    content["record"]["versions"]["torch"] = "1.0"
    with_record.write_text(json.dumps(content))
    differences = make_again(read_recorded(with_record, registry), tmp_path / "again", registry).differences
    assert any(text.endswith("it was 1.0") and text.startswith("torch is ") for text in differences)
    assert make_again(read_recorded(file, registry), tmp_path / "again", registry).differences == ()  # the table itself


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recipe": 7}, "its record is damaged or of another program; it needs gdl, recipe, step and name"),
        ({"gdl": 99}, "its record is of format 99, newer than this gdl reads; upgrade gdl-toolkit"),
        ({"gdl": True}, "its record is damaged"),
        ({"step": "z\x1b[2J"}, "names the step 'z"),
        ({"step": "a"}, "says that step 'a' wrote it, which saves no such file"),
        ({"item": 2}, "says that step 'numbers' wrote it, which saves no such file"),
    ],
)
def test_records_that_are_not_what_they_claim(
    change: dict[str, Any], message: str, copy: Callable[[str], Path], registry: Registry
) -> None:
    file = copy("n.csv")
    beside = file.with_name("n.csv.gdl.json")
    beside.write_text(json.dumps(json.loads(beside.read_text()) | change))
    with pytest.raises(InputError) as caught:
        read_recorded(file, registry)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_recipe_with_faults_is_told_at_its_place(copy: Callable[[str], Path], registry: Registry) -> None:
    file = copy("n.csv")
    beside = file.with_name("n.csv.gdl.json")
    record = json.loads(beside.read_text())
    beside.write_text(json.dumps(record | {"recipe": record["recipe"].replace("do: count", "do: coutn")}))
    with pytest.raises(RecipeError) as caught:
        read_recorded(file, registry)
    assert "n.csv (its record):12:17 unknown step 'coutn'; did you mean 'count'?" in str(caught.value)


def test_an_input_that_the_record_cannot_name_is_set(registry: Registry, tmp_path: Path) -> None:
    Image.new("RGB", (2, 2)).save(tmp_path / "in.png")
    text = f"gdl: 1\nsteps:\n  b: {{do: join, of: [{tmp_path / 'in.png'}], save: b.png}}\n"
    run_recipe(check_text(text, registry), tmp_path / "run", registry)
    file = tmp_path / "run" / "b.png"
    with pytest.raises(RecipeError) as caught:
        read_recorded(file, registry)
    assert "no such file" in str(caught.value)
    assert str(caught.value).endswith("name inputs with -s step.key=path")
    recorded = read_recorded(file, registry, [f"b.of=[{tmp_path / 'in.png'}]"])
    assert make_again(recorded, tmp_path / "again", registry).differences == ()


def test_a_film_without_the_extra_is_not_checked(
    copy: Callable[[str], Path], registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = copy("film.mp4")

    def lacking(what: str, extra: str) -> None:
        raise MissingExtraError(what, extra)

    monkeypatch.setattr("gdl_core.media.mp4.require_extra", lacking)
    with pytest.raises(MissingExtraError, match="checking MP4 needs the extra 'video'"):
        media.verify(file, registry)
    assert read_recorded(file, registry).intact is None


def test_the_original_is_never_written_over(written: Path, registry: Registry) -> None:
    before = (written / "a.png").read_bytes()
    with pytest.raises(InputError, match="choose another --out"):
        make_again(read_recorded(written / "a.png", registry), written, registry)
    assert (written / "a.png").read_bytes() == before


def test_a_file_without_a_record(registry: Registry, tmp_path: Path) -> None:
    Image.new("RGB", (2, 2)).save(tmp_path / "bare.png")
    with pytest.raises(InputError, match="carries no record"):
        read_recorded(tmp_path / "bare.png", registry)


def test_compare_tells_shapes(registry: Registry, tmp_path: Path) -> None:
    for name, size in (("a.png", 2), ("b.png", 3)):
        Image.new("L", (size, 2)).save(tmp_path / name)
    told = compare(tmp_path / "a.png", tmp_path / "b.png", registry)
    assert told == ("the shape is (1, 2, 3, 1), it was (1, 2, 2, 1)",)


def test_what_is_read_is_data(written: Path, registry: Registry) -> None:
    assert isinstance(read_recorded(written / "told.txt", registry), Recorded)
    assert media.read(written / "told.txt", registry).samples == ("one\nand more", "", "three")
    assert media.read(written / "told-0.txt", registry).samples == ("one\nand more",)
