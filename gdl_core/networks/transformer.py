"""A decoder-only transformer with a key-value cache (Vaswani et al. 2017; Radford et al. 2019)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gdl_core.errors import InputError

_STD = 0.02  # of fresh weights (Radford et al. 2019)
_BASE = 10_000.0  # of the wavelengths of rotary positions (Su et al. 2021, section 3.4.3)


@dataclass(frozen=True)
class Shape:
    """How a transformer is built.

    Attributes:
        size: of the alphabet.
        length: pieces that it looks back over; with learned positions, that it can read.
        layers: blocks of attention and perceptron.
        heads: of attention.
        width: numbers that a piece is put into, an even number for each head.
        inner: units of the perceptrons; 0: as many as make 8 · width² weights.
        positions: rotary (Su et al. 2021) or learned.
        norm: RMSNorm (Zhang & Sennrich 2019) or LayerNorm, before each part of a block.
        perceptron: gated (Shazeer 2020), or as in GPT-2.
        bias: linear layers have one.
        dropout: share of numbers that are dropped while training.
    """

    size: int
    length: int
    layers: int
    heads: int
    width: int
    inner: int = 0
    positions: Literal["rotary", "learned"] = "rotary"
    norm: Literal["rms", "layer"] = "rms"
    perceptron: Literal["swiglu", "gelu"] = "swiglu"
    bias: bool = False
    dropout: float = 0.0


Turn = tuple[Tensor, Tensor]


class Cache:
    """Keys and values of the pieces that were read, for each layer (batch, heads, pieces, size of a head).

    Args:
        layers: of the transformer.
        room: most pieces that are kept.
    """

    def __init__(self, layers: int, room: int) -> None:
        self.room, self.read = room, 0
        self._kept: list[tuple[Tensor, Tensor] | None] = [None] * layers

    @property
    def held(self) -> int:
        """Return how many pieces are kept."""
        return min(self.read, self.room)

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Take keys and values of new pieces in, and return all that are kept; the oldest are forgotten.

        Raises:
            InputError: there are more new ones than there is room for.
        """
        held, new = self.held, key.shape[2]
        if new > self.room or (new > 1 and held + new > self.room):
            raise InputError(f"there is no room for {new} pieces at once beside {held}: {self.room} are kept")
        kept = self._kept[layer]
        if kept is None:
            shape = (*key.shape[:2], self.room, key.shape[3])
            kept = key.new_empty(shape), value.new_empty(shape)
            self._kept[layer] = kept
        over = max(0, held + new - self.room)
        for whole, part in zip(kept, (key, value), strict=True):
            if over:
                whole[:, :, : held - over] = whole[:, :, over:held].clone()
            whole[:, :, held - over : held - over + new] = part
        keys, values = kept
        return keys[:, :, : held - over + new], values[:, :, : held - over + new]


