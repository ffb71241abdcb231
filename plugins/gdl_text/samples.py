"""Rows of codes as models take them."""

from __future__ import annotations

from torch import Tensor

from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError
from gdl_text.form import TextForm
from gdl_text.tokens import Tokens


def in_texts(codes: Tensor, end: int) -> Tensor:
    """Return where rows of codes say something, bool (batch, length): up to the first end, that one included."""
    ends = codes == end
    return (ends.cumsum(1) - ends.long()) == 0


def tokens_of(dataset: Dataset) -> Tokens:
    """Return what the texts of a dataset are cut into.

    Raises:
        DataError: it holds no texts.
    """
    if not isinstance(dataset.form, TextForm):
        raise DataError(f"{dataset.name} holds no texts; learn from text, shakespeare or verses")
    return dataset.form.tokens
