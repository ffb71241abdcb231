"""Music: chorales, tunes and MIDI files as grids of notes, models that make such, and files to hear and see them."""

from __future__ import annotations

from collections.abc import Iterable

from gdl_core import DatasetSpec, FormatSpec, MeasureSpec, ModelSpec, StepSpec, hookimpl

GDL_API = 1

_CORPUS = "of the scores in music21: see its corpus/license.txt; some not for commercial use"


@hookimpl
def gdl_datasets() -> Iterable[DatasetSpec]:
    """Offer music."""
    yield DatasetSpec(
        "chorales", "Bach's chorales in four voices, bar after bar; columns mode, tonic, density, range and piece.",
        target="gdl_music.corpora:build_chorales", config="gdl_music.config:ChoralesConfig", extra="music",
        licence=_CORPUS, makes="notes", version=4, packages=("music21",),
    )  # fmt: skip
    yield DatasetSpec(
        "tunes", "Tunes of O'Neill, Ryan and Aird, bar after bar; columns mode, tonic, density, range and piece.",
        target="gdl_music.corpora:build_tunes", config="gdl_music.config:TunesConfig", extra="music",
        licence=_CORPUS, makes="notes", version=4, packages=("music21",),
    )  # fmt: skip
    yield DatasetSpec(
        "midi", "Your own MIDI files, bar after bar; columns density, range and piece.",
        target="gdl_music.midi_files:build", config="gdl_music.config:MidiConfig", extra="music", licence="yours",
        makes="notes", version=4,
    )  # fmt: skip


@hookimpl
def gdl_models() -> Iterable[ModelSpec]:
    """Offer `music_vae`, `music_transformer` and `musegan`."""
    yield ModelSpec(
        "music_vae",
        "A variational autoencoder of tunes: points between two tunes are tunes.",
        target="gdl_music.music_vae:MusicVAE",
        config="gdl_music.config:MusicVAEConfig",
        roles=("trains", "samples", "encodes", "decodes", "scores"),
        source="Roberts et al. 2018, arXiv:1803.05428",
        makes="notes",
    )
    yield ModelSpec(
        "music_transformer",
        "A transformer that writes all voices step by step, and harmonises a voice that is given.",
        target="gdl_music.music_transformer:MusicTransformer",
        config="gdl_music.config:MusicTransformerConfig",
        roles=("trains", "samples", "scores"),
        source="Huang et al. 2019, arXiv:1809.04281",
        makes="notes",
    )
    yield ModelSpec(
        "musegan",
        "A generator for each voice, with shared and private noise, and a critic that hears all of them.",
        target="gdl_music.musegan:MuseGAN",
        config="gdl_music.config:MuseGANConfig",
        roles=("trains", "samples", "decodes"),
        source="Dong et al. 2018, arXiv:1709.06298",
        makes="notes",
    )


@hookimpl
def gdl_measures() -> Iterable[MeasureSpec]:
    """Offer the measures of music."""
    home = "gdl_music.measures"
    yield MeasureSpec(
        "statistics", "Whether samples use pitches, intervals, lengths and voices as held-out music does.",
        target=f"{home}.statistics:measure", roles=("samples",), kinds=("notes",),
    )  # fmt: skip
    yield MeasureSpec(
        "notes", "How many notes of held-out music come back after encoding and decoding.",
        target=f"{home}.notes:measure", roles=("encodes", "decodes"), kinds=("notes",),
    )  # fmt: skip
    yield MeasureSpec(
        "way", "Whether a morph goes from one tune to the other and nowhere else.",
        target=f"{home}.way:measure", roles=("encodes", "decodes"), kinds=("notes",),
    )  # fmt: skip
    yield MeasureSpec(
        "surprise", "Bits a step of held-out music, beside a Markov chain.",
        target=f"{home}.surprise:measure", roles=("scores",), kinds=("notes",),
    )  # fmt: skip


@hookimpl
def gdl_steps() -> Iterable[StepSpec]:
    """Offer the steps of music; each has a file of its name in `steps`."""
    for name, summary in (
        ("compose", "Let a model write a tune, or go on from the beginning of one."),
        ("harmonise", "Keep one voice of a tune, and let a model write the others."),
    ):
        home = f"gdl_music.steps.{name}"
        yield StepSpec(name, summary, f"{home}:run", arguments=f"{home}:Arguments", gives="notes", version=2)


@hookimpl
def gdl_formats() -> Iterable[FormatSpec]:
    """Offer the files of music."""
    home = "gdl_music"
    yield FormatSpec(
        "midi", "Tunes for every program of music.", (".mid", ".midi"), ("notes",),
        f"{home}.midi:write", f"{home}.midi:read", f"{home}.midi:read_record", extra="music",
    )  # fmt: skip
    yield FormatSpec(
        "wav", "Tunes as sound.", (".wav",), ("notes", "audio"),
        f"{home}.sound:write", f"{home}.sound:read", extra="music", remark=f"{home}.sound:remark",
    )  # fmt: skip
    yield FormatSpec(
        "roll", "Tunes as a picture: piano rolls.", (".png",), ("notes",), f"{home}.roll:write_png",
    )  # fmt: skip
    yield FormatSpec(
        "musicxml", "Tunes as a score, for programs that set notes.", (".musicxml",), ("notes",),
        f"{home}.notation:write", extra="music",
    )  # fmt: skip