class Transformer(nn.Module):
    """From codes to the logits of what follows each."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.size, shape.width)
        self.places = nn.Embedding(shape.length, shape.width) if shape.positions == "learned" else None
        self.drop = nn.Dropout(shape.dropout)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.last = norm(shape)
        self.apply(_begin)
        for block in self.blocks:  # ways around the blocks add up
            for part in (cast("Any", block).attention.outward, cast("Any", block).perceptron.outward):
                nn.init.normal_(part.weight, std=_STD / math.sqrt(2 * shape.layers))

    def forward(self, codes: Tensor, cache: Cache | None = None, more: Tensor | None = None) -> Tensor:
        """Return the logits of what follows each code, (batch, pieces, size).

        Args:
            codes: int64 (batch, pieces).
            cache: what was read before; it takes these in. None: nothing was, and nothing is kept.
            more: what is known of each piece besides, (batch, pieces, width), or the same for all of the batch.

        Raises:
            InputError: positions were learned for fewer pieces, or there is no room for so many at once.
        """
        start, pieces = 0 if cache is None else cache.read, codes.shape[1]
        x = self.embedding(codes)
        turn = None
        if self.places is not None:
            if start + pieces > self.shape.length:
                raise InputError(f"this model has learned {self.shape.length} positions and reads no more pieces")
            x = x + self.places(torch.arange(start, start + pieces, device=codes.device))
        else:
            turn = turns(start, pieces, self.shape.width // self.shape.heads, x)
        if more is not None:
            x = x + more
        x = self.drop(x)
        for layer, block in enumerate(self.blocks):
            x = block(x, turn, cache, layer)
        if cache is not None:
            cache.read += pieces
        return F.linear(self.last(x), self.embedding.weight)

    def remember(self) -> Cache:
        """Return a cache of nothing, with room for as many pieces as it looks back over."""
        return Cache(self.shape.layers, self.shape.length)


class Block(nn.Module):
    """Attention to what came before, then a perceptron, each beside a way around it."""

    def __init__(self, config: Shape) -> None:
        super().__init__()
        self.first, self.second = norm(config), norm(config)
        self.attention, self.perceptron = Attention(config), perceptron(config)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, turn: Turn | None, cache: Cache | None, layer: int) -> Tensor:
        """Return numbers (batch, pieces, width); `turn` has what rotary positions turn by."""
        x = x + self.drop(self.attention(self.first(x), turn, cache, layer))
        return cast("Tensor", x + self.drop(self.perceptron(self.second(x))))


class Attention(nn.Module):
    """Causal self-attention, without dropout of its own, for which torch would leave its fused kernel."""

    def __init__(self, config: Shape) -> None:
        super().__init__()
        self.heads = config.heads
        self.inward = nn.Linear(config.width, 3 * config.width, bias=config.bias)
        self.outward = nn.Linear(config.width, config.width, bias=config.bias)

    def forward(self, x: Tensor, turn: Turn | None, cache: Cache | None, layer: int) -> Tensor:
        """Return what each piece takes from those before it and from itself."""
        batch, pieces, width = x.shape
        query, key, value = (
            part.reshape(batch, pieces, self.heads, -1).transpose(1, 2) for part in self.inward(x).split(width, dim=2)
        )  # each (batch, heads, pieces, size)
        if turn is not None:
            query, key = _turned(query, turn), _turned(key, turn)
        causal, mask = True, None
        if cache is not None:
            key, value = cache.extend(layer, key, value)
            causal = key.shape[2] == pieces
            if not causal and pieces > 1:
                mask = torch.ones(pieces, key.shape[2], dtype=torch.bool, device=x.device).tril(key.shape[2] - pieces)
        seen = F.scaled_dot_product_attention(query, key, value, mask, is_causal=causal and pieces > 1)
        out: Tensor = self.outward(seen.transpose(1, 2).reshape(batch, pieces, width))
        return out


class SwiGLU(nn.Module):
    """A perceptron whose units are gated (Shazeer 2020)."""

    def __init__(self, width: int, inner: int, bias: bool) -> None:
        super().__init__()
        self.inward = nn.Linear(width, 2 * inner, bias=bias)
        self.outward = nn.Linear(inner, width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return numbers (batch, pieces, width)."""
        gate, units = self.inward(x).chunk(2, dim=2)
        out: Tensor = self.outward(F.silu(gate) * units)
        return out


class GELU(nn.Module):
    """The perceptron of GPT-2, with the tanh form of GELU (Hendrycks & Gimpel 2016)."""

    def __init__(self, width: int, inner: int, bias: bool) -> None:
        super().__init__()
        self.inward = nn.Linear(width, inner, bias=bias)
        self.outward = nn.Linear(inner, width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return numbers (batch, pieces, width)."""
        out: Tensor = self.outward(F.gelu(self.inward(x), approximate="tanh"))
        return out


def norm(config: Shape) -> nn.Module:
    """Return a normalisation of the last dimension."""
    return nn.RMSNorm(config.width) if config.norm == "rms" else nn.LayerNorm(config.width)


def perceptron(config: Shape) -> nn.Module:
    """Return the perceptron of a block."""
    width = config.width
    if config.perceptron == "gelu":
        return GELU(width, config.inner or 4 * width, config.bias)
    return SwiGLU(width, config.inner or -(-8 * width // 24) * 8, config.bias)


def turns(start: int, pieces: int, size: int, like: Tensor) -> Turn:
    """Return by how much pairs of numbers turn at positions from `start` on, cosine and sine, each (pieces, size)."""
    speeds = _BASE ** (-torch.arange(0, size, 2, device=like.device, dtype=torch.float32) / size)
    angles = torch.arange(start, start + pieces, device=like.device, dtype=torch.float32)[:, None] * speeds
    cosine, sine = angles.cos().to(like.dtype), angles.sin().to(like.dtype)
    return torch.cat((cosine, cosine), dim=1), torch.cat((-sine, sine), dim=1)


def _turned(x: Tensor, turn: Turn) -> Tensor:
    """Return vectors (…, pieces, size) whose pairs are turned: number i with number i + size / 2."""
    left, right = x.chunk(2, dim=-1)
    return x * turn[0] + torch.cat((right, left), dim=-1) * turn[1]


def _begin(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=_STD)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
