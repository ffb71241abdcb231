"""Texts as codes and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdl_core.errors import DataError
from gdl_core.values import Text
from gdl_text.form import TextForm
from gdl_text.steps.aloud import Aloud
from gdl_text.tokens import Characters, Pieces, Tokens, read_tokens

ENGLISH = ["to be or not to be, that is the question", "whether 'tis nobler in the mind to suffer"] * 20


@given(st.text(min_size=1, max_size=40))
def test_letters_come_back(text: str) -> None:
    tokens = Characters.of([text])
    codes = tokens.encode(text)
    assert len(codes) == len(text)
    assert 0 not in codes
    assert max(codes) < tokens.size
    assert tokens.decode([*codes, tokens.end, 1]) == text
    assert read_tokens(tokens.told()).encode(text) == codes


def test_pieces_come_back_and_are_fewer_than_letters() -> None:
    pytest.importorskip("tokenizers")
    tokens = Pieces.of(ENGLISH, 300)
    assert tokens.size == 300
    for text in (ENGLISH[0], "Zürich, naïve 東京 \n  two  blanks"):  # no letter is unknown to bytes
        codes = tokens.encode(text)
        assert tokens.end not in codes
        assert tokens.decode([*codes, tokens.end, 5]) == text
        assert read_tokens(tokens.told()).encode(text) == codes
    assert len(tokens.encode(ENGLISH[0])) < len(ENGLISH[0]) / 2


def test_the_end_written_out_is_text_and_no_end() -> None:
    pytest.importorskip("tokenizers")
    tokens = Pieces.of(ENGLISH, 300)
    codes = tokens.encode("a <|end|> b")
    assert tokens.end not in codes
    assert tokens.decode(codes) == "a <|end|> b"


def test_unknown_letters_are_named() -> None:
    with pytest.raises(DataError, match="'x' 'z': no such letter was there to learn from"):
        Characters("ab").encode("abzx")


@pytest.mark.parametrize(
    "told", [{}, {"kind": "bpe", "json": 3, "end": 0}, {"kind": "letters"}, {"kind": "characters", "letters": None}]
)
def test_settings_that_say_nothing_are_refused(told: dict[str, object]) -> None:
    with pytest.raises(DataError, match="damaged"):
        read_tokens(told)


def test_pieces_that_are_none_are_refused() -> None:
    pytest.importorskip("tokenizers")
    with pytest.raises(DataError, match="only a byte-level BPE is read"):
        read_tokens({"kind": "bpe", "json": "{}", "end": 0})
    good = Pieces.of(ENGLISH, 300)
    with pytest.raises(DataError, match=f"the end has the code {good.size}"):
        Pieces(good.json, good.size)


def test_pieces_do_what_gpt2s_do_and_nothing_besides() -> None:
    pytest.importorskip("tokenizers")
    good = Pieces.of(ENGLISH, 300)
    told = json.loads(good.json)
    told["truncation"] = {"max_length": 3, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    told["padding"] = {"strategy": {"Fixed": 10}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
                       "pad_type_id": 0, "pad_token": "<|end|>"}  # fmt: skip
    assert Pieces(json.dumps(told), 0).encode(ENGLISH[0]) == good.encode(ENGLISH[0])
    swelling = {"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaaaa"}
    for name, part in (("normalizer", swelling), ("pre_tokenizer", {"type": "Whitespace"}), ("decoder", None)):
        with pytest.raises(DataError, match=f"only a byte-level BPE is read, as GPT-2 has it; the {name}"):
            Pieces(json.dumps({**json.loads(good.json), name: part}), 0)
    holes = json.loads(good.json)
    last = max(holes["model"]["vocab"], key=holes["model"]["vocab"].get)
    holes["model"]["vocab"][last] = 1_000_000
    with pytest.raises(DataError, match="are not 0 to"):
        Pieces(json.dumps(holes), 0)


def test_texts_that_are_given_are_read_as_those_that_were_learned() -> None:
    form = TextForm(Characters("\nabü"), 6)
    assert form.show(form.read(Text(("\ufeffau\u0308\r\nb\r",)))).samples == ("aü\nb\n",)


@pytest.mark.parametrize("tokens", [Characters("abc ")])
def test_a_form_fills_up_with_ends(tokens: Tokens) -> None:
    form = TextForm(tokens, 6)
    rows = form.read(Text(("ab", "", "cab ab")))
    assert rows.dtype == np.float32
    assert (rows[0, 2:] == 0).all()
    assert form.show(rows).samples == ("ab", "", "cab ab")
    with pytest.raises(DataError, match="7 pieces long, but no more than 6 fit"):
        form.read(Text(("abcabca",)))
    both = form.beside([form.show(rows), form.show(rows[::-1])], ["one", "other"])
    assert both.samples[0] == "one: ab\nother: cab ab"


def test_a_text_said_aloud_is_the_text() -> None:
    pytest.importorskip("tokenizers")
    tokens, text = Pieces.of(ENGLISH, 300), "to be: Zürich, 東京 🙂 or not"
    said: list[str] = []
    aloud = Aloud(tokens, said.append)
    for code in (*tokens.encode(text), tokens.end):
        aloud(code)
    assert "".join(said) == text
    assert len(said) > 15
    assert not any("\ufffd" in piece for piece in said)
    half = tokens.encode("🙂")[:2]
    for code in half * 6:
        aloud(code)
    assert len("".join(said)) > len(text), "bytes that never become a letter are not waited for"
