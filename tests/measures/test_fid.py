"""The Fréchet Inception distance: the network beside torch-fidelity's numbers, the file of its weights, the measure."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from latent.models import make
from measures.subjects import means, vectors
from measures.test_fidelity import BARS, Maker, subject
from pydantic import ValidationError
from safetensors.torch import save_file
from steps.doing import check, do
from steps.models import context, dataset, trained

from gdl_core.errors import CancelledError, CheckpointError, DataError, RecipeError
from gdl_core.measures import fid
from gdl_core.measures.frechet import frechet_distance
from gdl_core.measures.inception import Inception, InceptionV3, prepared, read_inception, resized
from gdl_core.measures.inception_layers import BLOCKS, LAYERS, check_weights, shapes
from gdl_core.measures.subject import Subject
from gdl_core.noise import Noise
from gdl_core.recipe import check_text, make_plan
from gdl_core.registry import get_registry

pytest.importorskip("torchmetrics")

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
THEIRS = {
    (1, 28, 28): (3.31934, 0.22531, 1.35279, 0.83570),
    (3, 64, 64): (3.62167, 0.27551, 1.34227, 0.84436),
}
"""Features that torch-fidelity 0.4.0 gives: benchmarks/results/inception-peer.txt."""


RECIPE = """gdl: 1
steps:
  data: {do: digits}
  vae: {do: train, model: vae, data: $data, for: 1 epoch}
  far: {do: measure, model: $vae, data: $data, of: [fid], inception: FILE}
"""


def sparse(path: Path, tensors: Mapping[str, tuple[str, tuple[int, ...]]], fill: Mapping[str, bytes] = {}) -> Path:
    """Write a safetensors file of zeros with these tensors, without writing the zeros."""
    header, at = {}, 0
    for name, (kind, shape) in tensors.items():
        size = int(np.prod(shape)) * {"F32": 4, "F16": 2}[kind]
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        begin = file.tell()
        file.truncate(begin + at)
        for name, value in fill.items():
            file.seek(begin + header[name]["data_offsets"][0])
            file.write(value)
    return path


def right() -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: ("F32", shape) for name, shape in shapes().items()}


@pytest.fixture(scope="module")
def peer() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        import inception_peer
    return inception_peer


@pytest.fixture(scope="module")
def network(peer: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Inception:
    """The network with the benchmark's random weights, read from a file."""
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_file(peer.random_weights(), path)
    inception = read_inception(path)
    assert inception.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    path.unlink()
    inception.tile = 2
    return inception


def test_names_and_shapes_are_those_of_the_published_file() -> None:
    assert len(LAYERS) == 94
    listed = "\n".join(f"{name} {list(shape)}" for name, shape in sorted(shapes().items()))
    assert len(shapes()) == 472
    assert (
        hashlib.sha256(listed.encode()).hexdigest()[:16] == "bd04e829988dd22d"
    )  # that of torch-fidelity's own network
    assert sum(int(np.prod(shape)) for name, shape in shapes().items() if "running" not in name) == 23_850_960
    with torch.device("meta"):
        held = InceptionV3().state_dict()
    held = {name: tensor for name, tensor in held.items() if not name.endswith("num_batches_tracked")}
    assert {name: tuple(tensor.shape) for name, tensor in held.items()} == {
        name: shape for name, shape in shapes().items() if not name.startswith("fc.")
    }


@pytest.mark.parametrize("shape", THEIRS)
def test_features_are_those_of_torch_fidelity(
    network: Inception, peer: ModuleType, shape: tuple[int, int, int]
) -> None:
    pictures = peer.random_pictures(2, shape) / 255
    found = network.features(pictures)
    assert found.shape == (2, 2048)
    assert found[0, peer.SHOWN].numpy() == pytest.approx(np.array(THEIRS[shape]), abs=1e-3)
    assert torch.equal(network.features(pictures[:1]), found[:1])


