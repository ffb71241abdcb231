"""CUDA without a GPU: NVRTC compiles every family, nvcc's fatbins hold every kernel, and the choice between the two."""

from __future__ import annotations

import os
import warnings
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from kernels.impls import needs_native

from gdl_core.kernels import _load, images, nvrtc

FAMILIES = ["arithmetic", "bias_act", "mdn", "path", "randn", "reparam", "resample"]


@cache
def compiler() -> nvrtc.Nvrtc:
    try:
        return nvrtc.Nvrtc()
    except nvrtc.NvrtcError as error:
        pytest.skip(str(error))


@pytest.fixture
def native() -> ModuleType:
    from gdl_core import _native

    return _native


def holds(image: bytes, name: str) -> bool:
    """A symbol table ends its names with a zero; names of other symbols may end alike."""
    return b"\0" + name.encode() + b"\0" in image


@needs_native
def test_every_family_is_known(native: ModuleType) -> None:
    assert sorted(native.cuda_kernels()) == FAMILIES
    names = [name for family in native.cuda_kernels().values() for name in family]
    assert len(names) == len(set(names))


@needs_native
@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("capability", [80, 120])
def test_nvrtc_makes_every_kernel(native: ModuleType, family: str, capability: int) -> None:
    image = compiler().compile(f"{family}.cu", native.cuda_sources(), f"sm_{capability}")
    assert image.startswith(b"\x7fELF")
    assert [name for name in native.cuda_kernels()[family] if not holds(image, name)] == []
    assert not holds(image, "gdl_no_such_kernel")


@needs_native
def test_a_gpu_newer_than_nvrtc_gets_ptx(native: ModuleType) -> None:
    target = compiler().target(999)
    assert target == f"compute_{max(compiler().architectures())}"
    ptx = compiler().compile("randn.cu", native.cuda_sources(), target)
    assert all(f".entry {name}(".encode() in ptx for name in native.cuda_kernels()["randn"])
    assert ptx.endswith(b"\0")
    with pytest.raises(nvrtc.NvrtcError, match=r"as old as compute capability 1\.1"):
        compiler().target(11)


def test_a_fault_is_told_with_what_the_compiler_said() -> None:
    with pytest.raises(nvrtc.NvrtcError, match=r"sm_90.*x\.cu\(1\): error: identifier \"nonsense\""):
        compiler().compile("x.cu", {"x.cu": "__global__ void k() { nonsense; }"}, "sm_90")


def test_an_absent_nvrtc_is_named() -> None:
    with pytest.raises(nvrtc.NvrtcError, match="pip install nvidia-cuda-nvrtc"):
        nvrtc.Nvrtc(["libno_such_nvrtc.so"])


@pytest.mark.skipif(not any(images.BUILT.glob("*.fatbin")), reason="gdl was built without nvcc")
@needs_native
@pytest.mark.parametrize("family", FAMILIES)
def test_the_fatbins_hold_every_kernel_for_every_architecture(native: ModuleType, family: str) -> None:
    image = (images.BUILT / f"{family}.fatbin").read_bytes()
    parts = [part for part in image.split(b"\x7fELF")[1:] if holds(part, native.cuda_kernels()[family][0])]
    asked = os.environ.get("GDL_CUDA_ARCHS", "80;90;100;120").split(";")
    assert len(parts) == len(asked)
    for part in parts:
        assert [name for name in native.cuda_kernels()[family] if not holds(part, name)] == []


class CountingNvrtc:
    """Stands in for NVRTC, and counts."""

    version = "13.0"
    calls = 0

    def target(self, capability: int) -> str:
        return f"sm_{capability}"

    def compile(self, name: str, sources: dict[str, str], target: str) -> bytes:
        self.calls += 1
        return f"{name} {target}".encode()


