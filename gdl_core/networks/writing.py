"""Writing with a transformer, piece by piece."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from gdl_core.networks.choice import choose
from gdl_core.networks.transformer import Transformer
from gdl_core.noise import Noise


@torch.no_grad()
def write(
    network: Transformer,
    begun: Tensor,
    pieces: int,
    noise: Noise,
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    end: int | None = None,
    given: Tensor | None = None,
    more: Callable[[int, int], Tensor] | None = None,
    allowed: Callable[[int], Tensor] | None = None,
    tell: Callable[[Tensor], None] = lambda codes: None,
    unit: int = 1,
) -> Tensor:
    """Return codes that follow beginnings, int64 (batch, pieces).

    A row depends on its own beginning and noise alone, and a longer one begins as a shorter one does. What is longer
    than the network's window is written in windows that begin as those of the training do: the first code of `begun`,
    then the last three quarters of what there is. Without it attention has lost what it leans upon (Xiao et al. 2023,
    arXiv:2309.17453).

    Args:
        network: says how probable each piece is.
        begun: int64 (batch, codes), at least one: what a sample begins with, then its first pieces.
        pieces: how many to add.
        noise: row i belongs to row i.
        temperature, top_k, top_p: see `choose`.
        end: the code behind which there is nothing but itself; None: there is none.
        given: int64 (batch, pieces), what some pieces have to be; below 0 where they are free.
        more: called as more(start, n), what is known besides of n pieces from `start` on, (n, width); the first of
            `begun` is 0.
        allowed: called with the number of an added piece, which codes it may be, bool (size,).
        tell: told each new piece, (batch,); it may raise.
        unit: windows begin at multiples of so many pieces, where a window holds so many.
    """
    room, first = network.shape.length, begun.shape[1]
    cache, start, now = network.remember(), 0, begun
    whole = F.pad(begun, (0, pieces), value=0 if end is None else end)
    over = torch.zeros(len(begun), dtype=torch.bool, device=begun.device)
    for place in range(pieces):
        codes = first + place
        if cache.read + now.shape[1] > room:
            start = _window(codes, room, unit)
            cache, now = network.remember(), torch.cat((begun[:, :1], whole[:, start + 1 : codes]), dim=1)
        known = None if more is None else more(start, now.shape[1])
        logits = network(now, cache, known)[:, -1].float()
        start += now.shape[1]
        if allowed is not None:
            logits = logits.masked_fill(~allowed(place).to(logits.device), -torch.inf)
        if temperature == 0.0:
            code = logits.argmax(1)
        else:
            chance = noise.stream("piece", place).at(noise.start).uniform(len(begun), (1,))[:, 0].to(logits)
            code = choose(logits, chance, temperature, top_k, top_p)
        if given is not None:
            code = torch.where(given[:, place] >= 0, given[:, place], code)
        if end is not None:
            code = code.masked_fill(over, end)
            over = over | (code == end)
        tell(code)
        whole[:, codes] = code
        if end is not None and bool(over.all()):
            break
        now = code[:, None]
    return whole[:, first:].contiguous()


def _window(codes: int, room: int, unit: int) -> int:
    """Return where a window begins that goes on after so many codes, the first of which belongs to every window."""
    least = codes - 1 - 3 * room // 4
    start = -(-least // unit) * unit
    if start >= codes:
        start -= unit  # the next is not reached yet; since this one there are no more than a unit
    return start if codes - start <= room else least  # a unit may be longer than a window