def test_the_last_pool_and_the_borders_are_those_of_the_published_graph(network: Inception) -> None:
    inner = network.network
    assert isinstance(inner, InceptionV3)
    blocks = {block.pooled[0][0].name: block for block in BLOCKS if block.pooled}
    ones, spike = torch.ones(1, 192, 35, 35), torch.zeros(1, 2048, 8, 8)
    spike[..., 4, 4] = 1.0
    with torch.no_grad():
        mean = inner._block(blocks["Mixed_5b.branch_pool"], ones)[:, -32:]
        greatest = inner._block(blocks["Mixed_7c.branch_pool"], spike)[:, -192:]
        alone = [inner.get_submodule(f"Mixed_{name}.branch_pool")(x) for name, x in (("5b", ones), ("7c", spike))]
    assert torch.allclose(mean, alone[0], atol=1e-4)  # the mean of ones is one at the border too
    assert torch.allclose(greatest[..., 3:6, 3:6], alone[1][..., 4:5, 4:5].expand(-1, -1, 3, 3), atol=1e-4)
    assert not torch.allclose(greatest[..., 4, 4], greatest[..., 0, 0])


def test_resizing_by_hand() -> None:
    picture = torch.tensor([[[[0.0, 10.0], [20.0, 40.0]]]])
    truth = [[0, 5, 10, 10], [10, 17.5, 25, 25], [20, 30, 40, 40], [20, 30, 40, 40]]
    assert resized(picture, 4)[0, 0].tolist() == truth
    wide = torch.arange(6.0)[None, None, None].repeat(1, 1, 2, 1)
    assert resized(wide, 2)[0, 0].tolist() == [[0, 3], [0, 3]]  # pixels 0 and 3, and none of the others


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 150))
@settings(max_examples=20, deadline=None)
def test_a_ramp_stays_a_ramp_until_its_last_pixel(height: int, width: int, size: int) -> None:
    down, across = torch.arange(float(height)), torch.arange(float(width))
    found = resized((down[:, None] + 1000 * across)[None, None].double(), size)[0, 0]
    at = [np.minimum(np.arange(size) * old / size, old - 1) for old in (height, width)]
    assert found.numpy() == pytest.approx(at[0][:, None] + 1000 * at[1], rel=1e-5, abs=1e-3)


def test_pictures_are_prepared_as_levels_about_128() -> None:
    grey = prepared(torch.tensor([0, 128, 255], dtype=torch.uint8)[:, None, None, None])
    assert grey.shape == (3, 3, 299, 299)
    assert (grey[:, 0] == grey[:, 2]).all()
    assert grey[:, 0, 7, 7].tolist() == [-1, 0, 127 / 128]


def test_pictures_are_rounded_to_levels_first() -> None:
    inception = means()
    picture = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)).mul(255).round()
    assert torch.equal(inception.features(picture / 255), inception.features((picture + 0.4) / 255))
    assert not torch.equal(inception.features(picture / 255), inception.features((picture + 0.6) / 255))


def test_what_is_kept_is_known_by_its_pixels() -> None:
    seen: list[int] = []
    inception = means(tile=4, each=seen.append)
    pictures = torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    first = inception.features(pictures, keep=True)
    assert seen == [4, 6]
    assert torch.equal(inception.features(pictures, keep=True), first)
    assert seen == [4, 6]
    assert not torch.equal(inception.features(pictures.transpose(2, 3), keep=True), first)
    assert torch.equal(inception.features(pictures), first)
    assert seen == [4, 6, 10, 12, 16, 18]
    assert inception.features(pictures[:0]).shape[0] == 0


