"""The transformer of tunes: what it may know, what it keeps, and the steps that let it write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("mido", reason="needs the extra music")

import mido
from steps.doing import context
from text_toys import described

from gdl_core.contracts import Batch
from gdl_core.errors import DataError, InputError
from gdl_core.latent.tiles import sample_rows
from gdl_core.noise import Noise
from gdl_core.training.build import build_model
from gdl_core.values import Notes, Tune
from gdl_music import midi
from gdl_music.config import MusicTransformerConfig
from gdl_music.grid import Grid
from gdl_music.midi_reading import sorted_notes
from gdl_music.music_transformer import MusicTransformer, in_turn
from gdl_music.steps import compose, harmonise
from gdl_music.steps.aloud import Aloud, name_of
from gdl_music.steps.writer import first_tune

GRID = Grid(60, 67, 16, ("high", "low"), (0, 19))


def _model(**settings: Any) -> MusicTransformer:
    small = {"layers": 2, "heads": 2, "width": 16, "bar": 8, "dropout": 0.0, "grid": GRID.told()}
    config = MusicTransformerConfig.model_validate({**small, **settings})
    return build_model(MusicTransformer, config, (2, 16), Noise(1)).eval()


def _codes(n: int, seed: int = 4) -> torch.Tensor:
    return torch.randint(0, GRID.size, (n, 2, 16), generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def test_a_code_knows_those_of_earlier_steps_and_of_voices_above() -> None:
    model, codes = _model(), _codes(2)
    assert in_turn(torch.tensor([[[1, 2], [3, 4]]])).tolist() == [[1, 3, 2, 4]]
    other = codes.clone()
    other[:, 1, 5] = (other[:, 1, 5] + 1) % GRID.size  # place 11 of all
    one, two = model._logits(codes), model._logits(other)
    assert torch.allclose(one[:, :12], two[:, :12], atol=1e-6)
    assert not torch.allclose(one[:, 12], two[:, 12], atol=1e-4)


@torch.no_grad()
def test_what_is_written_is_what_is_likely() -> None:
    model = _model()
    free = torch.full((3, 2, 16), -1)
    codes = model.compose(free, Noise(0), temperature=0)
    likely = model._logits(codes)[:, :, :-1].argmax(2)
    assert torch.equal(in_turn(codes), likely)
    assert model.log_prob(codes.float(), Noise(0)).shape == (3,)
    kept = free.clone()
    kept[:, 0] = _codes(3)[:, 0]
    found = model.compose(kept, Noise(0))
    assert torch.equal(found[:, 0], kept[:, 0])
    assert (found >= 0).all()
    assert (found < GRID.size).all(), "what is before the first note is no note"


def test_one_batch_is_learned_by_heart() -> None:
    model, codes = _model(width=32).train(), _codes(3)
    player = model.players()[0]
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(200):
        parts = player.loss(Batch(codes.float(), Noise(0)))
        optimiser.zero_grad()
        parts["loss"].backward()
        optimiser.step()
    assert parts["accuracy"] > 0.95, "all but what tells the three apart"
    begun = torch.full((3, 2, 16), -1)
    begun[:, :, :3] = codes[:, :, :3]
    assert torch.equal(model.eval().compose(begun, Noise(0), temperature=0), codes)


def test_a_tune_is_the_same_alone_and_in_company(tmp_path: Path) -> None:
    trained = described(_model(), "music/music_transformer")
    many = sample_rows(trained, 20, Noise(5))
    assert len({tuple(tune.flatten().tolist()) for tune in many}) == 20
    assert torch.equal(sample_rows(trained, 3, Noise(5), start=11), many[11:14])

    def tunes(**asked: Any) -> tuple[Tune, ...]:
        arguments = compose.Arguments(model=trained, bars=2, **asked)
        return compose.run(arguments, context(tmp_path)).samples

    all_of_them, two = tunes(n=12), tunes(n=2, start=9)
    assert [a.notes.tolist() for a in two] == [a.notes.tolist() for a in all_of_them[9:11]]
    assert {tune.beats for tune in all_of_them} == {8.0}, "twice as long as what it learned from"


def _tune(*rows: tuple[float, ...], beats: float = 2.0) -> Notes:
    return Notes((Tune(sorted_notes(rows), beats, 90.0, ("a", "b"), (0, 0)),))


MELODY = _tune((0, 1, 60, 80, 0), (1, 0.5, 64, 80, 0), (1.5, 0.5, 67, 80, 0), (0, 2, 48, 80, 1))


def test_a_primer_is_gone_on_from_and_a_voice_is_kept(tmp_path: Path) -> None:
    trained = described(_model(), "music/music_transformer")
    midi.write(_tune((0, 1, 60, 80, 0), (1, 1, 62, 80, 1)), tmp_path / "primer.mid", None)
    asked = compose.Arguments.model_validate(
        {"model": trained, "primer": str(tmp_path / "primer.mid"), "bars": 1, "n": 3}
    )
    for tune in compose.run(asked, context(tmp_path)).samples:
        begun = [note[:3] for note in tune.notes.tolist() if note[0] < 2]
        assert [0, 60] in [[note[0], note[2]] for note in begun]
        assert [1, 62] in [[note[0], note[2]] for note in begun]
        assert tune.beats == 4.0
    kept = harmonise.run(harmonise.Arguments(model=trained, tune=MELODY, n=4), context(tmp_path))
    for tune in kept.samples:
        mine = tune.notes[tune.notes[:, 4] == 0, :3]
        assert np.array_equal(mine, MELODY.samples[0].notes[MELODY.samples[0].notes[:, 4] == 0, :3])
    assert len({tune.notes.tobytes() for tune in kept.samples}) == 4
    low = harmonise.run(harmonise.Arguments(model=trained, tune=MELODY, place=2), context(tmp_path)).samples[0]
    assert low.notes[low.notes[:, 4] == 1, 2].tolist() == [60, 64, 67]


def test_a_primer_of_one_voice_leaves_the_others_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[torch.Tensor] = []

    def listening(self: MusicTransformer, codes: torch.Tensor, noise: Noise, **options: Any) -> torch.Tensor:
        given.append(codes)
        return codes.clamp_min(0)

    monkeypatch.setattr(MusicTransformer, "compose", listening)
    primer = _tune((0, 1, 60, 80, 0), (1, 1, 64, 80, 0))
    asked = compose.Arguments(model=described(_model(), "music/music_transformer"), primer=primer, bars=2)
    compose.run(asked, context(tmp_path))
    assert (given[0][:, 0, :8] >= 0).all()
    assert (given[0][:, 1] == -1).all()


def test_tunes_are_told_aloud_while_they_are_written(tmp_path: Path) -> None:
    said: list[str] = []
    asked = compose.Arguments(model=described(_model(), "music/music_transformer"), bars=2, n=2, start=9)
    tune = compose.run(asked, replace(context(tmp_path), piece=said.append)).samples[0]
    lines = "".join(said).splitlines()
    assert len(lines) == 2
    words = [word.split("+") for word in " ".join(lines).split()]
    begun: dict[float, list[str]] = {}
    for start, _, pitch, _, _ in sorted(tune.notes.tolist(), key=lambda note: (note[0], note[4])):
        begun.setdefault(start, []).append(name_of(int(pitch)))
    assert words == list(begun.values())
    quiet: list[str] = []
    aloud = Aloud(GRID, quiet.append, missing=12)
    for code in [2, 0] * 16:
        aloud(code)
    assert quiet == ["C4 ", "C4 ", "C4 ", "C4 ", "\n"]


def test_an_upbeat_stands_where_it_does_in_its_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = _model(bar=16)
    rows = [(0, 1, 60, 80, 0), (1, 2, 62, 80, 0), (3, 2, 64, 80, 0)]
    midi.write(Notes((Tune(sorted_notes(rows), 5.0),)), tmp_path / "upbeat.mid", None)
    file = mido.MidiFile(tmp_path / "upbeat.mid")
    file.tracks[0].insert(0, mido.MetaMessage("time_signature", numerator=1, denominator=4))
    file.tracks[0].insert(1, mido.MetaMessage("time_signature", numerator=4, denominator=4, time=480))
    file.tracks[0][2].time -= 480 if file.tracks[0][2].time >= 480 else 0
    file.save(tmp_path / "upbeat.mid")
    tune, missing = first_tune(tmp_path / "upbeat.mid")
    assert missing == 3.0
    told: list[torch.Tensor] = []
    compose_as_ever = MusicTransformer.compose

    def listening(self: MusicTransformer, given: torch.Tensor, noise: Noise, **options: Any) -> torch.Tensor:
        told.append(given)
        return compose_as_ever(self, given, noise, **options)

    monkeypatch.setattr(MusicTransformer, "compose", listening)
    trained = described(model, "music/music_transformer")
    arguments = harmonise.Arguments.model_validate({"model": trained, "tune": str(tmp_path / "upbeat.mid")})
    (found,) = harmonise.run(arguments, context(tmp_path)).samples
    assert len(told) == 1
    assert (told[0][0, :, :12] == -1).all(), "three quarter notes before it are the model's"
    assert told[0][0, 0, 12] == 2
    assert found.beats == tune.beats
    assert found.notes[found.notes[:, 4] == 0, :3].tolist() == [list(row[:3]) for row in rows]
    assert (found.notes[:, 0] >= 0).all()


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    trained, around = described(_model(), "music/music_transformer"), context(tmp_path)
    with pytest.raises(InputError, match="the primer lasts 4 quarter notes: ask for more than 1 bars"):
        compose.run(compose.Arguments(model=trained, primer=_tune((0, 1, 60, 80, 0), beats=4.0), bars=1), around)
    with pytest.raises(DataError, match="a note of pitch 48 is outside 60 to 67"):
        harmonise.run(harmonise.Arguments(model=trained, tune=MELODY, voice=2), around)
    with pytest.raises(InputError, match="no notes in its voice 3"):
        harmonise.run(harmonise.Arguments(model=trained, tune=MELODY, voice=3), around)
    with pytest.raises(InputError, match="the model has 2 voices, and no number 5"):
        harmonise.run(harmonise.Arguments(model=trained, tune=MELODY, place=5), around)
