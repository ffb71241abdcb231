"""Texts as codes: one for each letter, or for pieces of words that are common (byte-level BPE). No torch is imported.

One code, `end`, stands for the end of a text; it fills what is left of a sample, and is what a model begins with.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Protocol

from gdl_core.errors import DataError, MissingExtraError

END = "<|end|>"
"""How the end is called where codes have names."""

MOST = 1 << 25
"""Letters that the pieces of a BPE may be told in."""

_BYTE_LEVEL = {"model": "BPE", "normalizer": None, "pre_tokenizer": "ByteLevel", "decoder": "ByteLevel"}
_SHOWN = 8
_BROKEN = "\N{REPLACEMENT CHARACTER}"  # what the bytes of a letter are by themselves


class Tokens(Protocol):
    """How texts are cut into pieces, each with a code below `size`; those `inside` may begin within a letter."""

    size: int
    end: int
    inside: frozenset[int]

    def encode(self, text: str) -> list[int]:
        """Return the codes of a text, the end's not among them.

        Raises:
            DataError: it has a letter that has no code.
        """

    def decode(self, codes: Sequence[int]) -> str:
        """Return the text of codes, up to the first end."""

    def told(self) -> dict[str, Any]:
        """Return what `read_tokens` makes it of again: plain JSON."""


class Characters:
    """A code for each letter.

    Args:
        letters: those that there are; their order gives the codes, from 1 on.
    """

    def __init__(self, letters: str) -> None:
        self.letters, self.end, self.size, self.inside = letters, 0, len(letters) + 1, frozenset[int]()
        self._codes = {letter: code for code, letter in enumerate(letters, start=1)}

    @classmethod
    def of(cls, texts: Iterable[str]) -> Characters:
        """Return codes for all letters of these texts."""
        return cls("".join(sorted(set().union(*map(set, texts)))))

    def encode(self, text: str) -> list[int]:
        """Return a code for each letter."""
        try:
            return [self._codes[letter] for letter in text]
        except KeyError:
            strange = sorted(set(text) - self._codes.keys())
            told = " ".join(repr(letter) for letter in strange[:_SHOWN])
            raise DataError(f"{told}: no such letter was there to learn from; leave it out or write another") from None

    def decode(self, codes: Sequence[int]) -> str:
        """Return the letters."""
        return "".join(self.letters[code - 1] for code in _until(codes, self.end))

    def told(self) -> dict[str, Any]:
        """Return the letters."""
        return {"kind": "characters", "letters": self.letters}


class Pieces:
    """A code for each piece of a byte-level BPE (Sennrich et al. 2016; Radford et al. 2019), by the library tokenizers.

    Args:
        told: what the library says of itself.
        end: the code of the end.

    Raises:
        MissingExtraError: the library is not there.
        DataError: it cannot read this.
    """

    def __init__(self, told: str, end: int) -> None:
        if find_spec("tokenizers") is None:
            raise MissingExtraError("cutting texts into pieces (BPE)", "text")
        from tokenizers import Tokenizer

        _check(told)
        try:
            self._pieces = Tokenizer.from_str(told)
        except Exception as error:  # the library raises plain ones
            raise DataError(f"these are no pieces that the library tokenizers can read ({error})") from error
        self._pieces.no_truncation()
        self._pieces.no_padding()
        self._pieces.encode_special_tokens = True  # the name of the end in a text is text
        codes = self._pieces.get_vocab().values()
        self.json, self.end, self.size = told, end, len(codes)
        if sorted(codes) != list(range(self.size)):
            raise DataError(f"the codes of {self.size} pieces are not 0 to {self.size - 1}; the file is damaged")
        if not 0 <= end < self.size:
            raise DataError(f"the end has the code {end}, but there are {self.size} pieces")
        each = self._pieces.decode_batch([[code] for code in range(self.size)], skip_special_tokens=False)
        self.inside = frozenset(code for code, text in enumerate(each) if text.startswith(_BROKEN))

    @classmethod
    def of(cls, texts: Iterable[str], size: int) -> Pieces:
        """Return the `size` pieces, the end among them, that these texts are best cut into."""
        if find_spec("tokenizers") is None:
            raise MissingExtraError("cutting texts into pieces (BPE)", "text")
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

        pieces = Tokenizer(models.BPE())
        pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        pieces.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=[END],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        pieces.train_from_iterator(texts, trainer)
        return cls(pieces.to_str(), 0)

    def encode(self, text: str) -> list[int]:
        """Return a code for each piece."""
        return list(self._pieces.encode(text, add_special_tokens=False).ids)

    def decode(self, codes: Sequence[int]) -> str:
        """Return the pieces in a row."""
        return str(self._pieces.decode(_until(codes, self.end)))

    def told(self) -> dict[str, Any]:
        """Return what the library says of itself."""
        return {"kind": "bpe", "json": self.json, "end": self.end}


def read_tokens(told: Mapping[str, Any]) -> Tokens:
    """Return what `told` of tokens was.

    Raises:
        DataError: it is none of that.
    """
    if told.get("kind") == "characters" and isinstance(told.get("letters"), str):
        return Characters(told["letters"])
    if told.get("kind") == "bpe" and isinstance(told.get("json"), str) and isinstance(told.get("end"), int):
        return Pieces(told["json"], told["end"])
    raise DataError("the settings do not say how texts are cut into pieces; the model file is damaged")


def composed(text: str) -> str:
    """Return a text as texts are learned: in composed letters (NFC), lines ended by a line feed, without a mark.

    >>> composed("\ufeffu\\u0308ber\\r\\nalles\\r")
    'über\\nalles\\n'
    """
    plain = unicodedata.normalize("NFC", text.removeprefix("\ufeff"))
    return plain.replace("\r\n", "\n").replace("\r", "\n")


def _check(told: str) -> None:
    """Check that pieces are a byte-level BPE and nothing besides: a normalizer, say, may do anything to texts.

    Raises:
        DataError: they are more, or too many.
    """
    if len(told) > MOST:
        raise DataError(f"pieces told in more than {MOST >> 20} million letters are not read")
    try:
        parts = json.loads(told)
        kinds = {
            name: (parts.get(name) or {}).get("type") for name in ("model", "normalizer", "pre_tokenizer", "decoder")
        }
    except (ValueError, RecursionError, AttributeError) as error:
        raise DataError(f"these are no pieces that the library tokenizers can read ({error})") from None
    for name, kind in _BYTE_LEVEL.items():
        if kinds[name] != kind:
            raise DataError(f"only a byte-level BPE is read, as GPT-2 has it; the {name} of this one is {kinds[name]}")


def _until(codes: Sequence[int], end: int) -> list[int]:
    whole = [int(code) for code in codes]
    return whole[: whole.index(end)] if end in whole else whole
