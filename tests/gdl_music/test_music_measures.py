"""What is counted of music, by hand on a few bars."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("mido", reason="needs the extra music")

from text_toys import described

from gdl_core.data.dataset import Dataset
from gdl_core.measures.subject import Subject
from gdl_core.noise import Noise
from gdl_core.training.build import build_model
from gdl_music.config import MusicTransformerConfig, MusicVAEConfig
from gdl_music.grid import FIRST, Grid
from gdl_music.markov import Markov
from gdl_music.measures import notes, statistics, surprise
from gdl_music.measures import way as measured
from gdl_music.music_transformer import MusicTransformer
from gdl_music.music_vae import MusicVAE

GRID = Grid(60, 79, 8, ("high", "low"), (0, 0))


def _codes(*rows: str) -> np.ndarray:
    """a, b, c … begin the notes C, C#, D …, - holds, . rests."""
    return np.array(
        [[[".-".find(sign) if sign in ".-" else FIRST + ord(sign) - ord("a") for sign in row] for row in rows]]
    )


def test_what_sounds_is_held_until_it_is_not() -> None:
    found = statistics.sounding(_codes("a-.-c---", "-b------"), GRID)[0]
    assert found.tolist() == [[60, 60, -1, -1, 62, 62, 62, 62], [-1, 61, 61, 61, 61, 61, 61, 61]]
    assert statistics.rests(_codes("a-.-c---", "-b------"), GRID) == 3 / 16
    assert statistics.pitch_classes(_codes("a-.-c---", "m-------"), GRID).tolist() == [10, 0, 4] + [0] * 9


def test_intervals_lengths_and_ranges_are_counted_in_each_voice() -> None:
    codes = _codes("a--ce-.a", "h---a---")
    steps = statistics.intervals(codes, GRID)
    assert {int(step) - 12: int(steps[step]) for step in np.flatnonzero(steps)} == {2: 2, -4: 1, -7: 1}
    lengths = statistics.rhythm(codes, GRID)
    assert {int(length): int(lengths[length]) for length in np.flatnonzero(lengths)} == {3: 1, 1: 2, 2: 1, 4: 2}
    high, low = np.split(statistics.ranges(codes, GRID), 2)
    assert (high[FIRST], high.sum(), low[FIRST], low[FIRST + 7], low.sum()) == (2, 4, 1, 1, 2)


def test_voices_are_looked_at_together() -> None:
    fifths = _codes("h---j---", "a---c---")  # C-G to D-A
    assert statistics.parallels(fifths, GRID) == 100 / 8
    assert statistics.parallels(_codes("h---h---", "a---a---"), GRID) == 0, "nobody moves"
    assert statistics.parallels(_codes("e---g---", "a---c---"), GRID) == 0, "thirds may"
    assert statistics.parallels(_codes("h---t---", "a---m---"), GRID) == 100 / 8, "a fifth to a fifth, far up"
    assert statistics.parallels(_codes("h---m---", "a---a---"), GRID) == 0, "one stays"
    assert statistics.parallels(_codes("h---c---", "a---h---"), GRID) == 0, "a fifth to a fourth, crossed"
    assert statistics.parallels(_codes("h---t---", "m---e---"), GRID) == 0, "in opposite directions"
    assert statistics.dissonance(_codes("b---e---", "a---a---"), GRID) == 0.5
    assert statistics.dissonance(_codes("........", "a---a---"), GRID) == 0
    assert statistics.crossings(_codes("a---e---", "c---c---"), GRID) == 0.5


def test_a_chain_knows_what_follows_what() -> None:
    codes = np.tile(_codes("acacacac", "h-------"), (50, 1, 1))
    chain = Markov(codes, GRID.size)
    made = chain.sample(200, 8, Noise(1))
    held = Markov(np.tile(_codes("a-c-a-c-"), (50, 1, 1)), GRID.size).sample(200, 8, Noise(1))[:, 0]
    after = held[:, 2:][(held[:, :-2] == FIRST) & (held[:, 1:-1] == 1)]
    assert (after == FIRST + 2).mean() > 0.6, "it knows what is held"
    follows = made[:, 0, 1:][made[:, 0, :-1] == FIRST] == FIRST + 2
    assert follows.mean() > 0.8
    assert np.array_equal(chain.sample(3, 8, Noise(1).at(2)), made[2:5])
    count = 50 + GRID.size
    first = 2 * -math.log2(51 / count)
    assert chain.bits(codes[:1, :, :1]) == pytest.approx(first)
    assert chain.bits(codes) < 50 * 2 * 8 * math.log2(GRID.size) / 4


