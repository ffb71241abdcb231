"""The transformer: what it may know, its cache, and what it writes."""

from __future__ import annotations

import math

import pytest
import torch
from text_toys import TOKENS, described, gpt

from gdl_core.contracts import Batch
from gdl_core.errors import InputError
from gdl_core.latent.tiles import sample_rows
from gdl_core.noise import Noise
from gdl_text.blocks import Cache
from gdl_text.choice import choose

GPT2 = {"positions": "learned", "norm": "layer", "perceptron": "gelu", "bias": True}
KINDS = pytest.mark.parametrize("settings", [{}, GPT2], ids=["modern", "gpt2"])


def _codes(rows: int = 3, length: int = 12) -> torch.Tensor:
    return torch.randint(1, TOKENS.size, (rows, length), generator=torch.Generator().manual_seed(2))


@KINDS
@torch.no_grad()
def test_nothing_is_known_of_what_comes_later(settings: dict[str, object]) -> None:
    model, codes = gpt(**settings), _codes()
    other = codes.clone()
    other[:, 7] = 0
    before, after = model(codes), model(other)
    assert torch.allclose(before[:, :7], after[:, :7], atol=1e-6)
    assert not torch.allclose(before[:, 7:], after[:, 7:], atol=1e-3)


@KINDS
@torch.no_grad()
def test_a_cache_changes_nothing(settings: dict[str, object]) -> None:
    model, codes = gpt(**settings), _codes()
    whole = model(codes)
    for cuts in ([12], [1] * 12, [5, 1, 1, 3, 2]):
        cache, parts = model.remember(), []
        for part in codes.split(cuts, dim=1):
            parts.append(model(part, cache))
        assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5), cuts


@torch.no_grad()
def test_what_is_too_long_ago_is_forgotten() -> None:
    model, codes = gpt(length=6, layers=1), _codes(2, 15)
    cache = model.remember()
    last = [model(code, cache)[:, -1] for code in codes.split(1, dim=1)][-1]
    assert torch.allclose(last, model(codes[:, -6:])[:, -1], atol=1e-5), "of one layer only the window counts"
    assert cache.held == 6
    with pytest.raises(InputError, match="15 pieces at once are more than the 6 that are kept"):
        model(codes, model.remember())
    learned = gpt(length=6, **GPT2)
    with pytest.raises(InputError, match="has learned 6 positions"):
        learned(codes)
    begun = torch.zeros(1, 3, dtype=torch.long)
    assert learned.go_on(begun, 4, Noise(0)).shape == (1, 4)
    told: list[object] = []
    with pytest.raises(InputError, match="after this beginning it writes 4 pieces"):
        learned.go_on(begun, 5, Noise(0), tell=told.append)
    assert not told, "it is refused before anything is written"


def test_a_cache_holds_the_newest() -> None:
    cache = Cache(1, 4)
    for value in range(6):
        part = torch.full((1, 1, 1, 1), float(value))
        keys, _ = cache.extend(0, part, part)
        cache.read += 1
    assert keys.flatten().tolist() == [2, 3, 4, 5]


@torch.no_grad()
def test_probabilities_of_texts_sum_to_one() -> None:
    model = gpt(length=2, tokens={"kind": "characters", "letters": "ab"})
    texts = [[0, 0], *([first, second] for first in (1, 2) for second in (0, 1, 2))]
    log_p = model.log_prob(torch.tensor(texts).float(), Noise(0))
    assert log_p.exp().sum().item() == pytest.approx(1.0, abs=1e-5)
    behind = model.log_prob(torch.tensor([[0.0, 0.0], [0.0, 2.0]]), Noise(0))
    assert behind[0] == behind[1], "what stands behind the end counts for nothing"


def test_one_batch_is_learned_by_heart() -> None:
    model, codes = gpt().train(), _codes(4)
    codes[0, 5:] = 0
    player = model.players()[0]
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(150):
        loss = player.loss(Batch(codes.float(), Noise(0)))["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.45, "only what cannot be known is left: which of four texts it is"
    begun = torch.cat((torch.zeros(4, 1, dtype=torch.long), codes[:, :1]), 1)
    written = model.eval().go_on(begun, 11, Noise(0), temperature=0)
    assert torch.equal(written, codes[:, 1:])


@KINDS
def test_a_text_is_the_same_alone_and_in_company(settings: dict[str, object]) -> None:
    trained = described(gpt(**settings), "text/gpt")
    many = sample_rows(trained, 20, Noise(5))
    assert len({tuple(text.tolist()) for text in many}) == 20, "no tile repeats another"
    assert torch.equal(sample_rows(trained, 3, Noise(5), start=11), many[11:14])
    longer = trained.model.go_on(torch.zeros(8, 1, dtype=torch.long), 12, Noise(5))
    shorter = trained.model.go_on(torch.zeros(8, 1, dtype=torch.long), 5, Noise(5))
    assert torch.equal(longer[:, :5], shorter)


def test_writing_ends_with_the_end() -> None:
    model = gpt()
    with torch.no_grad():
        model.last.weight.zero_()  # all pieces are equally probable: the likeliest is the first, which is the end
    told = []
    text = model.go_on(torch.zeros(2, 1, dtype=torch.long), 9, Noise(0), temperature=0, tell=told.append)
    assert text.tolist() == [[0] * 9] * 2
    assert len(told) == 1


def test_choices_come_as_often_as_they_are_probable() -> None:
    logits = torch.tensor([2.0, -1.0, 0.5, 1.0])
    chances = (torch.arange(20_000) + 0.5) / 20_000
    every = logits.expand(len(chances), -1)

    def shares(**options: float) -> torch.Tensor:
        chosen = choose(every, chances, **options)
        return torch.bincount(chosen, minlength=4) / len(chosen)

    assert torch.allclose(shares(), logits.softmax(0), atol=1e-3)
    assert torch.allclose(shares(temperature=0.5), (logits / 0.5).softmax(0), atol=1e-3)
    two = shares(top_k=2)
    assert two[[1, 2]].sum() == 0
    assert two[0].item() == pytest.approx(1 / (1 + math.exp(-1)), abs=1e-3)
    assert torch.equal(shares(top_p=0.7) > 0, torch.tensor([True, False, False, True]))
    assert torch.equal(shares(top_p=1e-9), torch.tensor([1.0, 0, 0, 0]))
    assert torch.equal(choose(every, chances, temperature=0.0), torch.zeros(len(chances), dtype=torch.long))
    assert choose(logits[None], torch.tensor([1 - 2**-24])).item() == 1
    assert torch.equal(choose(every, chances, temperature=1e-308), torch.zeros(len(chances), dtype=torch.long))
