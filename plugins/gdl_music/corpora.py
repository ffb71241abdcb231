"""Chorales and tunes of music21's corpus."""

from __future__ import annotations

from gdl_core.data.building import BuildContext
from gdl_core.data.dataset import Dataset
from gdl_music import corpus
from gdl_music.config import ChoralesConfig, TunesConfig
from gdl_music.pieces import samples

VOICES = ("soprano", "alto", "tenor", "bass")
_ORGAN = 19  # church organ, counted from 0
_FLUTE = 73


def build_chorales(config: ChoralesConfig, context: BuildContext) -> Dataset:
    """Return bars of chorales, int16 (n, 4, steps); columns mode, tonic, density, range and piece.

    Raises:
        MissingExtraError: music21 is not installed. DataError: no chorale is long enough.
    """
    return samples(
        "chorales", corpus.chorales(context), VOICES, [_ORGAN] * 4, context, tempo=84.0, **config.model_dump()
    )


def build_tunes(config: TunesConfig, context: BuildContext) -> Dataset:
    """Return bars of tunes, int16 (n, 1, steps); columns mode, tonic, density, range and piece.

    Raises:
        MissingExtraError: music21 is not installed. DataError: no tune is long enough.
    """
    return samples("tunes", corpus.tunes(context), ("melody",), [_FLUTE], context, tempo=112.0, **config.model_dump())
