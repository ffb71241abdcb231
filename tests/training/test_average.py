"""The moving average of weights."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from training.toys import fingerprint, fit, make

from gdl_core.training.average import EVERY, Average


def test_weights_that_stand_still_are_their_own_average() -> None:
    model = nn.Linear(3, 2)
    average = Average(model, 0.9)
    for step in range(1, 40):
        average.update(step)
    assert all(torch.equal(a, b) for a, b in zip(average.shadow, model.parameters(), strict=True))


def test_the_average_is_the_textbook_recursion() -> None:
    model = nn.Linear(1, 1, bias=False)
    average = Average(model, 0.9)
    expected = float(model.weight.detach())
    for step in range(1, 400):
        with torch.no_grad():
            model.weight.fill_(step % 7)
        average.update(step)
        if step % EVERY == 0:
            decay = min(0.9, (1 + step) / (10 + step)) ** EVERY
            expected = decay * expected + (1 - decay) * (step % 7)
    assert abs(float(average.shadow[0]) - expected) < 1e-4


def test_what_came_after_the_last_update_counts_too() -> None:
    for steps in (1, 3, 6):
        model = nn.Linear(1, 1, bias=False)
        average = Average(model, 0.9)
        expected = float(model.weight.detach())
        for step in range(1, steps + 1):
            with torch.no_grad():
                model.weight.fill_(step)
            average.update(step)
        for step, count in [(4, 4), (6, 2)] if steps == 6 else [(steps, steps)]:
            decay = min(0.9, (1 + step) / (10 + step)) ** count
            expected = decay * expected + (1 - decay) * step
        average.finish(steps)
        assert abs(float(model.weight.detach()) - expected) < 1e-4


def test_applied_lends_the_average_and_takes_it_back() -> None:
    model = nn.Linear(3, 2)
    average = Average(model, 0.9)
    with torch.no_grad():
        model.weight.add_(1)
    live, shadow = model.weight.clone(), average.shadow[0].clone()
    with average.applied():
        assert torch.equal(model.weight, shadow)
    assert torch.equal(model.weight, live)


def test_training_ends_with_the_average(tmp_path: Path) -> None:
    plain, averaged = make(), make()
    fit(plain, tmp_path / "a")
    fit(averaged, tmp_path / "b", ema=0.99)
    assert fingerprint(plain) != fingerprint(averaged)
