"""What is written is read back; what is wrong with a file is said in words, and nothing of it is used."""

from __future__ import annotations

import json
import pickle
import struct
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from latent.models import TinyConv, TinyMlp, TinyStyle, make
from safetensors.torch import save_file

from gdl_core import hookimpl, model_file
from gdl_core.errors import CheckpointError, GdlError, StorageError
from gdl_core.latent.fingerprint import fingerprint
from gdl_core.latent.space_settings import space_settings
from gdl_core.latent.spaces import StyleSpace, in_space
from gdl_core.latent.tiles import decode_rows
from gdl_core.model_file import read_header, read_model, read_model_record, write_model
from gdl_core.registry import Registry
from gdl_core.specs import ModelSpec, Role
from gdl_core.values import Table


class Tiny:
    """A plugin of the tiny models."""

    @hookimpl
    def gdl_models(self) -> list[ModelSpec]:
        roles: tuple[Role, ...] = ("samples", "encodes", "decodes")
        return [
            ModelSpec(name.lower(), "Tiny.", f"latent.models:{name}", "latent.models:TinyConfig", roles)
            for name in ("TinyMlp", "TinyConv", "TinyStyle")
        ]


class Odd:
    """A plugin whose model is not one."""

    @hookimpl
    def gdl_models(self) -> list[ModelSpec]:
        return [ModelSpec("tinymlp", "Odd.", "builtins:len", "latent.models:TinyConfig", ())]


@pytest.fixture
def registry() -> Registry:
    return Registry.from_plugins({"tiny": Tiny()})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_model(make(TinyMlp, latent=3), tmp_path / "model.gdl", {"recipe": "steps: …", "seed": 7})
    return tmp_path / "model.gdl"


def parts(path: Path) -> tuple[dict[str, Any], bytes]:
    contents = path.read_bytes()
    length = struct.unpack("<Q", contents[:8])[0]
    return json.loads(contents[8 : 8 + length]), contents[8 + length :]


def rewrite(path: Path, header: dict[str, Any] | bytes, data: bytes) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def change(path: Path, **changes: Any) -> None:
    """Change what the file says about its model."""
    header, data = parts(path)
    about = json.loads(header["__metadata__"]["gdl"])
    about.update(changes)
    header["__metadata__"]["gdl"] = json.dumps(about)
    rewrite(path, header, data)


@pytest.mark.parametrize("kind", [TinyMlp, TinyConv])
def test_a_model_comes_back_as_it_was(tmp_path: Path, registry: Registry, kind: Any) -> None:
    trained = replace(
        make(kind, (3, 8, 8), latent=4), tile=16, data={"name": "swirls", "columns": {"label": ["a", "b"]}},
        history=Table(("epoch", "loss"), ((1, 0.1), (2, None)), "loss"),
        training={"epochs": np.int64(2), "nan": float("nan")},
    )  # fmt: skip
    files = write_model(trained, tmp_path / "new" / "it.gdl", {"seed": 1})
    assert files == [tmp_path / "new" / "it.gdl"]
    assert list(files[0].parent.iterdir()) == files
    again = read_model(files[0], registry)
    assert type(again.model) is kind
    assert not again.model.training
    for name, tensor in trained.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], tensor)
    z = torch.linspace(-2, 2, 20).reshape(5, 4)
    assert torch.equal(decode_rows(again, z), decode_rows(trained, z))
    for name in ("name", "version", "config", "data_shape", "tile", "fingerprint", "data", "history"):
        assert getattr(again, name) == getattr(trained, name), name
    assert again.training == {"epochs": 2, "nan": None}
    assert read_model_record(files[0]) == {"seed": 1}