def test_files_that_do_not_fit_are_refused_in_one_line(tmp_path: Path) -> None:
    path, tensors = tmp_path / "weights.safetensors", right()
    check_weights(sparse(path, tensors))
    last = "Mixed_7c.branch_pool.bn.running_var"
    cases = {
        f"lacks {last}; make": {name: of for name, of in tensors.items() if name != last},
        "it lacks fc.weight and 471 more of 472 tensors": {"other": ("F32", (3,))},
        "another training of Inception-v3, with 1000 classes": {**tensors, "fc.weight": ("F32", (1000, 2048))},
        "Conv2d_1a_3x3.conv.weight should be F32 32 × 3 × 3 × 3, it is F32 32 × 1 × 3 × 3": {
            **tensors, "Conv2d_1a_3x3.conv.weight": ("F32", (32, 1, 3, 3))
        },
        "fc.bias should be F32 1008, it is F16 1008": {**tensors, "fc.bias": ("F16", (1008,))},
    }  # fmt: skip
    for told, held in cases.items():
        with pytest.raises(CheckpointError) as caught:
            check_weights(sparse(path, held))
        assert told in str(caught.value)
        assert str(caught.value).startswith("weights.safetensors ")
        assert "docs/measures.md" in str(caught.value)
        assert "\n" not in str(caught.value)
    whole = sparse(path, tensors)
    with whole.open("r+b") as file:
        file.truncate(1000)
    for broken in (whole, tmp_path):
        with pytest.raises(CheckpointError, match="is not a whole safetensors file"):
            check_weights(broken)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    name = "Mixed_5b.branch1x1.bn.running_var"
    path = sparse(tmp_path / "w.safetensors", right(), {name: np.float32(np.nan).tobytes()})
    with pytest.raises(CheckpointError, match=f"damaged: {name} has values that are not finite"):
        read_inception(path)


def test_counters_of_batches_in_the_file_do_no_harm(tmp_path: Path) -> None:
    counters = {f"{layer.name}.bn.num_batches_tracked": ("F32", ()) for layer in LAYERS}
    check_weights(sparse(tmp_path / "w.safetensors", {**right(), **counters}))
    assert not read_inception(tmp_path / "w.safetensors").network.training


def test_samples_lie_between_the_floor_and_the_baselines() -> None:
    inception = means()
    good, few, noise = (fid.measure(replace(subject(how), inception=inception))[0] for how in ("train", "few", "noise"))
    floor = good.baselines["training samples"]
    assert abs(good.value - floor) < 0.2 * few.value
    assert good.value < few.value < noise.value
    assert floor < good.baselines["18 training samples repeated"] < good.baselines["even noise"]
    assert (good.name, good.unit, good.better, good.n) == ("FID", "squared", "lower", 180)
    assert good.baselines == few.baselines
    assert good.note == (
        "180 made and 180 held-out samples, in features of the FID Inception 01234567; whole levels of 0 … 255, grey "
        "repeated as RGB, 8 × 8 resized to 299 × 299 by the bilinear rule of TensorFlow 1; fewer than 10,000 samples "
        "make every value too high: judge it beside the floor, training samples"
    )
    # 3 × 180 made, and once 180 held-out, 180 training, 18 repeated and 180 noise: what is no model's is remembered.
    assert inception.looked_at == 3 * 180 + 3 * 180 + 18


def test_features_are_taken_unscaled_and_many_samples_need_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fid, "ENOUGH", 180)
    inception, here = means(), replace(subject("few"), limit=10_000)
    (found,) = fid.measure(replace(here, inception=inception))
    real = inception.features(BARS.tensor(BARS.held_out))
    made = inception.features(here.made)
    assert found.value == pytest.approx(frechet_distance(real, made), rel=1e-9)
    assert "too high" not in found.note


def test_nothing_is_measured_without_weights_or_of_too_few() -> None:
    assert fid.measure(subject("train")) == []
    few = replace(BARS, held_out=BARS.held_out[:10])
    assert fid.measure(Subject(make(Maker, BARS.shape), few, Noise(0), inception=means())) == []


