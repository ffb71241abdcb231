"""What is in use, and why not more."""

from __future__ import annotations

from typing import Any

import torch

from gdl_core.kernels._load import LOADED
from gdl_core.kernels.keys import RNG_VERSION


def info() -> dict[str, Any]:
    """Return which implementation works on which device, and the reason where it is not the native one.

    >>> sorted(info())
    ['cpu', 'cuda', 'rng_version', 'torch']
    """
    module = LOADED.module
    return {
        "torch": torch.__version__,
        "rng_version": RNG_VERSION,
        "cpu": {
            "implementation": "reference" if LOADED.why_not_cpu else "native",
            "why_not_native": LOADED.why_not_cpu or None,
            "isa": module.isa() if module else None,
            "available_isas": module.available_isas() if module else [],
        },
        "cuda": {
            "implementation": "reference" if LOADED.why_not_cuda else "native",
            "why_not_native": LOADED.why_not_cuda or None,
            "compiled_by": None if LOADED.why_not_cuda else LOADED.cuda_compiler,
            "torch_cuda": torch.version.cuda,
        },
    }
