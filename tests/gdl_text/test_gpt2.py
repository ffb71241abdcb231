"""A GPT-2 in the layout of Hugging Face, beside its formulas written out; and folders that hold none.

`benchmarks/gpt2_peer.py` compares with the library transformers itself.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from gdl_core.errors import DataError
from gdl_core.noise import Noise
from gdl_core.recipe.check import check_text
from gdl_core.recipe.execute import run_recipe
from gdl_core.registry import get_registry
from gdl_text.gpt2 import read_gpt2
from gdl_text.tokens import Pieces

pytest.importorskip("tokenizers", reason="needs the extra text")

WIDTH, HEADS, LAYERS, PLACES = 12, 3, 2, 9


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(1)
    size = _pieces().size
    shapes = {
        "wte.weight": (size, WIDTH),
        "wpe.weight": (PLACES, WIDTH),
        "ln_f.weight": (WIDTH,),
        "ln_f.bias": (WIDTH,),
    }
    for layer in range(LAYERS):
        for name, shape in {
            "ln_1.weight": (WIDTH,), "ln_1.bias": (WIDTH,), "ln_2.weight": (WIDTH,), "ln_2.bias": (WIDTH,),
            "attn.c_attn.weight": (WIDTH, 3 * WIDTH), "attn.c_attn.bias": (3 * WIDTH,),
            "attn.c_proj.weight": (WIDTH, WIDTH), "attn.c_proj.bias": (WIDTH,),
            "mlp.c_fc.weight": (WIDTH, 4 * WIDTH), "mlp.c_fc.bias": (4 * WIDTH,),
            "mlp.c_proj.weight": (4 * WIDTH, WIDTH), "mlp.c_proj.bias": (WIDTH,),
        }.items():  # fmt: skip
            shapes[f"h.{layer}.{name}"] = shape
    return {name: 0.5 * torch.randn(shape, generator=draw) for name, shape in shapes.items()}


def _pieces() -> Pieces:
    return Pieces.of(["to be or not to be, that is the question"] * 20, 280)


def _folder(place: Path, weights: dict[str, Tensor], **changes: Any) -> Path:
    pieces, folder = _pieces(), place / "mine"
    folder.mkdir()
    told = {"model_type": "gpt2", "n_layer": LAYERS, "n_head": HEADS, "n_embd": WIDTH, "n_positions": PLACES,
            "vocab_size": pieces.size, "eos_token_id": 0, "activation_function": "gelu_new"}  # fmt: skip
    (folder / "config.json").write_text(json.dumps({**told, **changes}))
    (folder / "tokenizer.json").write_text(pieces.json)
    save_file(weights, folder / "model.safetensors")
    return folder


def _norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    x = x - x.mean(-1, keepdim=True)
    return x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight + bias


def _plainly(w: dict[str, Tensor], codes: Tensor) -> Tensor:
    """The logits of one text, by the formulas of GPT-2."""
    x = w["wte.weight"][codes] + w["wpe.weight"][: len(codes)]
    for layer in range(LAYERS):
        h = {name.removeprefix(f"h.{layer}."): part for name, part in w.items()}
        inner = _norm(x, h["ln_1.weight"], h["ln_1.bias"]) @ h["attn.c_attn.weight"] + h["attn.c_attn.bias"]
        size, heads = WIDTH // HEADS, []
        for head in range(HEADS):
            query, key, value = (part[:, head * size : (head + 1) * size] for part in inner.split(WIDTH, dim=1))
            scores = (query @ key.T / math.sqrt(size)).masked_fill(torch.ones(len(codes), len(codes)).triu(1) > 0, -1e9)
            heads.append(scores.softmax(1) @ value)
        x = x + torch.cat(heads, 1) @ h["attn.c_proj.weight"] + h["attn.c_proj.bias"]
        inner = _norm(x, h["ln_2.weight"], h["ln_2.bias"]) @ h["mlp.c_fc.weight"] + h["mlp.c_fc.bias"]
        inner = 0.5 * inner * (1 + torch.tanh(math.sqrt(2 / math.pi) * (inner + 0.044715 * inner**3)))
        x = x + inner @ h["mlp.c_proj.weight"] + h["mlp.c_proj.bias"]
    return _norm(x, w["ln_f.weight"], w["ln_f.bias"]) @ w["wte.weight"].T


@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_logits_are_those_of_the_formulas(prefix: str, weights: dict[str, Tensor], tmp_path: Path) -> None:
    named = {f"{prefix}{name}": tensor for name, tensor in weights.items()}
    model = read_gpt2(_folder(tmp_path, named))
    codes = torch.randint(0, _pieces().size, (3, PLACES), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        found = model.network(codes)
    wanted = torch.stack([_plainly(weights, row) for row in codes])
    assert wanted.abs().max() > 3
    assert torch.allclose(found, wanted, atol=1e-5)


def test_pieces_may_be_in_two_files(weights: dict[str, Tensor], tmp_path: Path) -> None:
    folder = _folder(tmp_path, weights)
    told = json.loads((folder / "tokenizer.json").read_text())["model"]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps(told["vocab"]))
    with pytest.raises(DataError, match=r"mine has no merges.txt"):
        read_gpt2(folder)
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(pair) for pair in told["merges"]))
    text = "to be, or not"
    assert read_gpt2(folder).tokens.encode(text) == _pieces().encode(text)
    (folder / "vocab.json").write_text("[]")
    with pytest.raises(DataError, match="cannot be read"):
        read_gpt2(folder)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"model_type": "llama"}, "tells of a 'llama'"),
        ({"activation_function": "relu"}, "its perceptrons use relu"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx is True"),
        ({"n_head": None}, "config.json says n_head None"),
        ({"vocab_size": 999}, "pieces, but the network knows 999"),
        ({"eos_token_id": 5000}, "the end has the code 5000"),
        ({"eos_token_id": [0]}, r"config.json says eos_token_id \[0\]"),
        ({"eos_token_id": None}, "config.json says eos_token_id None"),
        ({"n_head": 5}, "config.json describes no GPT-2"),
        ({"n_inner": "x"}, "config.json describes no GPT-2"),
        ({"n_positions": 10**9}, r"wpe.weight is \(9, 12\), but config.json says \(1000000000, 12\)"),
        ({"n_layer": 3}, "model.safetensors has no h.2.ln_1.weight"),
        ({"n_positions": 4}, r"wpe.weight is \(9, 12\), but config.json says \(4, 12\)"),
    ],
)
def test_another_network_is_refused(
    changes: dict[str, Any], fault: str, weights: dict[str, Tensor], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=fault):
        read_gpt2(_folder(tmp_path, weights, **changes))


def test_damaged_folders_are_refused_in_words(weights: dict[str, Tensor], tmp_path: Path) -> None:
    folder = _folder(tmp_path, {**weights, "ln_f.bias": torch.full((WIDTH,), math.nan)})
    with pytest.raises(DataError, match=r"ln_f.bias holds numbers that are not finite"):
        read_gpt2(folder)
    (folder / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"model.safetensors is damaged"):
        read_gpt2(folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(DataError, match="is a pickle, which may run code: save it as safetensors"):
        read_gpt2(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(DataError, match=r"config.json cannot be read"):
        read_gpt2(folder)


def test_a_recipe_writes_with_it(weights: dict[str, Tensor], tmp_path: Path) -> None:
    folder, registry = _folder(tmp_path, weights), get_registry()
    steps = "{mine: {do: gpt2, path: mine}, told: {do: write, model: $mine, prompt: to be, length: 4, save: told.txt}}"
    run = tmp_path / "run"
    run_recipe(check_text(f"gdl: 1\nseed: 4\nsteps: {steps}", registry, base=tmp_path), run, registry)
    model = read_gpt2(folder)
    noise = Noise(4).stream("step", "told").stream("write")
    begun = torch.tensor([[0, *_pieces().encode("to be")]] * 8)
    wanted = "to be" + model.tokens.decode(model.go_on(begun, 4, noise)[0].tolist())
    assert (run / "told.txt").read_text() == wanted + "\n"
