"""Named, counter-based streams of normal noise from one seed.

A number is a function of (seed, stream names, row, position) and of nothing else: row 5 of a stream is the same drawn
alone, in any batch, on any number of threads or machines. The bits come from `gdl_core.kernels.randn`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from math import erfc, prod, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_WORD = 1 << 64
_SQRT_HALF = sqrt(0.5)
_BELOW_ONE = 1.0 - 2.0**-24


@dataclass(frozen=True)
class Noise:
    """A stream of noise. Make children with `stream`, move along the rows with `at`.

    >>> noise = Noise(7).stream("sample")
    >>> bool((noise.normal(6, (2,))[5] == noise.at(5).normal(1, (2,))[0]).all())
    True
    """

    seed: int
    names: tuple[str, ...] = ()
    start: int = 0

    def stream(self, *names: str | int) -> Noise:
        """Return the child stream of these names, beginning at row 0; streams of different names are independent."""
        return replace(self, names=(*self.names, *(str(name) for name in names)), start=0)

    def at(self, row: int) -> Noise:
        """Return this stream with `row` rows passed over (rows count on from where this one begins)."""
        if row < 0:
            raise ValueError(f"a row counts from 0, got {row}")
        return replace(self, start=self.start + row)

    @property
    def key_seed(self) -> int:
        """The 64-bit Philox key of this stream, as a signed integer: a BLAKE2b hash of the seed and the names."""
        digest = hashlib.blake2b(digest_size=8)
        digest.update(str(self.seed).encode())
        for name in self.names:
            digest.update(b"\0" + name.encode())
        word = int.from_bytes(digest.digest(), "little")
        return word - _WORD if word >= _WORD // 2 else word

    def offset(self, columns: int) -> int:
        """Return the Philox counter at which the first row of `columns` numbers begins."""
        return self.start * ((columns + 3) // 4)

    def key(self, columns: int) -> Tensor:
        """Return the int64[2] key (seed, offset) for an op that draws rows of `columns` numbers."""
        from gdl_core.kernels import make_key

        return make_key(self.key_seed, self.offset(columns))

    def normal(
        self,
        rows: int,
        shape: tuple[int, ...],
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        """Draw standard normal numbers of shape (rows, *shape), float32 unless told.

        Row i of the result is row `start + i` of the stream.
        """
        import torch

        from gdl_core.kernels import randn

        flat = randn((rows, prod(shape)), key=self.key(prod(shape)), device=device, dtype=dtype or torch.float32)
        return flat.reshape(rows, *shape)

    def uniform(self, rows: int, shape: tuple[int, ...]) -> Tensor:
        """Draw numbers evenly from [0, 1), float32 (rows, *shape): the normal CDF of `normal`, with the same rows."""
        import torch

        # The scalar erfc gives a number the same bits wherever it stands; vectorised ones differ between body and tail.
        flat = [0.5 * erfc(-number * _SQRT_HALF) for number in self.normal(rows, shape).flatten().tolist()]
        return torch.tensor(flat, dtype=torch.float32).reshape(rows, *shape).clamp_(max=_BELOW_ONE)

    def permutation(self, n: int) -> Tensor:
        """Return a random order of the numbers 0 … n − 1, int64: the sorting order of n normal numbers."""
        return self.normal(1, (n,))[0].argsort(stable=True)

    def torch_seed(self) -> int:
        """Return a seed for torch's own generator, which weight initialisation and dropout use."""
        return self.key_seed % (1 << 63)