def test_equal_models_give_equal_bytes(tmp_path: Path, path: Path, registry: Registry) -> None:
    write_model(
        replace(make(TinyMlp, latent=3), fingerprint="stale"), tmp_path / "b.gdl", {"seed": 7, "recipe": "steps: …"}
    )
    assert (tmp_path / "b.gdl").read_bytes() == path.read_bytes()
    write_model(read_model(path, registry), tmp_path / "c.gdl", read_model_record(path))
    assert (tmp_path / "c.gdl").read_bytes() == path.read_bytes()
    write_model(make(TinyMlp, latent=3, seed=1), tmp_path / "d.gdl")
    assert read_header(tmp_path / "d.gdl")["fingerprint"] != read_header(path)["fingerprint"]
    assert read_model_record(tmp_path / "d.gdl") is None


def test_building_leaves_torch_s_generator_alone(path: Path, registry: Registry) -> None:
    before = torch.get_rng_state()
    read_model(path, registry)
    assert torch.equal(before, torch.get_rng_state())


def test_the_header_is_read_without_torch(path: Path) -> None:
    program = (
        "import sys; from gdl_core.model_file import read_header; h = read_header(sys.argv[1]); "
        "print(h['model'], h['config']['latent'], h['tensors']['decoder.0.weight'], 'torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True).stdout
    assert out.split(" ", 2)[:2] == ["tiny/tinymlp", "3"]
    assert out.strip().endswith("{'dtype': 'F32', 'shape': [12, 3]} False")


def test_foreign_files_are_named(tmp_path: Path) -> None:
    foreign = tmp_path / "x.gdl"
    with pytest.raises(CheckpointError, match=r"x\.gdl: cannot be read \(No such file"):
        read_header(foreign)
    for contents in (b"", b"short", b"\x89PNG\r\n\x1a\n" + bytes(100), b"{" * 200, bytes(64)):
        foreign.write_bytes(contents)
        with pytest.raises(CheckpointError, match=r"not a \.gdl file"):
            read_header(foreign)
    torch.save({"a": torch.zeros(2)}, foreign)
    with pytest.raises(CheckpointError, match="Pickled checkpoints are never opened"):
        read_header(foreign)
    foreign.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(CheckpointError, match="Pickled"):
        read_header(foreign)
    save_file({"a": torch.zeros(2)}, foreign)
    with pytest.raises(CheckpointError, match="gdl did not write"):
        read_header(foreign)


def test_cut_and_grown_files_are_named(path: Path) -> None:
    whole = path.read_bytes()
    for keep in (len(whole) - 1, len(whole) // 2, 300, 20):
        path.write_bytes(whole[:keep])
        with pytest.raises(CheckpointError, match="cut short"):
            read_header(path)
    path.write_bytes(whole + b"x")
    with pytest.raises(CheckpointError, match="longer than it says"):
        read_header(path)


def test_a_newer_format_is_named(path: Path, registry: Registry) -> None:
    change(path, format=3, something_new=1)
    with pytest.raises(CheckpointError, match=r"newer gdl \(format 3; this one reads up to 2\): update gdl-toolkit"):
        read_model(path, registry)


@pytest.mark.parametrize("space", [("w", 0.7, None), ("w+", 1.0, None), ("w+", 0.5, 2)])
def test_a_view_comes_back_as_it_was(tmp_path: Path, registry: Registry, space: tuple[str, float, int | None]) -> None:
    trained = make(TinyStyle, latent=3, width=5)
    view = in_space(trained, space_settings(*space))
    write_model(view, tmp_path / "view.gdl", {"seed": 1})
    write_model(trained, tmp_path / "plain.gdl")
    again = read_model(tmp_path / "view.gdl", registry)
    assert isinstance(again.model, StyleSpace)
    assert again.space == view.space == read_header(tmp_path / "view.gdl")["space"]
    assert again.fingerprint == view.fingerprint != trained.fingerprint
    assert again.model.latent_shape == view.model.latent_shape
    z = torch.rand(5, *view.model.latent_shape)
    assert torch.equal(decode_rows(again, z), decode_rows(view, z))
    write_model(again, tmp_path / "again.gdl", {"seed": 1})
    assert (tmp_path / "again.gdl").read_bytes() == (tmp_path / "view.gdl").read_bytes()
    # A program that knows format 1 alone must not take the view for the model that it looks into.
    assert [read_header(tmp_path / f"{name}.gdl")["format"] for name in ("view", "plain")] == [2, 1]
    assert "space" not in read_header(tmp_path / "plain.gdl")
    assert read_model(tmp_path / "plain.gdl", registry).space == {}


@pytest.mark.parametrize(
    "space",
    [{}, None, 3, {"which": "w"}, {"which": "z", "truncation": 1.0, "layers": None},
     {"which": "w", "truncation": "0.7", "layers": None}, {"which": "w", "truncation": 1e9, "layers": None},
     {"which": "w", "truncation": True, "layers": None}, {"which": "w", "truncation": 1.0, "layers": 2},
     {"which": "w+", "truncation": 1.0, "layers": -1}, {"which": "w+", "truncation": 1.0, "layers": 1 << 70},
     {"which": "w", "truncation": 1.0, "layers": None, "more": 1}],
)  # fmt: skip
def test_damaged_spaces_are_refused_in_one_line(path: Path, space: Any) -> None:
    change(path, format=2, space=space)
    with pytest.raises(CheckpointError, match="damaged header") as caught:
        read_header(path)
    assert "\n" not in str(caught.value)


def test_spaces_that_a_model_or_a_format_has_not_are_refused(path: Path, tmp_path: Path, registry: Registry) -> None:
    space = {"which": "w", "truncation": 1.0, "layers": None}
    change(path, space=space)
    with pytest.raises(CheckpointError, match="format 1 with a space"):
        read_header(path)
    change(path, format=2)
    with pytest.raises(CheckpointError, match="does not hold what its fingerprint says"):
        read_model(path, registry)
    plain = make(TinyMlp, latent=3)
    change(path, fingerprint=fingerprint(plain.model, plain.config, space))
    with pytest.raises(CheckpointError, match=r"view of a model that has no such space \(TinyMlp has no space W"):
        read_model(path, registry)
    style = make(TinyStyle, latent=3)
    write_model(in_space(style, space_settings("w+", 0.5, 4)), tmp_path / "view.gdl")
    deeper = {"which": "w+", "truncation": 0.5, "layers": 5}
    change(tmp_path / "view.gdl", space=deeper, fingerprint=fingerprint(style.model, style.config, deeper))
    with pytest.raises(CheckpointError, match="first 5 layers, but the generator has 4"):
        read_model(tmp_path / "view.gdl", registry)


def test_headers_that_lie_are_refused(path: Path) -> None:
    header, data = parts(path)
    name = "decoder.0.weight"
    for lie in (
        {**header, name: {**header[name], "shape": [12, 4]}},
        {**header, name: {**header[name], "dtype": "F8_E9"}},
        {**header, name: {**header[name], "data_offsets": [0, 1 << 60]}},
        {**header, name: {**header[name], "data_offsets": [-8, 0]}},
        {**header, name: {**header[name], "shape": [-12, -3]}},
        {**header, name: {}},
        {**header, name: 7},
        {**header, "overlap": header[name]},
    ):
        rewrite(path, lie, data)
        with pytest.raises(CheckpointError, match="damaged header"):
            read_header(path)
    twice = json.dumps(header).encode().replace(b'"decoder.0.bias"', b'"decoder.0.weight"')
    rewrite(path, twice, data)
    with pytest.raises(CheckpointError, match="given twice"):
        read_header(path)
    rewrite(path, b"[" * 100_000, data)
    with pytest.raises(CheckpointError, match=r"not a \.gdl"):
        read_header(path)
    path.write_bytes(struct.pack("<Q", 1 << 62) + b"{}")
    with pytest.raises(CheckpointError, match=r"not a \.gdl"):
        read_header(path)


@pytest.mark.parametrize(
    "changes",
    [{"format": "1"}, {"format": 0}, {"tile": 0}, {"tile": "8"}, {"data_shape": [0]}, {"data_shape": ["a"]},
     {"config": None}, {"history": {}}, {"history": {"title": "", "header": ["a"], "rows": [[1, 2]]}}, {"record": 3}],
)  # fmt: skip
def test_damaged_descriptions_are_refused(path: Path, changes: dict[str, Any]) -> None:
    change(path, **changes)
    with pytest.raises(CheckpointError, match="damaged header"):
        read_header(path)


def test_weights_that_were_changed_are_noticed(path: Path, registry: Registry) -> None:
    contents = bytearray(path.read_bytes())
    contents[-3] ^= 1
    path.write_bytes(contents)
    with pytest.raises(CheckpointError, match="fingerprint"):
        read_model(path, registry)


def test_tensors_that_do_not_fit_the_model_are_named(path: Path, registry: Registry) -> None:
    change(path, config={"latent": 4, "width": 12, "dropout": 0.5})
    with pytest.raises(CheckpointError, match=r"'decoder\.0\.weight' is F32 \[12, 3\] in the file and F32 \[12, 4\]"):
        read_model(path, registry)
    change(path, model="tiny/tinyconv", config={"latent": 3})
    with pytest.raises(CheckpointError, match="does not fit the installed model 'tiny/tinyconv'"):
        read_model(path, registry)


def test_memory_is_not_taken_before_the_file_is_believed(path: Path, registry: Registry) -> None:
    change(path, config={"latent": 3, "width": 1 << 40})
    with pytest.raises(CheckpointError, match="does not fit"):
        read_model(path, registry)


def test_settings_that_the_plugin_does_not_take_are_named(path: Path, registry: Registry) -> None:
    change(path, config={"latent": 0, "colour": "red"}, version="0.3")
    with pytest.raises(CheckpointError, match=r"latent: .*colour: .*written with version 0\.3"):
        read_model(path, registry)


def test_a_missing_plugin_is_named_with_what_to_install(path: Path) -> None:
    change(path, package="gdl-tiny", version="1.0")
    with pytest.raises(CheckpointError, match=r"needs the model 'tiny/tinymlp'.*pip install gdl-tiny"):
        read_model(path, Registry.from_plugins({}))
    with pytest.raises(CheckpointError, match="could not be built"):
        read_model(path, Registry.from_plugins({"tiny": Odd()}))


@pytest.mark.parametrize("history", [{}, {"title": "", "rows": []}, {"title": "", "header": "ab", "rows": ["cd"]}])
def test_a_history_that_is_no_table_is_refused(path: Path, registry: Registry, history: dict[str, object]) -> None:
    change(path, history=history)
    with pytest.raises(CheckpointError, match="damaged header"):
        read_model(path, registry)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_files_never_do_more_than_complain(path: Path, registry: Registry, data: st.DataObject) -> None:
    whole = path.read_bytes()
    contents = bytearray(whole)
    length = struct.unpack("<Q", whole[:8])[0] + 8
    for _ in range(data.draw(st.integers(1, 4))):
        contents[data.draw(st.integers(0, length - 1))] = data.draw(st.integers(0, 255))
    mutated = path.with_name("mutated.gdl")
    mutated.write_bytes(contents)
    with suppress(CheckpointError):
        read_model(mutated, registry)


def test_a_failed_write_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = path.read_bytes()

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="no space left"):
        write_model(make(TinyMlp, latent=3, seed=9), path)
    monkeypatch.undo()
    assert path.read_bytes() == whole
    assert list(path.parent.iterdir()) == [path]


def test_a_description_that_cannot_be_read_again_is_not_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "HEADER_LIMIT", 3000)
    with pytest.raises(GdlError, match="more than"):
        write_model(make(TinyMlp), path, {"text": "x" * 2000})
