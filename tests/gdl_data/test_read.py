"""Datasets that are read: digits, IDX folders, folders of pictures, CelebA's layout."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import struct
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from data import zoo
from data.fakes import Context
from pydantic import ValidationError

from gdl_core.errors import DataError
from gdl_core.noise import Noise
from gdl_data import celeba, digits, images, mnist
from gdl_data.config import CelebaConfig, DigitsConfig, ImagesConfig, MnistConfig
from gdl_data.digits.make import make


def test_digits() -> None:
    data = digits.build(DigitsConfig(), Context())
    assert data.data.shape == (10_000, 1, 28, 28)
    assert len(data.held_out) == 1000
    counts = np.bincount(data.columns["label"].values)
    assert counts.tolist() == [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]
    first = np.bincount(data.columns["label"].values[:500], minlength=10)
    assert first.min() > 25, "the first n must be a fair sample"


def test_digits_are_those_of_the_package() -> None:
    with np.load(files(digits) / "digits.npz") as archive:
        pictures, labels = archive["pictures"], archive["labels"]
    assert hashlib.sha256(pictures.tobytes()).hexdigest().startswith("0768d16c5adea568dee18fa5e4e1acb1")
    assert (np.diff(labels.astype(int)) >= 0).all()
    assert len({picture.tobytes() for picture in pictures}) == 10_000
    assert Path(str(files(digits) / "digits.npz")).stat().st_size < 2_000_000


def test_seeds_change_the_split_and_nothing_else() -> None:
    one, two = (digits.build(DigitsConfig(), Context(Noise(seed))) for seed in (1, 2))
    assert (one.data == two.data).all()
    assert (one.held_out != two.held_out).any()
    assert one.fingerprint != two.fingerprint
    assert one.fingerprint == digits.build(DigitsConfig(), Context(Noise(1))).fingerprint


def test_the_script_rebuilds_the_file(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (10, 2, 784))
    (tmp_path / "src" / "digits").mkdir(parents=True)
    for digit in range(10):
        numbers = np.round(grey[digit].reshape(-1) / 255, 3).tolist()
        (tmp_path / "src" / "digits" / f"{digit}.json").write_text(json.dumps({"data": numbers}))
    make(tmp_path, tmp_path / "digits.npz")
    with np.load(tmp_path / "digits.npz") as archive:
        assert (archive["pictures"].reshape(10, 2, 784) == grey).all()
        assert (archive["labels"] == np.repeat(np.arange(10), 2)).all()


def write_mnist(folder: Path, packed: bool = False, train: int = 12, test: int = 5) -> Path:
    folder.mkdir(parents=True)
    numbers = np.random.default_rng(1)
    for part, n in (("train", train), ("t10k", test)):
        pictures = numbers.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = np.arange(n, dtype=np.uint8) % 10
        for name, array in ((f"{part}-images-idx3-ubyte", pictures), (f"{part}-labels-idx1-ubyte", labels)):
            content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
            (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(content) if packed else content)
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_mnist_holds_the_official_test_set_out(tmp_path: Path, packed: bool) -> None:
    data = mnist.build(MnistConfig(path=write_mnist(tmp_path / "data", packed)), Context())
    assert data.data.shape == (17, 1, 28, 28)
    assert data.held_out.tolist() == list(range(12, 17))
    assert data.columns["label"].values.tolist() == [*range(10), 0, 1, *range(5)]
    assert data.name == "mnist"


def test_fashion_has_names(tmp_path: Path) -> None:
    path = write_mnist(tmp_path / "fashion-mnist")
    data = mnist.build(MnistConfig(path=path), Context())
    assert data.name == "fashion-mnist"
    assert data.where(label="ankle boot").tolist() == [9]
    assert mnist.build(MnistConfig(path=path, classes="digits"), Context()).columns["label"].names[9] == "9"


def test_mnist_files_must_fit(tmp_path: Path) -> None:
    path = write_mnist(tmp_path / "data")
    labels = path / "train-labels-idx1-ubyte"
    labels.write_bytes(struct.pack(">HBBI", 0, 8, 1, 3) + bytes(3))
    with pytest.raises(DataError, match="3 labels for 12 pictures"):
        mnist.build(MnistConfig(path=path), Context())
    labels.write_bytes(struct.pack(">HBBI", 0, 8, 1, 12) + bytes([10] * 12))
    with pytest.raises(DataError, match="label 10"):
        mnist.build(MnistConfig(path=path), Context())
    labels.unlink()
    with pytest.raises(DataError, match="lacks train-labels-idx1-ubyte"):
        mnist.build(MnistConfig(path=path), Context())


def test_without_a_path_it_says_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist, "DEBIAN_FASHION", tmp_path / "nowhere")
    with pytest.raises(DataError, match="dataset-fashion-mnist"):
        mnist.build(MnistConfig(), Context())


@pytest.mark.skipif(not mnist.DEBIAN_FASHION.is_dir(), reason="the Debian package dataset-fashion-mnist is not there")
def test_fashion_mnist_itself() -> None:
    data = mnist.build(MnistConfig(), Context())
    assert (len(data.train), len(data.held_out), data.name) == (60_000, 10_000, "fashion-mnist")
    assert (np.bincount(data.columns["label"].values) == 7000).all()


@pytest.mark.skipif("GDL_MNIST" not in os.environ, reason="GDL_MNIST names no folder with the IDX files of MNIST")
def test_mnist_itself() -> None:
    """Likelihoods may be held against published ones on these 60,000 alone (benchmarks/likelihood.py --mnist)."""
    config = MnistConfig.model_validate({"path": os.environ["GDL_MNIST"]}, context={"base": Path()})
    data = mnist.build(config, Context())
    assert (len(data.train), len(data.held_out), data.shape) == (60_000, 10_000, (1, 28, 28))
    labels = data.columns["label"].values
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(labels[data.train]).tolist() == counts
    assert np.bincount(labels[data.held_out]).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_images_trains_on_the_good_ones_and_names_the_rest(tmp_path: Path) -> None:
    good, bad = zoo.good(tmp_path / "zoo"), zoo.bad(tmp_path / "zoo")
    context = Context()
    data = images.build(ImagesConfig(path=tmp_path / "zoo", size=16), context)
    assert len(data) == len(good)
    assert data.shape == (3, 16, 16)
    for name in bad:
        assert any(f"left out {name}: " in note for note in data.notes), name
    assert context.notes == list(data.notes)
    assert data.columns["label"].names == ("inside", "named.png", "none")


def test_images_do_not_depend_on_where_and_how_they_are_named(tmp_path: Path) -> None:
    for seed in range(8):
        zoo.save(zoo.photo(seed=seed), tmp_path / "one" / f"{seed}.png")
        zoo.save(zoo.photo(seed=seed), tmp_path / "two" / f"picture-{7 - seed}.png")
    one, two = (images.build(ImagesConfig(path=tmp_path / name, size=16), Context()) for name in ("one", "two"))
    assert (one.data == two.data).all()
    assert one.fingerprint == two.fingerprint


def test_copies_are_taken_once(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "z/a.png"):
        zoo.save(zoo.photo(seed=3), tmp_path / name)
    zoo.save(zoo.photo(seed=4), tmp_path / "other.png")
    data = images.build(ImagesConfig(path=tmp_path, size=16), Context())
    assert len(data) == 2
    assert data.notes == ("left out 2 copies of other pictures, e.g. b.png",)


def test_images_with_a_table_of_labels(tmp_path: Path) -> None:
    levels = {"a": 10, "b": 90, "c": 170, "d": 250}
    for name, level in levels.items():
        zoo.save(zoo.Image.new("L", (20, 20), level), tmp_path / "pictures" / f"{name}.png")
    (tmp_path / "labels.csv").write_text("file,kind,level\nb.png,x,90.5\na.png,y,10.5\nd.png,x,250.5\nlost.png,x,1.5\n")
    config = ImagesConfig(path=tmp_path / "pictures", size=8, labels=tmp_path / "labels.csv")
    data = images.build(config, Context())
    assert data.shape == (1, 8, 8)
    assert (data.columns["level"].values == data.data[:, 0, 4, 4] + 0.5).all()
    assert set(data.data[data.where(kind="x"), 0, 0, 0]) == {90, 250}
    assert data.notes == (
        "left out 1 pictures that labels.csv does not name", "1 rows of labels.csv name files that are not there",
    )  # fmt: skip
    (tmp_path / "labels.csv").write_text("file,kind\nq.png,x\n")
    with pytest.raises(DataError, match=r"names 'q\.png', the folder has 'a\.png'"):
        images.build(config, Context())


def test_shuffled_labels_leave_pictures_and_split_alone(tmp_path: Path) -> None:
    for seed in range(12):
        zoo.save(zoo.photo(seed=seed), tmp_path / "pictures" / f"{seed}.png")
    sets = []
    for shift in (0, 5):
        rows = "\n".join(f"{seed}.png,{'ab'[(seed + shift) % 2]}" for seed in range(12))
        (tmp_path / "labels.csv").write_text(f"file,kind\n{rows}\n")
        config = ImagesConfig(path=tmp_path / "pictures", size=16, labels=tmp_path / "labels.csv")
        sets.append(images.build(config, Context()))
    assert (sets[0].columns["kind"].values != sets[1].columns["kind"].values).all()
    assert (sets[0].data == sets[1].data).all()
    assert (sets[0].train == sets[1].train).all()
    assert sets[0].fingerprint != sets[1].fingerprint


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no pictures"):
        images.build(ImagesConfig(path=tmp_path), Context())


@pytest.mark.parametrize(
    "wrong",
    [{"size": 0}, {"size": 5000}, {"fit": "stretch"}, {"background": "blurple"}, {"channels": 2}, {"path": "no"}],
)
def test_settings_are_checked(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ImagesConfig(**{"path": tmp_path, **wrong})  # type: ignore[arg-type]


def write_celeba(folder: Path, form: str, partition: bool = True) -> Path:
    marks = {f"{i:06}.jpg": (1 if i % 2 else -1, 1 if i > 3 else -1) for i in range(1, 9)}
    for i, name in enumerate(marks):
        zoo.save(zoo.photo(178, 218, seed=i), folder / "img_align_celeba" / name)
    if form == "txt":
        lines = ["8", "Smiling  Eyeglasses ", *(f"{name} {a:2} {b:2}" for name, (a, b) in marks.items())]
    else:
        lines = ["image_id,Smiling,Eyeglasses", *(f"{name},{a},{b}" for name, (a, b) in marks.items())]
    (folder / f"list_attr_celeba.{form}").write_text("\n".join(lines))
    if partition:
        rows = [(name, "0" if i < 5 else "12"[i % 2]) for i, name in enumerate(marks)]
        comma, head = (" ", []) if form == "txt" else (",", ["image_id,partition"])
        text = "\n".join([*head, *(comma.join(row) for row in rows)])
        (folder / f"list_eval_partition.{form}").write_text(text)
    return folder


@pytest.mark.parametrize("form", ["txt", "csv"])
def test_celeba(tmp_path: Path, form: str) -> None:
    data = celeba.build(CelebaConfig(path=write_celeba(tmp_path, form), size=32), Context())
    assert data.data.shape == (8, 3, 32, 32)
    assert data.where(Smiling="yes").tolist() == [0, 2, 4, 6]
    assert data.where(Eyeglasses=True).tolist() == [3, 4, 5, 6, 7]
    assert data.held_out.tolist() == [5, 6, 7]


def test_celeba_in_parts(tmp_path: Path) -> None:
    write_celeba(tmp_path, "txt")
    limited = celeba.build(CelebaConfig(path=tmp_path, size=32, limit=4), Context())
    assert len(limited) == 4
    assert len(limited.held_out) == 1
    assert "drawn by noise" in limited.notes[0]
    (tmp_path / "img_align_celeba" / "000002.jpg").unlink()
    (tmp_path / "img_align_celeba" / "000003.jpg").write_text("no")
    rest = celeba.build(CelebaConfig(path=tmp_path, size=32), Context())
    assert rest.where(Smiling="yes").tolist() == [0, 2, 4]
    assert rest.notes == ("1 of 8 pictures that the list names are not there", "left out 000003.jpg: not a picture")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "names no pictures"),
        ("2\nSmiling\n", "names no pictures"),
        ("2\nSmiling Male\n000001.jpg 1 1\n000002.jpg 1\n", "picture 2"),
        ("1\nSmiling Male\n000001.jpg 1 7\n", "picture 1"),
    ],
)
def test_a_wrong_list_of_attributes(tmp_path: Path, text: str, told: str) -> None:
    write_celeba(tmp_path, "txt")
    (tmp_path / "list_attr_celeba.txt").write_text(text)
    with pytest.raises(DataError, match=told):
        celeba.build(CelebaConfig(path=tmp_path), Context())


def test_what_celeba_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="img_align_celeba"):
        celeba.build(CelebaConfig(path=tmp_path), Context())
    (tmp_path / "img_align_celeba").mkdir()
    with pytest.raises(DataError, match="neither list_attr_celeba"):
        celeba.build(CelebaConfig(path=tmp_path), Context())
