"""Writing with a key-value cache beside reading all again for every piece: the times, and how far logits are apart.

    python benchmarks/writing.py
    python benchmarks/writing.py --length 1024 --rows 8

A transformer of `gpt`'s default size with random weights; one thread. Both ways write the likeliest pieces. Told are
the times of a whole text of this length, and of a piece at the end of one.
Exit status: 1 if logits differ by more than a ten-thousandth of the largest, or the texts at all.
"""

from __future__ import annotations

import argparse
import sys
import time

import torch

from gdl_core.networks.transformer import Shape, Transformer
from gdl_core.networks.writing import write
from gdl_core.noise import Noise

MOST = 1e-4  # of the largest logit
LAST = 32
"""Pieces at the end that are timed by themselves."""


@torch.no_grad()
def plainly(network: Transformer, begun: torch.Tensor, pieces: int) -> torch.Tensor:
    """Write the likeliest pieces, with a pass over all that was written for each."""
    codes = begun
    for _ in range(pieces):
        codes = torch.cat((codes, network(codes)[:, -1:].argmax(2)), dim=1)
    return codes[:, begun.shape[1] :]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--rows", type=int, default=1, help="texts at once")
    parser.add_argument("--size", type=int, default=2048, help="of the alphabet")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    network = Transformer(Shape(arguments.size, arguments.length, layers=6, heads=6, width=192)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3.0)  # random weights of the usual size say nearly the same of all pieces
    begun = torch.randint(0, arguments.size, (arguments.rows, 1))
    pieces = arguments.length - 1
    with torch.no_grad():
        codes = torch.randint(0, arguments.size, (arguments.rows, arguments.length))
        cache = network.remember()
        piecewise = torch.cat([network(code, cache) for code in codes.split(1, dim=1)], dim=1)
        whole = network(codes)
    away = (piecewise - whole).abs().max().item()
    write(network, begun, 16, Noise(0), temperature=0)
    times, texts, lasts = [], [], []
    ways = (
        lambda codes, n: write(network, codes, n, Noise(0), temperature=0),
        lambda codes, n: plainly(network, codes, n),
    )
    for way in ways:
        started = time.process_time()
        texts.append(way(begun, pieces))
        times.append(time.process_time() - started)
        all_but = torch.cat((begun, texts[0][:, : pieces - LAST]), dim=1)
        spent = []
        for n in (1, LAST):  # the first reads all that is there, with the cache too
            started = time.process_time()
            way(all_but, n)
            spent.append(time.process_time() - started)
        lasts.append((spent[1] - spent[0]) / (LAST - 1))
    same = (texts[0] == texts[1]).float().mean().item()
    print(f"torch {torch.__version__}, 6 layers of 192, {arguments.size} pieces, length {arguments.length}, "
          f"{arguments.rows} texts at once, one thread")  # fmt: skip
    print(f"logits up to {whole.abs().max():.3g}, largest difference {away:.2g}; {same:.1%} of the pieces the same")
    print(f"the whole text: with the cache {times[0]:.2f} s, without {times[1]:.2f} s: "
          f"{times[1] / times[0]:.1f} times as fast")  # fmt: skip
    print(f"a piece at its end: with the cache {lasts[0] * 1e3:.2f} ms, without {lasts[1] * 1e3:.2f} ms: "
          f"{lasts[1] / lasts[0]:.1f} times as fast")  # fmt: skip
    return int(away > MOST * whole.abs().max().item() or same < 1)


if __name__ == "__main__":
    sys.exit(main())