def _data() -> Dataset:
    draw = np.random.default_rng(0)
    codes = draw.integers(FIRST, GRID.size, (60, 2, 8))
    codes[:, :, 1::2] = 1
    return Dataset("toys", codes.astype(np.int16), {}, np.arange(0, 60, 5), "0", form=GRID)


def test_held_out_music_is_compared_in_the_keys_that_were_trained_on() -> None:
    wide = replace(GRID, transpose=1)
    codes = _codes("b---b---", "b-......")
    counts = statistics._in_every_key(statistics.pitch_classes, codes, wide)
    assert counts.tolist() == [10, 10, 10] + [0] * 9
    assert np.array_equal(
        statistics._in_every_key(statistics.intervals, codes, wide), 3 * statistics.intervals(codes, GRID)
    )


def test_the_chain_learns_from_all_that_is_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model(
        MusicTransformer, MusicTransformerConfig(layers=1, heads=1, width=8, bar=8, grid=GRID.told()), (2, 8), Noise(1)
    )
    subject = Subject(described(model.eval(), "music/music_transformer"), _data(), Noise(0), limit=5)
    told: list[int] = []

    class Counted(Markov):
        def __init__(self, codes: np.ndarray, size: int) -> None:
            told.append(len(codes))
            super().__init__(codes, size)

    for module in (statistics, surprise):
        monkeypatch.setattr(module, "Markov", Counted)
        module.measure(subject)
    assert told == [48, 48]


def test_rows_stand_beside_their_baselines() -> None:
    config = MusicTransformerConfig(layers=1, heads=1, width=8, bar=8, grid=GRID.told())
    model = build_model(MusicTransformer, config, (2, 8), Noise(1)).eval()
    subject = Subject(described(model, "music/music_transformer"), _data(), Noise(0))
    rows = {row.name: row for row in statistics.measure(subject)}
    assert len(rows) == 8
    for name, row in rows.items():
        assert {"training samples", "Markov chain", "even noise"} <= set(row.baselines), name
    assert rows["lengths of notes, total variation"].baselines["training samples"] == 0
    assert rows["lengths of notes, total variation"].baselines["even noise"] > 0.3
    (bits,) = surprise.measure(subject)
    assert bits.baselines["all codes alike"] == pytest.approx(2 * math.log2(GRID.size))
    x = subject.held_out_samples
    assert bits.value == pytest.approx(-model.log_prob(x, Noise(0)).sum().item() / math.log(2) / (len(x) * 8), rel=1e-5)
    assert bits.baselines["Markov chain"] < bits.baselines["all codes alike"]


def test_notes_that_come_back_are_counted() -> None:
    config = MusicVAEConfig(latent=2, width=4, hidden=8, bar=8, grid=GRID.told())
    model = build_model(MusicVAE, config, (2, 8), Noise(1)).eval()
    data = _data()
    with torch.no_grad():
        model.choice.weight.zero_()
        model.choice.bias.zero_()
        model.choice.bias[FIRST + 3] = 5.0  # the high voice says D# at each step
        model.choice.bias[GRID.size] = 5.0  # the low one is silent
    recall, precision, right = notes.measure(Subject(described(model, "music/music_vae"), data, Noise(0)))
    codes = data.tensor(data.held_out).numpy()
    hits = (codes[:, 0] == FIRST + 3).sum()
    assert recall.value == pytest.approx(hits / (codes >= FIRST).sum())
    assert precision.value == pytest.approx(hits / (8 * len(codes)))
    assert right.value == pytest.approx(hits / codes.size)


def test_a_morph_is_followed_from_tune_to_tune() -> None:
    first, second = _codes("a-b-c-d-", "a-------"), _codes("a-i-k---", "m---m---")
    way = np.stack((first, np.where(np.arange(8) < 4, first, second), second), axis=1)
    assert way.shape == (1, 3, 2, 8)
    assert measured.shared(way, 0).mean(0).tolist() == [1.0, 3 / 5, 1 / 5]
    assert measured.shared(way, -1).mean(0).tolist() == [1 / 5, 3 / 5, 1.0]
    assert measured.drift(np.array([[1.0, 2.0, 5.0], [4.0, 5.0, 2.0]])).tolist() == [[0.0, 1.0, 4.0], [0.0, -1.0, 2.0]]
