"""The C++ program that walks latent space gives the pictures of the same walk in Python."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gdl_core
from gdl_core.errors import CheckpointError
from gdl_core.kernels import latent_path, randn
from gdl_core.latent.fingerprint import fingerprint
from gdl_core.latent.tiles import measure_tile
from gdl_core.model_file import write_model
from gdl_core.values import TrainedModel
from gdl_vae.autoencoder import Autoencoder
from gdl_vae.config import AutoencoderConfig, VAEConfig
from gdl_vae.vae import VAE

ROOT = Path(__file__).resolve().parents[2]
CMAKE, NINJA, COMPILER = (shutil.which(name) for name in ("cmake", "ninja", "c++"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CMAKE and NINJA and COMPILER), reason="no cmake, ninja or C++ compiler"),
    pytest.mark.skipif(sys.byteorder != "little", reason="the program reads little-endian files"),
]


def cmake(*arguments: str | Path) -> None:
    done = subprocess.run([str(CMAKE), *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("example")
    release = ("-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release")
    cmake("-S", ROOT, "-B", work / "library", *release, "-DGDL_CUDA=off")
    cmake("--build", work / "library")
    cmake("--install", work / "library", "--prefix", work / "prefix")
    cmake("-S", ROOT / "examples/cpp", "-B", work / "build", *release, f"-DCMAKE_PREFIX_PATH={work / 'prefix'}")
    cmake("--build", work / "build")
    return work / "build" / "walk"


def run(program: Path, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    (folder / "frames").mkdir(exist_ok=True)
    return subprocess.run([str(program), *map(str, arguments)], cwd=folder, capture_output=True, text=True)


def save(model: VAE | Autoencoder, name: str, path: Path) -> None:
    with torch.no_grad():
        for parameter in model.parameters():  # weights that give more than a flat grey
            parameter.copy_(2 * randn(parameter.shape, seed=parameter.numel()) / parameter.shape[-1] ** 0.5)
    config = model.config.model_dump(mode="json")
    write_model(
        TrainedModel(model, name, "0", config, model.data_shape, measure_tile(model), fingerprint(model, config)),
        path,
    )


@pytest.mark.parametrize(
    ("name", "latent", "shape", "activation", "depth"),
    [
        ("vae/vae", 2, (1, 28, 28), "silu", 2),
        ("vae/vae", 17, (3, 9, 14), "gelu", 3),
        ("vae/autoencoder", 5, (1, 5, 3), "relu", 1),
        ("vae/autoencoder", 64, (3, 8, 8), "tanh", 2),
    ],
)
def test_pictures_are_those_of_a_session(
    program: Path, tmp_path: Path, name: str, latent: int, shape: tuple[int, int, int], activation: str, depth: int
) -> None:
    settings = {"latent": latent, "network": "mlp", "activation": activation, "depth": depth}
    model = (
        VAE(VAEConfig.model_validate(settings), shape)
        if name == "vae/vae"
        else Autoencoder(AutoencoderConfig.model_validate(settings), shape)
    )
    save(model, name, tmp_path / "model.gdl")
    frames, keyframes, seed = 13, 4, 2**40 + 5
    done = run(program, tmp_path, "model.gdl", frames, keyframes, seed)
    assert done.returncode == 0, done.stderr

    t = torch.linspace(0, keyframes - 1, frames)
    points = latent_path(randn((keyframes, latent), seed=seed), t, "slerp")
    with gdl_core.open(tmp_path / "model.gdl") as session:
        expected = session.decode(points.numpy())
    ending = "pgm" if shape[0] == 1 else "ppm"
    pictures = np.stack(
        [
            np.asarray(Image.open(tmp_path / f"frames/{i:04}.{ending}")).reshape(expected.shape[1:])
            for i in range(frames)
        ]
    )
    assert expected.std() > 20
    difference = np.abs(pictures.astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01

    _, height, width = shape
    sheet = np.asarray(Image.open(tmp_path / f"walk.{ending}")).reshape(4 * (height + 2) - 2, 4 * (width + 2) - 2, -1)
    row, column = divmod(frames - 1, 4)
    cell = sheet[row * (height + 2) :, column * (width + 2) :][:height, :width]
    np.testing.assert_array_equal(cell, pictures[-1])


def test_a_convolutional_decoder_is_refused_in_one_line(program: Path, tmp_path: Path) -> None:
    model = VAE(VAEConfig.model_validate({"latent": 2, "network": "conv"}), (1, 16, 16))
    save(model, "vae/vae", tmp_path / "model.gdl")
    done = run(program, tmp_path, "model.gdl")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "network: mlp" in done.stderr


def test_damage_is_found_where_python_finds_it(program: Path, tmp_path: Path) -> None:
    model = VAE(VAEConfig.model_validate({"latent": 2, "network": "mlp", "width": 16}), (1, 8, 8))
    save(model, "vae/vae", tmp_path / "model.gdl")
    whole = (tmp_path / "model.gdl").read_bytes()
    for length in (0, 7, 8, 50, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.gdl").write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            gdl_core.open(tmp_path / "cut.gdl")
        done = run(program, tmp_path, "cut.gdl")
        assert done.returncode == 1
        assert done.stderr.startswith("cut.gdl: ")
