"""The autoencoder of sentences."""

from __future__ import annotations

import pytest
import torch
from text_toys import TOKENS, text_vae

from gdl_core.contracts import Batch
from gdl_core.noise import Noise
from gdl_core.values import Text
from gdl_text.form import TextForm

SENTENCES = Text(("abc", "a bad egg", "h", "feed a bee"))


def test_what_fills_a_sample_up_says_nothing() -> None:
    short, long = text_vae(10), text_vae(16)
    long.load_state_dict(short.state_dict())
    rows = [torch.from_numpy(TextForm(TOKENS, length).read(SENTENCES)) for length in (10, 16)]
    z = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        one, other = short.log_likelihood(rows[0], z), long.log_likelihood(rows[1], z)
    assert torch.allclose(one[:3], other[:3], atol=1e-5)
    assert one[3] > other[3], "the longest has no room for its end in the one and pays for it in the other"


def test_sentences_come_back_once_they_are_learned() -> None:
    model = text_vae(12, hidden=32, width=16, word_dropout=0.2, free_bits=0.0, beta=0.01).train()
    x = torch.from_numpy(TextForm(TOKENS, 12).read(SENTENCES))
    player = model.players()[0]
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(200):
        parts = player.loss(Batch(x, Noise(0).stream("step", step), progress=1.0))
        optimiser.zero_grad()
        parts["loss"].backward()
        optimiser.step()
    model.eval()
    assert torch.equal(model.decode(model.encode(x).mean), x)
    assert parts["nats_a_piece"].item() == pytest.approx(parts["reconstruction"].item() * 4 / 27, rel=1e-5)


def test_pieces_are_hidden_in_training_alone() -> None:
    x = torch.from_numpy(TextForm(TOKENS, 12).read(SENTENCES))
    seen, blind = text_vae(word_dropout=0.0), text_vae(word_dropout=1.0)
    noise = Noise(4)
    training = [model.players()[0].loss(Batch(x, noise))["loss"] for model in (seen, blind)]
    held_out = [model.players()[0].loss(Batch(x, noise, training=False))["loss"] for model in (seen, blind)]
    assert training[0] == held_out[0] == held_out[1]
    assert training[1] != training[0]


def test_the_kl_gets_its_weight_and_some_of_it_is_free() -> None:
    model = text_vae(warmup=0.5, beta=2.0)
    assert [model.beta(progress) for progress in (0.0, 0.25, 0.5, 1.0)] == [0.0, 1.0, 2.0, 2.0]
    x = torch.from_numpy(TextForm(TOKENS, 12).read(SENTENCES))
    free, charged = text_vae(free_bits=5.0), text_vae(free_bits=0.0)
    one, other = (each.players()[0].loss(Batch(x, Noise(4), progress=1.0)) for each in (free, charged))
    assert one["kl"] == other["kl"]
    assert (one["loss"] - one["reconstruction"]).item() == pytest.approx(15.0, rel=1e-5)
    assert (other["loss"] - other["reconstruction"]).item() == pytest.approx(other["kl"].item(), rel=1e-4)


def test_the_bound_rises_with_its_draws() -> None:
    x = torch.from_numpy(TextForm(TOKENS, 12).read(SENTENCES)).repeat(16, 1)
    means = [text_vae(bound_samples=k).log_prob(x, Noise(1)).mean().item() for k in (1, 8, 64)]
    assert means == sorted(means)
