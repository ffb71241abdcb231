"""Building a model with weights that are a function of the seed, and choosing the device that it runs on."""

from __future__ import annotations

from typing import TypeVar

import torch
from pydantic import BaseModel

from gdl_core.contracts import Model
from gdl_core.errors import InputError
from gdl_core.noise import Noise
from gdl_core.processes import place

AnyModel = TypeVar("AnyModel", bound=Model)


def build_model(model_class: type[AnyModel], config: BaseModel, data_shape: tuple[int, ...], noise: Noise) -> AnyModel:
    """Return a new model on the CPU, its first weights a function of `noise`; torch's own generator is not touched."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(noise.stream("weights").torch_seed())
        return model_class(config, data_shape)


def choose_device(name: str) -> torch.device:
    """Return the device of that name; "auto" is CUDA where there is one, else the CPU.

    Of several processes that torchrun started on a machine, each takes one of its GPUs, unless the name says which.

    Raises:
        InputError: there is no such device on this machine.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    here = place()
    if name == "cuda" and here is not None and torch.cuda.is_available():
        torch.cuda.set_device(here % torch.cuda.device_count())
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"device '{name}' cannot be used on this machine ({reason}); try 'auto' or 'cpu'") from error
    return device