def test_what_was_compiled_is_kept_until_anything_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GDL_CACHE", str(tmp_path))
    fake, sources = CountingNvrtc(), {"randn.cu": "one", "x.h": "two"}

    def calls(family: str = "randn", capability: int = 90) -> int:
        before = fake.calls
        image = images.compiled(family, sources, capability, fake)  # type: ignore[arg-type]
        assert image == f"{family}.cu sm_{capability}".encode()
        return fake.calls - before

    assert [calls(), calls()] == [1, 0]
    assert [calls(capability=80), calls(capability=80)] == [1, 0]
    assert [calls("mdn"), calls("mdn")] == [1, 0]
    sources["x.h"] = "three"
    assert [calls(), calls()] == [1, 0]
    fake.version = "13.1"
    assert [calls(), calls()] == [1, 0]
    assert not list(tmp_path.rglob("*.part"))


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GDL_CACHE", str(tmp_path / "file"))
    fake = CountingNvrtc()
    for _ in range(2):
        assert images.compiled("randn", {}, 90, fake) == b"randn.cu sm_90"  # type: ignore[arg-type]
    assert fake.calls == 2


def test_the_way_to_images_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "BUILT", tmp_path)
    monkeypatch.setattr(images, "_nvrtc", lambda: CountingNvrtc())
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, device))
    monkeypatch.setenv("GDL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GDL_CUDA_IMAGES", raising=False)
    assert images.compiler() == "NVRTC, because there was no nvcc when gdl was built"
    assert images.image({}, "randn", 0) == b"randn.cu sm_90"
    (tmp_path / "randn.fatbin").write_bytes(b"of nvcc")
    assert images.compiler() == "nvcc"
    assert images.image({}, "randn", 0) == b"of nvcc"
    monkeypatch.setenv("GDL_CUDA_IMAGES", "nvrtc")
    assert images.compiler() == "NVRTC, because GDL_CUDA_IMAGES=nvrtc"
    assert images.image({}, "randn", 1) == b"randn.cu sm_91"
    monkeypatch.setenv("GDL_CUDA_IMAGES", "nvcc")
    with pytest.raises(RuntimeError, match="GDL_CUDA_IMAGES='nvcc': use auto, nvrtc, off"):
        images.mode()


@pytest.fixture
def cuda_state(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """As if CUDA were there, with a native module whose kernels the test gets ready."""
    prepared: list[tuple[str, int]] = []
    module = SimpleNamespace(
        cuda_kernels=lambda: {"randn": [], "mdn": []}, prepare_cuda=lambda *args: prepared.append(args)
    )
    monkeypatch.setattr(_load, "LOADED", _load.Loaded(module, "", ""))  # type: ignore[arg-type]
    monkeypatch.setattr(_load, "_cuda_prepared", False)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    return SimpleNamespace(module=module, prepared=prepared)


def test_all_kernels_are_ready_before_the_first_cuda_tensor(cuda_state: SimpleNamespace) -> None:
    cuda = torch.device("cuda")
    assert not _load.use_native("auto", cuda, torch.float64)
    assert cuda_state.prepared == []
    assert _load.use_native("auto", cuda, torch.float32)
    assert _load.use_native("native", cuda, torch.float16)
    assert cuda_state.prepared == [("randn", 3), ("mdn", 3)]


def test_kernels_that_fail_are_named_once_and_torch_does_the_work(cuda_state: SimpleNamespace) -> None:
    def fail(family: str, device: int) -> None:
        raise RuntimeError("no CUDA kernels for randn: NVRTC is not installed")

    cuda_state.module.prepare_cuda = fail
    cuda = torch.device("cuda")
    with pytest.warns(RuntimeWarning, match=r"plain torch does the work.*NVRTC is not installed.*GDL_CUDA_IMAGES=off"):
        assert not _load.use_native("auto", cuda, torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not _load.use_native("auto", cuda, torch.float32)
    assert "NVRTC is not installed" in _load.why_not_native(cuda, torch.float32)
    with pytest.raises(RuntimeError, match="NVRTC is not installed"):
        _load.use_native("native", cuda, torch.float32)


def test_the_choice_can_be_compiled(cuda_state: SimpleNamespace) -> None:
    def f(x: torch.Tensor) -> torch.Tensor:
        return x + 1 if _load.use_native("auto", torch.device("cuda"), torch.float32) else x - 1

    compiled = torch.compile(f, fullgraph=True, backend="eager")
    assert compiled(torch.zeros(2)).tolist() == [1, 1]
