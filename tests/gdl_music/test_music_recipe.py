"""Music on the same road as pictures, and the model's own rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("mido", reason="needs the extra music")

import music21

from gdl_core import media
from gdl_core.contracts import Batch
from gdl_core.errors import DataError, RecipeError
from gdl_core.model_file import read_model
from gdl_core.noise import Noise
from gdl_core.recipe.check import check_text
from gdl_core.recipe.execute import run_recipe
from gdl_core.registry import get_registry
from gdl_core.training.build import build_model
from gdl_core.values import Notes, Tune
from gdl_music import midi
from gdl_music.config import MusicVAEConfig
from gdl_music.grid import Grid
from gdl_music.midi_reading import sorted_notes
from gdl_music.music_vae import MusicVAE

GRID = Grid(60, 67, 16, ("one", "other"), (0, 0))

ROAD = """
gdl: 1
title: A small road of tunes
seed: 3
steps:
  data:  {do: midi, path: tunes, bars: 2, held_out: 0.2}
  vae:   {do: train, model: music_vae, data: $data, for: 6 steps, batch: 8, precision: fp32,
          set: {latent: 4, width: 4, hidden: 8}, save: vae.gdl}
  new:   {do: sample, model: $vae, n: 3, save: [new.mid, "new-{i}.png"]}
  some:  {do: pick, data: $data, n: 2, save: [some.mid, some.wav, some.png, some.musicxml]}
  codes: {do: encode, model: $vae, data: some.mid}
  back:  {do: decode, model: $vae, points: $codes, save: back.mid}
  way:   {do: morph, model: $vae, through: $some, frames: 5, save: way.mid}
  sum:   {do: blend, model: $vae, of: [$some], weights: [[0.5]], save: sum.mid}
  walk:  {do: walk, model: $vae, frames: 4, save: walk.mid}
  seen:  {do: reconstruct, model: $vae, data: $data, n: 2, save: seen.mid}
  map:   {do: map, model: $vae, data: $data, colour: piece, save: map.png}
  worth: {do: measure, model: $vae, data: $data, save: worth.csv}
""".replace("data: some.mid}", "data: $some}")


def _tunes(folder: Path) -> None:
    folder.mkdir()
    for number in range(6):
        rows = [(beat / 2, 0.5, 60 + (beat * (number + 1)) % 8, 80, 0) for beat in range(32)]
        midi.write(Notes((Tune(sorted_notes(rows), 16.0),)), folder / f"{number}.mid", None)


def test_tunes_go_the_whole_road(tmp_path: Path) -> None:
    registry = get_registry()
    _tunes(tmp_path / "tunes")
    run = tmp_path / "run"
    run_recipe(check_text(ROAD, registry, base=tmp_path), run, registry)
    read = {path.stem: media.read(path, registry) for path in run.glob("*.mid")}
    lengths = {name: len(tunes.samples) for name, tunes in read.items()}
    assert lengths == {"new": 3, "some": 2, "back": 2, "way": 5, "sum": 2, "walk": 4, "seen": 4}
    assert all(tune.beats == 8.0 for tunes in read.values() for tune in tunes.samples)
    assert read["back"].samples[0].notes.tolist() == read["way"].samples[0].notes.tolist()
    assert [tune.title for tune in read["seen"].samples] == ["original", "music_vae"] * 2
    assert sorted(path.name for path in run.glob("new-*.png")) == ["new-0.png", "new-1.png", "new-2.png"]
    assert read_model(run / "vae.gdl").model.form == Grid(60, 67, 32)
    assert "active units" in (run / "worth.csv").read_text()
    score = music21.converter.parse(run / "some.musicxml")
    set_down = [
        (float(note.offset), float(note.quarterLength), note.pitch.midi)
        for note in score.parts[0].stripTies().flatten().notes
    ]
    both = [
        (start + 8 * number, length, pitch)
        for number, tune in enumerate(read["some"].samples)
        for start, length, pitch in tune.notes[:, :3].tolist()
    ]
    assert set_down == both
    for path in (*run.glob("*.mid"), run / "some.wav", run / "new-1.png"):
        assert media.verify(path, registry) is True, path.name


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ("{do: train, model: text_vae, data: $data, for: 1 steps}", "learns from texts, but this dataset holds notes"),
        ("{do: train, model: music_vae, data: $digits, for: 1 steps}", "from notes, but this dataset holds pictures"),
        ("{do: sample, model: $vae, save: x.txt}", "notes cannot be saved as .txt; notes can be saved as .mid, .midi"),
        ("{do: morph, model: $vae, through: [$digit, $digit]}", "this model is one of notes, but was given an image"),
        (
            "{do: compose, model: $bach, primer: tunes/0.mid, bars: 4}",
            "the primer lasts 16 quarter notes: ask",
        ),
        ("{do: compose, model: $bach, primer: bad.mid}", "bad.mid is no MIDI file"),
        ("{do: harmonise, model: $bach, tune: tunes/0.mid, voice: 2}", "0.mid has no notes in its voice 2"),
    ],
)
def test_what_does_not_go_together_is_told_before_work(step: str, fault: str, tmp_path: Path) -> None:
    _tunes(tmp_path / "tunes")
    (tmp_path / "bad.mid").write_bytes(b"no music")
    recipe = f"""
