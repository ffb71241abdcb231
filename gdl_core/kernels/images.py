"""The machine code of the CUDA kernels: fatbins that nvcc made when gdl was built, else what NVRTC makes here."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import torch

from gdl_core.files import cache_folder, write_atomically
from gdl_core.kernels.nvrtc import OPTIONS, Nvrtc

BUILT = Path(__file__).parent.parent / "cuda"
"""Where the build puts a fatbin for each family."""

MODES = ("auto", "nvrtc", "off")
_lock = threading.Lock()


def mode() -> str:
    """Return what `GDL_CUDA_IMAGES` asks for: "auto", "nvrtc" (also where nvcc's are there) or "off".

    Raises:
        RuntimeError: it is none of these.
    """
    asked = os.environ.get("GDL_CUDA_IMAGES", "auto")
    if asked not in MODES:
        raise RuntimeError(f"GDL_CUDA_IMAGES={asked!r}: use {', '.join(MODES)}")
    return asked


def compiler() -> str:
    """Return who compiles the kernels: "nvcc", or "NVRTC" and why."""
    if mode() == "nvrtc":
        return "NVRTC, because GDL_CUDA_IMAGES=nvrtc"
    return "nvcc" if any(BUILT.glob("*.fatbin")) else "NVRTC, because there was no nvcc when gdl was built"


@cache
def _nvrtc() -> Nvrtc:
    return Nvrtc()


def compiled(family: str, sources: Mapping[str, str], capability: int, nvrtc: Nvrtc) -> bytes:
    """Return the machine code of a family from the user's cache, compiling it where it is not there yet.

    Raises:
        NvrtcError: it cannot be compiled.
    """
    target = nvrtc.target(capability)
    digest = hashlib.blake2b(digest_size=16)
    for part in (family, nvrtc.version, target, *OPTIONS, *(text for item in sorted(sources.items()) for text in item)):
        digest.update(part.encode() + b"\0")
    path = cache_folder() / "cuda" / f"{family}-{target}-{digest.hexdigest()}.image"
    try:
        return path.read_bytes()
    except OSError:
        pass
    image = nvrtc.compile(f"{family}.cu", sources, target)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda stream: stream.write(image))
    except OSError:
        pass  # a cache that cannot be written costs the next process the same seconds
    return image


def image(sources: Mapping[str, str], family: str, device: int) -> bytes:
    """Return the machine code of a family of kernels for a device; the launches ask for it.

    Args:
        sources: what NVRTC compiles, by file name.
        family: first part of the name of one of them.
        device: index of a CUDA device.

    Raises:
        NvrtcError: there is none from nvcc, and NVRTC is missing or fails.
    """
    if mode() == "auto" and (BUILT / f"{family}.fatbin").exists():
        return (BUILT / f"{family}.fatbin").read_bytes()
    major, minor = torch.cuda.get_device_capability(device)
    with _lock:
        return compiled(family, sources, 10 * major + minor, _nvrtc())
