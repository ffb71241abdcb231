"""Whether layers run in float32 or bfloat16: asked of the machine once, then remembered, so that a run can be repeated.

Parameters, losses, KL and optimiser stay in float32 either way (autocast; Micikevicius et al. 2018 without scaling,
which bfloat16 does not need).
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

import torch
from torch import nn

from gdl_core.files import cache_folder, write_atomically

PAYS = 1.15
"""bf16 is taken from this speed-up on; below it the coarser arithmetic is not worth the noise of the measurement."""

SECONDS = 1.0
"""About how long the measurement takes."""


@dataclass(frozen=True)
class Verdict:
    """The precision that is used and, in words, why."""

    precision: Literal["fp32", "bf16"]
    reason: str


def autocast(verdict: Verdict, device: torch.device) -> AbstractContextManager[Any]:
    """Return the context that losses are computed in."""
    if verdict.precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def has_native_bf16(device: torch.device) -> bool:
    """Say whether the device multiplies bfloat16 matrices in hardware (AVX-512 BF16, AMX, or a recent GPU)."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False


def decide(
    wanted: Literal["auto", "fp32", "bf16"],
    device: torch.device,
    model: nn.Module,
    batch: int,
    step: Callable[[], None],
) -> Verdict:
    """Return the precision to train in.

    Args:
        wanted: what the settings say; "auto" measures `step` in both precisions where bf16 is native.
        device: where the model lives.
        model: its class and shapes are part of the key under which the verdict is remembered.
        batch: samples in a batch.
        step: one forward and backward pass of the real model on a real batch, leaving no trace.
    """
    if wanted == "fp32":
        return Verdict("fp32", "as set")
    native = has_native_bf16(device)
    if wanted == "bf16":
        return Verdict(
            "bf16", "as set" if native else f"as set, though this {device.type} only emulates it, which is slow"
        )
    if not native:
        return Verdict("fp32", f"this {device.type} has no native bfloat16")
    file = cache_folder() / "precision" / f"{_signature(device, model, batch)}.json"
    remembered = _read(file)
    if remembered is not None:
        return remembered
    verdict = _measure(device, step)
    _write(file, verdict)
    return verdict


def _signature(device: torch.device, model: nn.Module, batch: int) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    if device.type == "cpu" and hasattr(torch.cpu, "get_capabilities"):
        name = f"{name} {sorted(torch.cpu.get_capabilities().items())}"
    facts = [
        name,
        platform.node(),
        torch.__version__,
        torch.get_num_threads(),
        batch,
        [f"{type(module).__module__}.{type(module).__qualname__}" for module in model.modules()],
        [(key, list(parameter.shape)) for key, parameter in model.named_parameters()],
    ]
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()


def _measure(device: torch.device, step: Callable[[], None]) -> Verdict:
    cuda = device.type == "cuda"

    def timed(context: AbstractContextManager[Any]) -> float:
        if cuda:
            torch.cuda.synchronize(device)
        start = time.perf_counter() if cuda else time.process_time()
        with context:
            step()
        if cuda:
            torch.cuda.synchronize(device)
        return (time.perf_counter() if cuda else time.process_time()) - start

    def both() -> float:
        return timed(nullcontext()) / max(timed(torch.autocast(device.type, dtype=torch.bfloat16)), 1e-9)

    both()
    ratios: list[float] = []
    deadline = time.monotonic() + SECONDS
    while len(ratios) < 3 or (time.monotonic() < deadline and len(ratios) < 101):
        ratios.append(both())
    speedup = median(ratios)
    precision: Literal["fp32", "bf16"] = "bf16" if speedup >= PAYS else "fp32"
    return Verdict(precision, f"bf16 measured at {speedup:.2f} times the speed of fp32 for this model on this machine")


def _read(file: Path) -> Verdict | None:
    try:
        data = json.loads(file.read_text())
        return Verdict("bf16" if data["precision"] == "bf16" else "fp32", str(data["reason"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(file: Path, verdict: Verdict) -> None:
    with suppress(OSError):  # a cache that cannot be written only costs a second next time
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, lambda stream: stream.write(json.dumps(asdict(verdict)).encode()))
