"""GPT-2 from a folder in the layout of Hugging Face: config.json, model.safetensors and its pieces of words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from gdl_core.errors import DataError, MissingExtraError
from gdl_text.config import GPTConfig
from gdl_text.gpt import GPT
from gdl_text.tokens import Pieces

WEIGHTS = "model.safetensors"
_END = 50_256  # the code of the end where config.json says nothing of it
_TANH = ("gelu_new", "gelu_pytorch_tanh")
_PLAIN = {"scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False, "reorder_and_upcast_attn": False,
          "tie_word_embeddings": True, "add_cross_attention": False, "layer_norm_epsilon": 1e-5}  # fmt: skip
"""Settings of GPT-2 as it was published; others are other networks."""

_PARTS = (
    ("ln_1", "first", False), ("attn.c_attn", "attention.inward", True), ("attn.c_proj", "attention.outward", True),
    ("ln_2", "second", False), ("mlp.c_fc", "perceptron.inward", True), ("mlp.c_proj", "perceptron.outward", True),
)  # fmt: skip
"""Of each block: its name there and here, and whether the matrix stands the other way round."""


def read_gpt2(folder: Path) -> GPT:
    """Return the model that a folder holds.

    Raises:
        DataError: a file is missing or damaged, or it is another network. MissingExtraError: tokenizers is not there.
    """
    told = _json(folder, "config.json")
    if told.get("model_type") != "gpt2":
        raise DataError(f"{folder.name}: config.json tells of a '{told.get('model_type')}', gpt takes a gpt2 alone")
    for name, value in _PLAIN.items():
        if told.get(name, value) != value:
            raise DataError(f"{folder.name}: its {name} is {told[name]}, but gpt knows {value} alone")
    if told.get("activation_function", "gelu_new") not in _TANH:
        raise DataError(f"{folder.name}: its perceptrons use {told['activation_function']}, gpt knows gelu_new alone")
    sizes: dict[str, Any] = {
        name: told.get(name) for name in ("n_layer", "n_head", "n_embd", "n_positions", "vocab_size")
    }
    sizes["eos_token_id"] = told.get("eos_token_id", _END)
    for name, size in sizes.items():
        if not isinstance(size, int) or size < (name != "eos_token_id"):
            raise DataError(f"{folder.name}: config.json says {name} {size}, which should be a whole number")
    pieces = read_pieces(folder, sizes["eos_token_id"])
    if pieces.size != sizes["vocab_size"]:
        raise DataError(f"{folder.name}: {pieces.size} pieces, but the network knows {sizes['vocab_size']}")
    try:
        config = GPTConfig.model_validate(
            {
                "layers": sizes["n_layer"], "heads": sizes["n_head"], "width": sizes["n_embd"],
                "inner": told.get("n_inner") or 0, "positions": "learned", "norm": "layer", "perceptron": "gelu",
                "bias": True, "tokens": pieces.told(),
            }
        )  # fmt: skip
    except ValidationError as error:
        fault = error.errors()[0]
        raise DataError(f"{folder.name}: config.json describes no GPT-2 ({fault['msg']})") from None
    weights = _weights(folder)
    wanted = {"wte.weight": (pieces.size, config.width), "wpe.weight": (sizes["n_positions"], config.width)}
    for name, shape in wanted.items():  # before memory is taken for what the settings claim
        if name not in weights or tuple(weights[name].shape) != shape:
            found = tuple(weights[name].shape) if name in weights else "not there"
            raise DataError(f"{folder.name}: {name} is {found}, but config.json says {shape}")
    if f"h.{config.layers - 1}.ln_1.weight" not in weights:
        raise DataError(f"{folder.name}: {WEIGHTS} has no h.{config.layers - 1}.ln_1.weight")
    model = GPT(config, (sizes["n_positions"],))
    model.load_state_dict(_renamed(weights, model.state_dict(), folder.name))
    return model.eval()


def read_pieces(folder: Path, end: int) -> Pieces:
    """Return the pieces of words of a folder: tokenizer.json, or vocab.json and merges.txt."""
    whole = folder / "tokenizer.json"
    if whole.is_file():
        try:
            return Pieces(whole.read_text(encoding="utf-8"), end)
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{folder.name}: tokenizer.json cannot be read ({error})") from None
    if find_spec("tokenizers") is None:
        raise MissingExtraError("cutting texts into pieces (BPE)", "text")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    for name in ("vocab.json", "merges.txt"):
        if not (folder / name).is_file():
            raise DataError(f"{folder.name} has no {name}, and no tokenizer.json either")
    try:
        pieces = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    except Exception as error:  # the library raises plain ones
        raise DataError(f"{folder.name}: vocab.json and merges.txt cannot be read ({error})") from error
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    return Pieces(pieces.to_str(), end)


def _json(folder: Path, name: str) -> Mapping[str, Any]:
    try:
        found = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise DataError(f"{folder.name}: {name} cannot be read ({error})") from None
    if not isinstance(found, dict):
        raise DataError(f"{folder.name}: {name} holds no settings")
    return found


def _weights(folder: Path) -> dict[str, Tensor]:
    path = folder / WEIGHTS
    if not path.is_file():
        other = "; the .bin there is a pickle, which may run code: save it as safetensors" * (
            (folder / "pytorch_model.bin").is_file()
        )
        raise DataError(f"{folder.name} has no {WEIGHTS}{other}")
    try:
        found = load_file(path)
    except (SafetensorError, OSError) as error:
        raise DataError(f"{folder.name}: {WEIGHTS} is damaged ({error})") from None
    return {name.removeprefix("transformer."): tensor.float() for name, tensor in found.items()}


def _renamed(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor], place: str) -> dict[str, Tensor]:
    """Return the weights under the names that they have here."""
    names = {"wte.weight": ("network.embedding.weight", False), "wpe.weight": ("network.places.weight", False),
             "ln_f.weight": ("network.last.weight", False), "ln_f.bias": ("network.last.bias", False)}  # fmt: skip
    for layer in range(sum(name.endswith("first.weight") for name in wanted)):
        for theirs, ours, turned in _PARTS:
            for kind in ("weight", "bias"):
                name = f"network.blocks.{layer}.{ours}.{kind}"
                names[f"h.{layer}.{theirs}.{kind}"] = (name, turned and kind == "weight")
    found = {}
    for theirs, (ours, turned) in names.items():
        if theirs not in given:
            raise DataError(f"{place}: {WEIGHTS} has no {theirs}")
        tensor = given[theirs].t() if turned else given[theirs]
        if tensor.shape != wanted[ours].shape:
            shapes = f"{tuple(tensor.shape)}, but config.json says {tuple(wanted[ours].shape)}"
            raise DataError(f"{place}: {theirs} is {shapes}")
        if not bool(torch.isfinite(tensor).all()):
            raise DataError(f"{place}: {theirs} holds numbers that are not finite")
        found[ours] = tensor.contiguous()
    return found
