"""The transformer: what it may know, its cache, and what it writes."""

from __future__ import annotations

import pytest
import torch
from text_toys import TOKENS, described, gpt

from gdl_core.contracts import Batch
from gdl_core.errors import InputError
from gdl_core.latent.tiles import sample_rows
from gdl_core.noise import Noise

GPT2 = {"positions": "learned", "norm": "layer", "perceptron": "gelu", "bias": True}
KINDS = pytest.mark.parametrize("settings", [{}, GPT2], ids=["modern", "gpt2"])


def _codes(rows: int = 3, length: int = 12) -> torch.Tensor:
    return torch.randint(1, TOKENS.size, (rows, length), generator=torch.Generator().manual_seed(2))


def test_learned_positions_bound_what_is_written() -> None:
    learned = gpt(length=6, **GPT2)
    begun = torch.zeros(1, 3, dtype=torch.long)
    assert learned.go_on(begun, 4, Noise(0)).shape == (1, 4)
    told: list[object] = []
    with pytest.raises(InputError, match="after this beginning it writes 4 pieces"):
        learned.go_on(begun, 5, Noise(0), tell=told.append)
    assert not told, "it is refused before anything is written"


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
        model.network.last.weight.zero_()  # all are equally probable: the first one is the end
    told = []
    text = model.go_on(torch.zeros(2, 1, dtype=torch.long), 9, Noise(0), temperature=0, tell=told.append)
    assert text.tolist() == [[0] * 9] * 2
    assert len(told) == 1
