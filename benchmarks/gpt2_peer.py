"""A tiny GPT-2 made and saved by transformers, read by `gpt`: the largest difference of logits, and of texts.

    pip install transformers
    python benchmarks/gpt2_peer.py

The weights are random and large, so that what is wrong would show. Exit status: 1 if logits differ by more than 1e-5.
"""

from __future__ import annotations

import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from gdl_core.noise import Noise
from gdl_text.gpt2 import read_gpt2
from gdl_text.tokens import Pieces

MOST = 1e-5


def main() -> int:
    torch.manual_seed(1)
    pieces = Pieces.of(["to be or not to be, that is the question"] * 20, 300)
    sizes = {"n_layer": 3, "n_head": 4, "n_embd": 48, "n_positions": 64}
    ends = {"eos_token_id": 0, "bos_token_id": 0}
    theirs = GPT2LMHeadModel(GPT2Config(vocab_size=pieces.size, initializer_range=0.2, **ends, **sizes))
    with tempfile.TemporaryDirectory() as folder:
        theirs.eval().save_pretrained(folder)
        (Path(folder) / "tokenizer.json").write_text(pieces.json)
        saved = sorted(path.name for path in Path(folder).iterdir())
        told = json.loads((Path(folder) / "config.json").read_text())["model_type"]
        ours = read_gpt2(Path(folder))
    codes = torch.randint(0, pieces.size, (4, 64))
    with torch.no_grad():
        wanted, found = theirs(codes).logits, ours.network(codes)
        cache = ours.network.remember()
        piecewise = torch.cat([ours.network(code, cache) for code in codes.split(1, dim=1)], dim=1)
        greedy = theirs.generate(codes[:, :8], max_new_tokens=40, do_sample=False, pad_token_id=0)[:, 8:]
    mine = ours.go_on(codes[:, :8], greedy.shape[1], Noise(0), temperature=0)
    away, memorised = ((wanted - other).abs().max().item() for other in (found, piecewise))
    print(f"transformers {version('transformers')}, torch {torch.__version__}: {told}, {', '.join(saved)}")
    print(f"logits up to {wanted.abs().max():.3g}; largest difference {away:.2g}, piece by piece {memorised:.2g}")
    print(f"40 pieces that are each the likeliest: {int((mine == greedy).sum())} of {greedy.numel()} the same")
    return int(max(away, memorised) > MOST)


if __name__ == "__main__":
    sys.exit(main())