gdl: 1
steps:
  data:   {{do: midi, path: tunes}}
  digits: {{do: digits}}
  digit:  {{do: pick, data: $digits}}
  vae:    {{do: train, model: music_vae, data: $data, for: 1 steps}}
  bach:   {{do: train, model: music_transformer, data: $data, for: 1 steps}}
  x:      {step}
"""
    with pytest.raises(RecipeError) as caught:
        check_text(recipe, get_registry(), base=tmp_path)
    (found,) = caught.value.faults
    assert fault in found.message


def _vae(**settings: object) -> MusicVAE:
    config = MusicVAEConfig(
        **{"latent": 3, "width": 6, "hidden": 24, "bar": 8, "dropout": 0.0, "grid": GRID.told(), **settings}
    )
    return build_model(MusicVAE, config, (2, 16), Noise(1)).eval()


def _codes(n: int) -> torch.Tensor:
    return torch.randint(0, GRID.size, (n, 2, 16), generator=torch.Generator().manual_seed(4)).float()


@torch.no_grad()
def test_a_code_is_written_by_those_before_it() -> None:
    model, codes, z = _vae(), _codes(2).long(), torch.randn(2, 3)
    other = codes.clone()
    other[:, :, 10] = 0
    one, two = model._write(codes, z), model._write(other, z)
    assert torch.allclose(one[:, :, :11], two[:, :, :11], atol=1e-6)
    assert not torch.allclose(one[:, :, 11], two[:, :, 11], atol=1e-4)
    first = codes.clone()
    first[:, :, :7] = 0
    assert torch.allclose(model._write(first, z)[:, :, 9:], one[:, :, 9:], atol=1e-6), (
        "of the bar before, the last step"
    )


@torch.no_grad()
def test_what_is_decoded_is_the_likeliest_of_what_is_written() -> None:
    model, z = _vae(), 3 * torch.randn(4, 3)
    codes = model.decode(z)
    assert torch.equal(model._write(codes.long(), z).argmax(3).float(), codes)
    assert model.log_likelihood(codes, z).shape == (4,)


def test_tunes_come_back_once_they_are_learned() -> None:
    model, x = _vae(hidden=48, width=12, free_bits=0.0, beta=0.01).train(), _codes(3)
    player = model.players()[0]
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(250):
        parts = player.loss(Batch(x, Noise(0).stream("step", step), progress=1.0))
        optimiser.zero_grad()
        parts["loss"].backward()
        optimiser.step()
    assert parts["accuracy"] == 1.0
    model.eval()
    assert torch.equal(model.decode(model.encode(x).mean), x)


def test_bars_divide_a_sample() -> None:
    with pytest.raises(DataError, match="samples of 16 steps"):
        _vae(bar=5)
    assert np.isfinite(_vae().log_prob(_codes(2), Noise(0)).numpy()).all()
