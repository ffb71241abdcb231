"""Embedding: arrays in, arrays out, from any thread, the same each time."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from latent.models import TinyConv, TinyMlp, TinyProbe, make

import gdl_core
import gdl_data
import gdl_vae
from gdl_core.errors import CancelledError, CheckpointError, DataError, InputError, RoleError
from gdl_core.hooks import hookimpl
from gdl_core.latent.tiles import decode_rows, encode_rows, sample_rows, to_pixels
from gdl_core.measures import MEASURES
from gdl_core.measures.subject import Subject
from gdl_core.model_file import write_model
from gdl_core.noise import Noise
from gdl_core.registry import Registry
from gdl_core.session import Session
from gdl_core.specs import ModelSpec, load_target
from gdl_core.steps import train
from gdl_core.steps.context import StepContext
from gdl_core.values import Column

TRAINED = replace(
    make(TinyMlp, (3, 8, 8), latent=2), tile=8, data={"columns": {"smile": ["no", "yes"], "age": []}}
)  # fmt: skip
PICTURES = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)


class Tiny:
    @hookimpl
    def gdl_models(self) -> list[ModelSpec]:
        roles: tuple[Any, ...] = ("samples", "encodes", "decodes")
        return [ModelSpec("tinymlp", "Tiny.", "latent.models:TinyMlp", "latent.models:TinyConfig", roles)]


@pytest.fixture
def session() -> Session:
    return Session(TRAINED, "cpu")


def test_a_file_is_opened_used_and_closed(tmp_path: Path) -> None:
    write_model(TRAINED, tmp_path / "it.gdl")
    with gdl_core.open(tmp_path / "it.gdl", "cpu", registry=Registry.from_plugins({"tiny": Tiny()})) as vae:
        info = vae.info
        pictures = vae.sample(3)
    assert (info.name, info.version, info.device) == ("tiny/tinymlp", "1.0", "cpu")
    assert info.roles == ("decodes", "encodes", "samples")
    assert (info.data_shape, info.latent_shape) == ((3, 8, 8), (2,))
    assert info.attributes == {"smile": ("no", "yes"), "age": ()}
    assert info.fingerprint == TRAINED.fingerprint
    assert pictures.shape == (3, 8, 8, 3)
    assert pictures.dtype == np.uint8
    for call in (lambda: vae.sample(1), lambda: vae.info, lambda: vae.decode(np.zeros(2))):
        with pytest.raises(InputError, match="session is closed"):
            call()
    with pytest.raises(CheckpointError, match="No such file"):
        gdl_core.open(tmp_path / "other.gdl")
    with pytest.raises(InputError, match="device 'tpu'"):
        Session(TRAINED, "tpu")


def test_results_are_those_of_a_recipe(session: Session) -> None:
    assert (session.sample(20, seed=7) == to_pixels(sample_rows(TRAINED, 20, Noise(7).stream("sample")))).all()
    x = torch.from_numpy(PICTURES.transpose(0, 3, 1, 2).copy()).float().div_(255)
    z = encode_rows(TRAINED, x).mean
    assert (session.encode(PICTURES) == z.numpy()).all()
    assert (session.decode(z.numpy()) == to_pixels(decode_rows(TRAINED, z))).all()
    assert (session.reconstruct(PICTURES) == session.decode(session.encode(PICTURES))).all()


def test_one_sample_is_the_same_alone(session: Session) -> None:
    many = session.sample(64, seed=3)
    for start in (0, 5, 8, 63):
        assert (session.sample(1, seed=3, start=start)[0] == many[start]).all()
    assert (session.sample(13, seed=3, start=30) == many[30:43]).all()
    assert (session.sample(1, seed=4) != many[0]).any()
    assert session.sample(0).shape == (0, 8, 8, 3)


def test_one_picture_or_point_gives_one(session: Session) -> None:
    z = session.encode(PICTURES[3])
    assert z.shape == (2,)
    assert session.encode(PICTURES[3:4]).shape == (1, 2)
    assert session.decode(z).shape == (8, 8, 3)
    assert session.decode(z[None]).shape == (1, 8, 8, 3)
    assert session.reconstruct(PICTURES[3]).shape == (8, 8, 3)
    assert session.encode(PICTURES[:0]).shape == (0, 2)
    assert session.decode(np.zeros((0, 2))).shape == (0, 8, 8, 3)


def test_one_point_is_quick_and_nearly_exact() -> None:
    trained = replace(make(TinyConv, (1, 8, 8), latent=3), tile=64)
    sizes: list[int] = []
    handle = trained.model.decoder.register_forward_hook(lambda module, given, result: sizes.append(len(result)))
    session, z = Session(trained, "cpu"), np.random.default_rng(0).normal(size=(64, 3))
    try:
        quick = session.decode(z[9])
        exact = session.decode(z[9], exact=True)
    finally:
        handle.remove()
    assert sizes == [1, 64]
    assert np.abs(quick.astype(int) - exact).max() <= 1
    with torch.no_grad():
        plain = trained.model.decode(torch.tensor(z[9:10], dtype=torch.float32))
    assert torch.allclose(plain, decode_rows(trained, z)[9:10], atol=1e-6)


def test_pictures_of_every_kind_are_taken(session: Session) -> None:
    grey = PICTURES[..., :1]
    assert (session.encode(grey) == session.encode(grey.repeat(3, axis=-1))).all()
    assert (session.encode(grey[..., 0]) == session.encode(grey)).all()
    assert (session.encode(grey[0, ..., 0]) == session.encode(grey)[0]).all()
    assert np.allclose(session.encode(PICTURES / 255.0), session.encode(PICTURES), atol=1e-6)
    assert np.allclose(
        session.encode((PICTURES / 255).astype(np.float16)),
        session.encode(PICTURES),
        atol=1e-2,
    )
    alpha = np.concatenate([PICTURES, np.full((20, 8, 8, 1), 255, np.uint8)], axis=-1)
    assert np.allclose(session.encode(alpha), session.encode(PICTURES), atol=1e-6)
    clear = np.concatenate([PICTURES, np.zeros((20, 8, 8, 1), np.uint8)], axis=-1)
    assert np.allclose(session.encode(clear), session.encode(np.full_like(PICTURES, 255)), atol=1e-6)
    narrow = Session(make(TinyMlp, (1, 8, 8)), "cpu")
    luminance = PICTURES @ np.array([0.299, 0.587, 0.114]) / 255
    assert np.allclose(narrow.encode(PICTURES), narrow.encode(luminance), atol=1e-5)
    solid = Session(make(TinyMlp, (4, 8, 8)), "cpu")
    assert np.allclose(solid.encode(PICTURES), solid.encode(alpha), atol=1e-6)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.zeros((5, 9, 8, 3), np.uint8), "8 × 8 with 3 channels"),
        (np.zeros((5, 8, 8, 2), np.uint8), "8 × 8 with 3 channels"),
        (np.zeros((8,), np.uint8), "got an array of"),
        (PICTURES.astype(np.float32), "divide by 255"),
        (PICTURES / 127.5 - 1, "lie in \\[0, 1\\]"),
        (np.full((8, 8, 3), np.nan), "lie in"),
        (PICTURES.astype(np.int32), "got int32"),
        ([[1, 2], [3]], "array of numbers"),
        ("picture.png", "array of numbers"),
    ],
)
def test_other_pictures_are_refused_in_words(session: Session, given: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        session.encode(given)


def test_a_morph_has_the_reconstructions_as_its_ends(session: Session) -> None:
    film = session.morph(PICTURES[0], PICTURES[1], PICTURES[2], frames=17)
    assert film.shape == (17, 8, 8, 3)
    for frame, picture in ((0, 0), (8, 1), (16, 2)):
        assert (film[frame] == session.reconstruct(PICTURES[picture])).all()
    loop = session.morph(PICTURES[0], PICTURES[1], frames=10, loop=True, mode="lerp")
    assert (loop[5] == session.reconstruct(PICTURES[1])).all()
    assert (loop[9] != loop[0]).any()
    points = session.encode(PICTURES[:2])
    assert (session.morph(points[0], points[1], frames=3) == session.morph(PICTURES[0], PICTURES[1], frames=3)).all()
    with pytest.raises(InputError, match="one by one"):
        session.morph(PICTURES[:2], PICTURES[3])
    with pytest.raises(InputError, match="did you mean 'slerp'"):
        session.morph(PICTURES[0], PICTURES[1], mode="slrp")  # type: ignore[arg-type]


def test_walks(session: Session) -> None:
    circle = session.walk("circle", radius=1.5, frames=24)
    assert circle.shape == (24, 8, 8, 3)
    assert (circle[6] == session.decode([[0, 1.5], [0, 0]])[0]).all()
    line = session.walk("line", radius=2, frames=5)
    assert (line[[0, 2, 4]] == session.decode([[-2, 0], [0, 0], [2, 0]])).all()
    assert session.walk("lissajous", frames=7).shape[0] == 7
    keyframes = session.walk([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]], frames=5)
    assert (keyframes[::2] == session.decode([[0, 0], [1, 1], [2, 0]])).all()
    deep = Session(make(TinyMlp, (1, 8, 8), latent=5), "cpu")
    assert deep.walk(dims=(3, 1), frames=3).shape == (3, 8, 8, 1)
    assert (
        deep.walk([[0, 0], [1, 1]], frames=2, dims=(3, 1))[1] == deep.decode(np.array([0, 1, 0, 1, 0.0]), exact=True)
    ).all()
    with pytest.raises(InputError, match="did you mean 'circle'"):
        session.walk("circel")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="from 0 to 1"):
        session.walk(dims=(0, 2))
    with pytest.raises(InputError, match="places"):
        deep.walk([[0.0, 1.0, 2.0]])


def test_attributes_are_fitted_and_applied(session: Session) -> None:
    labels = PICTURES[..., 0].mean(axis=(1, 2)) > 128
    vector = session.attribute(PICTURES, labels, name="red")
    z = session.encode(PICTURES)
    assert np.allclose(vector.direction, z[labels].mean(0) - z[~labels].mean(0), atol=1e-6)
    assert vector.facts["with"] == int(labels.sum())
    assert (session.attribute(z, labels).direction == vector.direction).all()
    moved = session.apply(PICTURES, vector, 2.0)
    assert (moved == session.decode((z + 2 * vector.direction.astype(np.float64)).astype(np.float32))).all()
    ladder = session.apply(PICTURES[0], vector, [-1, 0, 1])
    assert ladder.shape == (3, 8, 8, 3)
    assert (ladder[1] == session.reconstruct(PICTURES[0])).all()
    assert session.apply(z, vector.direction, [0.0, 1.0]).shape == (2, 20, 8, 8, 3)
    assert session.apply(z[0], vector).shape == (8, 8, 3)
    regression = session.attribute(z, labels, {"x": Column(np.arange(20.0))}, "regression")
    assert regression.facts["method"] == "regression"
    with pytest.raises(DataError, match="no sample"):
        session.attribute(PICTURES, np.zeros(20))
    with pytest.raises(InputError, match="belongs to a latent space"):
        session.apply(PICTURES, np.zeros(3))


def test_what_could_be_both_is_asked_about() -> None:
    session = Session(make(TinyMlp, (1, 8, 8), latent=8), "cpu")
    with pytest.raises(InputError, match="could be pictures or latent points"):
        session.apply(np.zeros((8, 8)), np.zeros(8))
    assert session.apply(np.zeros((8, 8), np.uint8), np.zeros(8)).shape == (8, 8, 1)
    assert session.apply(np.zeros((9, 8)), np.zeros(8)).shape == (9, 8, 8, 1)


def test_vectors_are_samples_too() -> None:
    session = Session(make(TinyMlp, (5,), latent=2), "cpu")
    assert session.sample(3).shape == (3, 5)
    assert session.sample(3).dtype == np.float32
    assert session.reconstruct(np.zeros((4, 5))).shape == (4, 5)
    with pytest.raises(InputError, match="not finite"):
        session.encode(np.full(5, np.inf))
    with pytest.raises(InputError, match=r"shape \(5,\)"):
        session.encode(np.zeros((4, 6)))


def test_what_a_model_does_not_do_is_said() -> None:
    session = Session(make(TinyProbe, (1, 8, 8)), "cpu")
    calls = (
        (lambda: session.sample(1), "samples"),
        (lambda: session.decode(np.zeros(2)), "decodes"),
        (lambda: session.encode(np.zeros((8, 8))), "encodes"),
        (lambda: session.morph(np.zeros((8, 8)), np.zeros((8, 8))), "decodes"),
        (lambda: session.walk(), "decodes"),
    )
    for call, role in calls:
        with pytest.raises(RoleError, match=f"'{role}' is not filled .it fills: classifies"):
            call()
    with pytest.raises(InputError, match="count from 0"):
        Session(TRAINED, "cpu").sample(-1)
    with pytest.raises(InputError, match="latent points of this model"):
        Session(TRAINED, "cpu").decode(np.zeros(3))


def test_threads_get_what_they_would_get_alone(session: Session) -> None:
    tasks = [
        *((lambda seed=seed: session.sample(30, seed)) for seed in range(6)),
        *((lambda low=low: session.encode(PICTURES[low:])) for low in range(4)),
        *((lambda n=n: session.walk("circle", frames=n)) for n in range(10, 14)),
        *((lambda i=i: session.morph(PICTURES[i], PICTURES[i + 1], frames=19)) for i in range(4)),
        *((lambda i=i: session.decode(np.array([i, -i]) / 3)) for i in range(6)),
    ]
    alone = [task() for task in tasks]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda task: task(), tasks * 3))
    for first, second in zip(alone * 3, together, strict=True):
        assert (first == second).all()
    assert not TRAINED.model.training


def test_a_point_waits_for_one_tile_of_a_film(session: Session) -> None:
    decode, done = TRAINED.model.decode, []
    begun, asked = threading.Event(), threading.Event()

    def slow(z: torch.Tensor) -> torch.Tensor:
        begun.set()
        if not done:
            asked.wait()
        if len(done) < 2:
            time.sleep(0.3)  # for the other thread to come this far
        return decode(z)

    TRAINED.model.decode = slow  # type: ignore[method-assign]
    try:
        film = threading.Thread(target=lambda: session.walk(frames=8 * 60, progress=lambda now, all_: done.append(now)))
        film.start()
        begun.wait()
        asked.set()
        session.decode([0.0, 0.0])
        tiles = len(done)
        film.join()
    finally:
        del TRAINED.model.decode
    assert tiles <= 2
    assert len(done) == 60


def test_progress_is_told_and_work_can_be_stopped(session: Session) -> None:
    seen: list[tuple[int, int]] = []
    loud = Session(TRAINED, "cpu", progress=lambda done, total: seen.append((done, total)))
    loud.sample(20, start=4)
    assert seen == [(4, 20), (12, 20), (20, 20)]
    other: list[int] = []
    loud.walk(frames=9, progress=lambda done, total: other.append(done))
    assert other == [8, 9]
    assert len(seen) == 3

    stop = threading.Event()
    done: list[int] = []

    def watch(rows: int, total: int) -> None:
        done.append(rows)
        if rows >= 16:
            stop.set()

    with pytest.raises(CancelledError):
        session.sample(1000, progress=watch, cancel=stop)
    assert done == [8, 16]
    for call in (session.encode, session.reconstruct):
        with pytest.raises(CancelledError):
            call(PICTURES, cancel=lambda: True)
    with pytest.raises(CancelledError):
        session.decode([0.0, 0.0], cancel=stop)
    assert session.sample(1).shape == (1, 8, 8, 3)


def test_closing_does_not_break_what_is_under_way() -> None:
    session = Session(TRAINED, "cpu")
    film = session.walk(frames=24, progress=lambda done, total: session.close())
    assert (film == Session(TRAINED, "cpu").walk(frames=24)).all()


def test_a_real_model_goes_the_whole_way(tmp_path: Path) -> None:
    registry = Registry.from_plugins({"vae": gdl_vae, "data": gdl_data})
    context = StepContext("digits", Noise(7).stream("digits"), tmp_path, tmp_path, registry)
    spec = registry.find("dataset", "digits")
    data = registry.load(spec, "target")(registry.load(spec, "config")(), context)
    small = {"network": "mlp", "width": 64, "depth": 1}
    asked = {"model": "vae", "data": data, "for": "150 steps", "set": small, "precision": "fp32", "previews": False}
    context = replace(context, name="vae", noise=Noise(7).stream("vae"))
    trained = train.run(train.Arguments.model_validate(asked), context)
    write_model(trained, tmp_path / "vae.gdl", {"seed": 7})
    subject = Subject(trained, data, Noise(1), limit=300)
    fitting = [spec for spec in MEASURES if set(spec.roles) <= trained.model.roles()]
    found = {one.name: one for spec in fitting for one in load_target(spec.target)(subject)}
    error = found["reconstruction error (RMSE)"]
    assert error.value < error.baselines["mean sample"]
    assert "k-NN accuracy, label" in found
    with gdl_core.open(tmp_path / "vae.gdl", "cpu", registry=registry) as vae:
        assert len(vae.info.attributes["label"]) == 10
        pictures = data.pixels(data.held_out[:20])
        z = vae.encode(pictures)
        assert (z == encode_rows(trained, data, data.held_out[:20]).mean.numpy()).all()
        fresh = vae.sample(16, seed=7)
        assert (vae.sample(1, seed=7, start=5)[0] == fresh[5]).all()
        film = vae.morph(fresh[0], fresh[1], frames=48)
        assert film.shape == (48, 28, 28, 1)
        assert (film[-1] == vae.reconstruct(fresh[1])).all()
        ones = data.columns["label"].values[data.held_out[:20]] == 1
        assert vae.apply(pictures, vae.attribute(pictures, ones), [0, 1]).shape == (2, 20, 28, 28, 1)


def test_embedding_needs_no_command_line() -> None:
    program = "import sys, gdl_core.session; print([m for m in ('click', 'gdl_cli', 'rich') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip() == "[]"
