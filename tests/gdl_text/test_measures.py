"""n-grams, copies, and what comes back, beside the plain way to count them."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from text_toys import TOKENS, described, gpt, text_vae

from gdl_core.data.dataset import Dataset
from gdl_core.latent.tiles import sample_rows
from gdl_core.measures.subject import Subject
from gdl_core.noise import Noise
from gdl_core.values import Text
from gdl_text.form import TextForm
from gdl_text.measures import bits, novelty, round_trip
from gdl_text.ngrams import ORDERS, NGrams

WORDS = st.text(alphabet="ab c", max_size=30)


def _plainly(train: list[str], text: str, order: int, letters: set[str]) -> float:
    """Witten & Bell by dictionaries."""
    seen: Counter[tuple[str, str]] = Counter()
    for known in train:
        padded = "^" * 6 + known + "$"
        for at in range(6, len(padded)):
            for back in range(7):
                seen[(padded[at - back : at], padded[at])] += 1

    def share(context: str, letter: str) -> float:
        lower = share(context[1:], letter) if context else 1.0 / (len(letters) + 1)
        followers = {key[1]: count for key, count in seen.items() if key[0] == context}
        met = sum(followers.values())
        return (followers.get(letter, 0) + len(followers) * lower) / (met + len(followers)) if met else lower

    padded = "^" * 6 + text + "$"
    return sum(-math.log2(share(padded[at - order + 1 : at], padded[at])) for at in range(6, len(padded)))


@given(st.lists(WORDS, min_size=1, max_size=4), WORDS)
def test_ngrams_are_those_of_dictionaries(train: list[str], text: str) -> None:
    grams = NGrams(train, [True] * len(train), text)
    wanted = [_plainly(train, text, order, set("".join([*train, text]))) for order in ORDERS]
    assert np.allclose(grams.bits(text, True), wanted)


def test_ngrams_of_many_letters_do_not_overflow() -> None:
    letters = [chr(0x4E00 + number) for number in range(7000)]
    grams = NGrams(["".join(letters)], [True])
    for _, seen, *_ in grams._tables:
        assert (seen >= 0).all()
    bits = grams.bits("".join(letters[500:510]), False)
    assert bits[4] < bits[1] < bits[0], "longer contexts know each letter's only successor"


@given(st.lists(WORDS, min_size=1, max_size=3), st.lists(WORDS, min_size=1, max_size=3))
def test_the_longest_run_is_found(texts: list[str], known: list[str]) -> None:
    def longest(text: str) -> int:
        runs = (text[i:j] for i in range(len(text)) for j in range(i, len(text) + 1))
        return max((len(run) for run in runs if any(run in other for other in known)), default=0)

    assert novelty.copied(texts, known).tolist() == [longest(text) for text in texts]


def test_runs_of_words_are_counted() -> None:
    texts = ["a b a b", "b a"]  # a, b; a b, b a; a b a, b a b
    assert [novelty.distinct(texts, n) for n in (1, 2, 3, 4)] == pytest.approx([2 / 6, 2 / 4, 1.0, 1.0])
    assert novelty.distinct(["one", "one", "one"], 1) == pytest.approx(1 / 3)
    assert novelty.distinct(["one", ""], 2) == 0.0


@pytest.mark.parametrize(("words", "runs"), [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (4, [1, 2, 3])])
def test_runs_are_left_out_that_no_held_out_text_has(words: int, runs: list[int]) -> None:
    trained, data = described(gpt(), "text/gpt"), _dataset(words)
    held_out = list(data.form.show(data.tensor(data.held_out).numpy()).samples)
    made = list(data.form.show(sample_rows(trained, len(held_out), Noise(0).stream("made")).numpy()).samples)
    found = {one.name: one for one in novelty.measure(Subject(trained, data, Noise(0)))}
    assert list(found)[2:] == [f"distinct-{n}" for n in runs]
    for n in runs:
        one = found[f"distinct-{n}"]
        assert one.baselines == {"held-out texts": novelty.distinct(held_out, n)}
        assert one.value == novelty.distinct(made, n)
        assert (one.better, one.n) == ("higher", len(held_out))


def _dataset(words: int = 2) -> Dataset:
    form = TextForm(TOKENS, 12)
    letters = "abcdefgh"
    texts = tuple(
        " ".join([letters[i % 8] * (1 + i % 5), *(letters[(i * 3 + more) % 8] for more in range(words - 1))])
        for i in range(40)
    )
    codes = form.read(Text(texts)).astype(np.int16)
    return Dataset("toys", codes, {}, np.arange(0, 40, 5), "0", form=form)


def test_bits_are_those_of_the_model() -> None:
    trained, data = described(gpt(), "text/gpt"), _dataset()
    (found,) = bits.measure(Subject(trained, data, Noise(0)))
    x = data.tensor(data.held_out)
    letters = int((x != 0).sum()) + len(x)
    assert found.value == pytest.approx(-trained.model.log_prob(x, Noise(0)).sum().item() / math.log(2) / letters)
    assert set(found.baselines) == {"1 letter", *(f"{n} letters" for n in range(2, 8)), "training texts"}
    assert found.baselines["1 letter"] < math.log2(10)


def test_what_comes_back_is_counted_up_to_the_end() -> None:
    trained, data = described(text_vae(), "text/text_vae"), _dataset()
    with torch.no_grad():
        trained.model.bias[0] = 100.0  # it always ends at once
    pieces, whole = round_trip.measure(Subject(trained, data, Noise(0)))
    counted = (data.tensor(data.held_out) != 0).sum() + len(data.held_out)
    assert pieces.value == pytest.approx(len(data.held_out) / counted.item())
    assert whole.value == 0.0
    assert 0 < pieces.baselines["another held-out text"] < 1
    names = [found.name for found in novelty.measure(Subject(trained, data, Noise(0)))]
    assert names == ["longest run copied, mean", "longest run copied, most", "distinct-1", "distinct-2"]
