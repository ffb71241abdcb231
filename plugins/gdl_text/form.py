"""Texts as samples: rows of codes that the end fills up. No torch is imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdl_core.errors import DataError
from gdl_core.specs import Kind
from gdl_core.values import Text
from gdl_text.tokens import Tokens, composed

_SHOWN = 40


class TextForm:
    """How rows of codes are read.

    Args:
        tokens: what the codes stand for.
        length: codes in a row.
    """

    kind: Kind = "text"

    def __init__(self, tokens: Tokens, length: int) -> None:
        self.tokens, self.length = tokens, length

    def told(self) -> dict[str, Any]:
        """Return what the codes stand for; how many there are in a sample is its shape."""
        return self.tokens.told()

    def show(self, samples: NDArray[np.float32]) -> Text:
        """Return the text of each row of (n, length)."""
        return Text(tuple(self.tokens.decode(row) for row in samples.astype(np.int64).tolist()))

    def read(self, value: Any) -> NDArray[np.float32]:
        """Return the codes of texts, float32 (n, length), the end behind each.

        Raises:
            DataError: one is too long, or has a letter that has no code.
        """
        texts = [composed(text) for text in value.samples]
        return self.rows([self.tokens.encode(text) for text in texts], texts).astype(np.float32)

    def rows(self, codes: Sequence[Sequence[int]], texts: Sequence[str]) -> NDArray[np.int32]:
        """Return codes of texts as rows of one length, int32 (n, length)."""
        rows = np.full((len(codes), self.length), self.tokens.end, dtype=np.int32)
        for row, (mine, text) in enumerate(zip(codes, texts, strict=True)):
            if len(mine) > self.length:
                raise DataError(
                    f"'{text[:_SHOWN]} …' is {len(mine)} pieces long, but no more than {self.length} fit; shorten it"
                )
            rows[row, : len(mine)] = mine
        return rows

    def beside(self, rows: Sequence[Any], names: Sequence[str]) -> Text:
        """Return texts, each of them the same sample of all rows, line by line with the row's name."""
        samples = zip(*(row.samples for row in rows), strict=True)
        return Text(
            tuple("\n".join(f"{name}: {text}" for name, text in zip(names, sample, strict=True)) for sample in samples)
        )
