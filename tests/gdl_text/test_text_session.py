"""A model of texts embedded: strings in, strings out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from text_toys import described, gpt, text_vae

from gdl_core.errors import DataError, InputError
from gdl_core.session import Session


def test_texts_are_strings() -> None:
    session = Session(described(text_vae(), "text/text_vae"), "cpu")
    texts = session.sample(5, seed=2)
    assert texts.shape == (5,)
    assert all(isinstance(text, str) for text in texts)
    assert session.sample(2, seed=2, start=3).tolist() == texts[3:].tolist()
    one, both = session.encode("a bad egg"), session.encode(["a bad egg", "feed"])
    assert one.shape == (3,)
    assert np.array_equal(both[0], one)
    assert session.decode(one, exact=True) == session.reconstruct("a bad egg")
    way = session.morph("a bad egg", "feed", frames=4)
    assert way.tolist()[::3] == session.reconstruct(["a bad egg", "feed"]).tolist()
    moved = session.apply(["a bad egg", "feed"], np.zeros(3, np.float32), [0.0, 1.0])
    assert moved.shape == (2, 2)
    with pytest.raises(InputError, match="give it strings"):
        session.encode(np.zeros((1, 12), np.float32))
    with pytest.raises(DataError, match="no more than 12 fit"):
        session.encode("a bad egg " * 3)


def test_a_text_keeps_what_stands_at_its_ends() -> None:
    session = Session(described(gpt(), "text/gpt"), "cpu")
    assert {type(text) for text in session.sample(3)} == {str}
    assert session._shown(torch.tensor([[1.0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]])).tolist() == [" a "]
