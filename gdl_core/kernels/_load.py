"""Loads the native library and registers its ops with torch; goes on without it, and says why it is missing."""

from __future__ import annotations

import json
import os
import threading
import warnings
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import torch

from gdl_core.kernels.schemas import SCHEMAS

Impl = Literal["auto", "reference", "native"]

NATIVE_DTYPES = frozenset({torch.float32, torch.bfloat16, torch.float16})


@dataclass
class Loaded:
    """What could be loaded; an empty reason means that the kernels of that device are in use."""

    module: ModuleType | None
    why_not_cpu: str
    why_not_cuda: str
    cuda_compiler: str = ""


def _why_not_built() -> str:
    """Return what the build noted when it left the native library out."""
    try:
        note = json.loads((Path(__file__).parent.parent / "_build.json").read_text())
        return f"gdl was installed without native kernels: {note['why_not']}"
    except (OSError, ValueError, KeyError):
        return "the native library gdl_core._native is missing"


def _check_schemas(module: ModuleType) -> None:
    """Refuse a library that was built from other sources than this Python code, as after a change without a build."""
    built = set(module.schemas()) if hasattr(module, "schemas") else set()
    if built != set(SCHEMAS):
        different = min(built ^ set(SCHEMAS))
        raise RuntimeError(
            f"the native library was built from other sources than this Python code, which differ in the op "
            f"{different.partition('(')[0]}"
        )


def _load_cpu() -> tuple[ModuleType | None, str]:
    wanted = os.environ.get("GDL_NATIVE")
    if wanted == "0":
        return None, "GDL_NATIVE=0"
    try:
        module = import_module("gdl_core._native")
        _check_schemas(module)
        module.register_cpu_ops(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
    except (ImportError, RuntimeError) as error:
        reason = _why_not_built() if isinstance(error, ModuleNotFoundError) else str(error)
        if wanted == "1":
            raise ImportError(f"GDL_NATIVE=1 demands the native kernels, but: {reason}") from error
        if "GDL_NATIVE=0" not in reason:  # nobody needs telling what they asked for
            warnings.warn(
                f"gdl: plain torch does the work of the native kernels, with the same noise but slower: {reason} "
                "(reinstall gdl where a C++ compiler is found, or set GDL_NATIVE=0 to silence this)",
                RuntimeWarning,
                stacklevel=2,
            )
        return None, reason
    return module, ""


def _warn_of_cuda(reason: str) -> None:
    warnings.warn(
        f"gdl: plain torch does the work of the CUDA kernels, with the same noise but slower: {reason} "
        "(set GDL_CUDA_IMAGES=off to silence this)",
        RuntimeWarning,
        stacklevel=2,
    )


def _load_cuda(module: ModuleType | None, why_not_cpu: str) -> tuple[str, str]:
    """Register the CUDA ops; return why not, and who compiles their kernels."""
    if module is None:
        return why_not_cpu, ""
    if torch.version.cuda is None:
        return "this torch is built without CUDA", ""
    if not torch.cuda.is_available():
        return "torch finds no CUDA device", ""
    from gdl_core.kernels import images

    try:
        if images.mode() == "off":
            return "GDL_CUDA_IMAGES=off", ""
        module.set_cuda_images(partial(images.image, module.cuda_sources()))
        module.register_cuda_ops(str(Path(torch.__file__).parent / "lib" / "libtorch_cuda.so"))
    except RuntimeError as error:
        _warn_of_cuda(str(error))
        return str(error), ""
    return "", images.compiler()


def load() -> Loaded:
    """Load what there is; called once, when gdl_core.kernels is imported."""
    module, why_not_cpu = _load_cpu()
    return Loaded(module, why_not_cpu, *_load_cuda(module, why_not_cpu))


LOADED = load()

NATIVE_ON_CPU = not LOADED.why_not_cpu
_cuda_lock = threading.Lock()
_cuda_prepared = False


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator, unused-ignore]
def _why_not_cuda() -> str:
    """Return why CUDA tensors go through the reference. The first call gets all kernels ready on the current device.

    Whatever can fail, a compiler or a driver, fails here: before the choice, when there is another way.
    """
    global _cuda_prepared
    if LOADED.why_not_cuda or _cuda_prepared:
        return LOADED.why_not_cuda
    with _cuda_lock:
        module = LOADED.module
        if not _cuda_prepared and not LOADED.why_not_cuda and module is not None:
            try:
                for family in module.cuda_kernels():
                    module.prepare_cuda(family, torch.cuda.current_device())
            except RuntimeError as error:
                LOADED.why_not_cuda = str(error)
                _warn_of_cuda(LOADED.why_not_cuda)
            _cuda_prepared = True
    return LOADED.why_not_cuda


def _why_not(device: str) -> str:
    if device == "cuda":
        reason: str = _why_not_cuda()
        return reason
    return LOADED.why_not_cpu if device == "cpu" else f"there are no native kernels for {device}"


def why_not_native(device: torch.device, dtype: torch.dtype) -> str:
    """Return why tensors of this kind go through the reference; empty if they do not."""
    if dtype not in NATIVE_DTYPES:
        return f"the native kernels work in float32, bfloat16 and float16, not {dtype}"
    return _why_not(device.type)


def native_for(impl: Impl, tensor: torch.Tensor) -> bool:
    """Decide for a tensor as `use_native` does; the common case costs a fraction of a microsecond."""
    if impl == "auto":
        if tensor.is_cpu:
            return NATIVE_ON_CPU and tensor.dtype in NATIVE_DTYPES
        # not under torch.compile, which would compile again when the flag has changed
        if tensor.is_cuda and not torch.compiler.is_compiling() and _cuda_prepared:
            return not LOADED.why_not_cuda and tensor.dtype in NATIVE_DTYPES
    return use_native(impl, tensor.device, tensor.dtype)


def use_native(impl: Impl, device: torch.device, dtype: torch.dtype) -> bool:
    """Decide between native code and the reference.

    Raises:
        ValueError: impl is none of its three words.
        RuntimeError: impl is "native" and there is no native code for these tensors.
    """
    if impl == "auto":
        return dtype in NATIVE_DTYPES and not _why_not(device.type)
    if impl == "reference":
        return False
    if impl != "native":
        raise ValueError(f"impl must be 'auto', 'reference' or 'native', got {impl!r}")
    if reason := why_not_native(device, dtype):
        raise RuntimeError(f"impl='native' is not possible: {reason}; impl='auto' takes the reference instead")
    return True


def transforms_active() -> bool:
    """Say whether a functorch transform (vmap, grad, jvp) is tracing, where only plain torch ops take part."""
    return not torch.compiler.is_compiling() and bool(torch._C._are_functorch_transforms_active())


def apply(function: type[torch.autograd.Function], *arguments: Any) -> Any:
    """Put a call on the tape as `function.apply` does, for a fraction of its cost.

    What is left out is the unpacking of functorch's tensors, which do not come here: see `transforms_active`.
    """
    if torch.compiler.is_compiling() or not _CAN_APPLY:
        return function.apply(*arguments)  # type: ignore[no-untyped-call]
    return super(torch.autograd.Function, function).apply(*arguments)  # type: ignore[misc]


_CAN_APPLY = hasattr(super(torch.autograd.Function, torch.autograd.Function), "apply")
