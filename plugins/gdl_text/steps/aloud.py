"""A text said aloud while it is written."""

from __future__ import annotations

from collections.abc import Callable

from gdl_text.tokens import Tokens

_HALF = "\ufffd"  # stands for a letter of which bytes are missing
_MOST = 8  # codes that a letter is waited for


class Aloud:
    """Says codes as letters, once a letter is whole: a piece may be a few bytes of one.

    Args:
        tokens: what the codes stand for.
        say: told what there is to say.
    """

    def __init__(self, tokens: Tokens, say: Callable[[str], None]) -> None:
        self.tokens, self._say = tokens, say
        self._codes: list[int] = []

    def say(self, text: str) -> None:
        """Say a text."""
        if text:
            self._say(text)

    def __call__(self, code: int) -> None:
        """Take the next code; of an end nothing is said."""
        if code == self.tokens.end:
            return
        self._codes.append(code)
        text = self.tokens.decode(self._codes)
        if not text.endswith(_HALF) or len(self._codes) >= _MOST:
            self._codes.clear()
            self.say(text)