def test_what_is_no_picture_is_refused() -> None:
    points = vectors(np.random.default_rng(0).normal(size=(40, 2)))
    for data in (points, replace(BARS, data=BARS.data.repeat(4, axis=1))):
        with pytest.raises(DataError, match=r"looks at grey or RGB pictures, samples of .* leave inception out"):
            Subject(make(Maker, data.shape), data, Noise(0), inception=means())


def test_the_step_asks_for_the_weights_and_looks_at_the_file(tmp_path: Path) -> None:
    arguments = {"model": trained(), "data": dataset(), "of": ["fid"]}
    _, faults = check("measure", tmp_path, **arguments)
    assert faults == [
        "measure fid needs the published weights of the FID Inception: add inception, a safetensors file "
        "(docs/measures.md says how to make it)"
    ]
    with pytest.raises(ValidationError, match=r"no such file or folder: w\.safetensors"):
        check("measure", tmp_path, **arguments, inception="w.safetensors")
    (tmp_path / "w.safetensors").write_bytes(b"\x80\x02no weights")
    _, faults = check("measure", tmp_path, **arguments, inception="w.safetensors")
    assert len(faults) == 1
    assert faults[0].startswith("w.safetensors is not a whole safetensors file")
    sparse(tmp_path / "w.safetensors", right())
    _, faults = check("measure", tmp_path, **arguments, inception="w.safetensors")
    assert faults == []
    with pytest.raises(RecipeError, match=r"^\S+:\d+:\d+ 'inception': no such file or folder: x\n[^\n]*\n *\^$"):
        check_text(RECIPE.replace("FILE", "x"), get_registry(), base=tmp_path)  # and not that it should be given


def test_the_step_measures_and_can_be_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sparse(tmp_path / "w.safetensors", right())
    monkeypatch.setattr(
        "gdl_core.measures.inception.read_inception", lambda path, device, each: means(device=device, each=each)
    )
    arguments = {"model": [trained(), trained(shift=1.0)], "data": dataset(), "inception": "w.safetensors"}
    told: list[tuple[int, int, dict[str, float]]] = []
    surroundings = context(tmp_path, "all")
    surroundings.progress = lambda done, total, **parts: told.append((done, total, parts))
    table = do("measure", tmp_path, surroundings=surroundings, of=["sharpness", "fid"], **arguments)
    assert table.column("measure")[-1] == "FID"
    assert float(table.column("dot shift 0")[-1]) < float(table.column("dot shift 1")[-1])  # type: ignore[arg-type]
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-2][:2] == (3, 4)
    assert told[-2][2]["pictures"] > 0
    stopped = context(tmp_path, "stopped")
    asked: list[None] = []
    stopped.cancelled = lambda: bool(asked.append(None)) or len(asked) > 2
    with pytest.raises(CancelledError):
        do("measure", tmp_path, surroundings=stopped, of=["fid"], **arguments)
    assert len(asked) == 3  # at the start, after one tile, after two


def test_the_weights_are_read_only_for_a_measure_that_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sparse(tmp_path / "w.safetensors", right())
    monkeypatch.delattr("gdl_core.measures.inception.read_inception")
    arguments = {"model": trained(), "data": dataset(), "inception": "w.safetensors"}
    assert do("measure", tmp_path, of=["sharpness"], **arguments).rows
    with pytest.raises(ImportError):
        do("measure", tmp_path, of=["fid"], **arguments)


def test_the_key_follows_the_contents_of_the_file(tmp_path: Path) -> None:
    def key(name: str) -> str:
        recipe = check_text(RECIPE.replace("FILE", name), get_registry(), base=tmp_path)
        return {entry.step.name: entry.key for entry in make_plan(recipe, get_registry())}["far"]

    sparse(tmp_path / "a.safetensors", right())
    sparse(tmp_path / "b.safetensors", right())
    sparse(tmp_path / "c.safetensors", right(), {"fc.bias": b"\x01"})
    assert key("a.safetensors") == key("b.safetensors") != key("c.safetensors")
