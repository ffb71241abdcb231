"""The suffix and the kind choose the format, and what cannot be written is told before the work."""

from __future__ import annotations

from pathlib import Path

import pytest
from media.values import FORMATS

from gdl_core import builtin, media
from gdl_core.errors import MediaError, MissingExtraError
from gdl_core.specs import load_target


@pytest.mark.parametrize(
    ("kind", "path", "message"),
    [
        ("image", "a.pgn", "no format is called '.pgn'; did you mean '.png'"),
        ("image", "a", "'a' has no suffix"),
        ("frames", "a.csv", "frames cannot be saved as .csv; frames can be saved as"),
        ("vector", "a.png", "can be saved as .npz, .safetensors"),
        ("table", "t-{i}.csv", "one file for each picture"),
        ("notes", "a.mid", "no format takes notes"),
    ],
)
def test_what_cannot_be_written(kind: str, path: str, message: str) -> None:
    with pytest.raises(MediaError) as error:
        media.can_write(kind, path, FORMATS)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_suffixes_in_capitals_are_known() -> None:
    assert media.can_write("image", "A.PNG", FORMATS).name == "png"


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gdl_core.media.extras.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'gdl-toolkit\[video\]'"):
        media.can_write("frames", "a.mp4", FORMATS)


def test_reading_an_unknown_suffix(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"no format reads 'a\.xyz'"):
        media.read(tmp_path / "a.xyz", FORMATS)


def test_every_builtin_names_code_that_is_there() -> None:
    for spec in builtin.gdl_formats():
        for target in (spec.write, spec.read, spec.read_record):
            assert not target or callable(load_target(target)), spec.name
    for step in builtin.gdl_steps():
        assert callable(load_target(step.target)), step.name
        assert load_target(step.arguments).__doc__, step.name
    for measure in builtin.gdl_measures():
        assert callable(load_target(measure.target)), measure.name
