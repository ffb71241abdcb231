"""Texts come back exactly, whatever is in them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from media.values import FORMATS

from gdl_core import media
from gdl_core.errors import MediaError
from gdl_core.values import Text

_pieces = st.text(
    st.one_of(st.sampled_from("ab \n\f\r\t\u2028"), st.characters(exclude_categories=("Cs",))), max_size=12
)


@given(st.lists(_pieces, min_size=1, max_size=4))
def test_texts_come_back(samples: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.txt"
        if any("\n\f\n" in f"\n{sample}\n" for sample in samples):
            with pytest.raises(MediaError, match="form feed"):
                media.write(Text(tuple(samples)), path, None, FORMATS)
        else:
            media.write(Text(tuple(samples)), path, None, FORMATS)
            assert media.read(path, FORMATS) == Text(tuple(samples))


def test_each_in_a_file(tmp_path: Path) -> None:
    files = media.write(Text(("one", "two\nlines")), tmp_path / "t-{i}.txt", {"step": "a"}, FORMATS)
    assert [file.name for file in files] == ["t-0.txt", "t-0.txt.gdl.json", "t-1.txt", "t-1.txt.gdl.json"]
    assert (tmp_path / "t-1.txt").read_text() == "two\nlines\n"
    record = media.read_record(tmp_path / "t-1.txt", FORMATS)
    assert record is not None
    assert record["item"] == 1


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"ab\xff")
    with pytest.raises(MediaError, match=r"a.txt is not UTF-8 text \(byte 2\)"):
        media.read(tmp_path / "a.txt", FORMATS)
    with pytest.raises(MediaError, match="no text"):
        media.write(Text(()), tmp_path / "b.txt", None, FORMATS)
