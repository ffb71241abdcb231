"""The transformer: what it may know, its cache, what it writes with; and choosing by chance."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gdl_core.errors import InputError
from gdl_core.networks.choice import choose
from gdl_core.networks.transformer import Cache, Shape, Transformer
from gdl_core.networks.writing import write
from gdl_core.noise import Noise

GPT2 = {"positions": "learned", "norm": "layer", "perceptron": "gelu", "bias": True}
KINDS = pytest.mark.parametrize("settings", [{}, GPT2], ids=["modern", "gpt2"])
SIZE = 10


def network(length: int = 12, layers: int = 2, **settings: Any) -> Transformer:
    torch.manual_seed(1)
    net = Transformer(Shape(SIZE, length, layers, 2, 16, **settings)).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(4.0)  # so that what is wrong would show
    return net


def _codes(rows: int = 3, length: int = 12) -> torch.Tensor:
    return torch.randint(1, SIZE, (rows, length), generator=torch.Generator().manual_seed(2))


@KINDS
@torch.no_grad()
def test_nothing_is_known_of_what_comes_later(settings: dict[str, object]) -> None:
    net, codes = network(**settings), _codes()
    other = codes.clone()
    other[:, 7] = 0
    before, after = net(codes), net(other)
    assert torch.allclose(before[:, :7], after[:, :7], atol=1e-6)
    assert not torch.allclose(before[:, 7:], after[:, 7:], atol=1e-3)


@KINDS
@torch.no_grad()
def test_a_cache_changes_nothing(settings: dict[str, object]) -> None:
    net, codes = network(**settings), _codes()
    whole = net(codes)
    for cuts in ([12], [1] * 12, [5, 1, 1, 3, 2]):
        cache, parts = net.remember(), []
        for part in codes.split(cuts, dim=1):
            parts.append(net(part, cache))
        assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5), cuts


@torch.no_grad()
def test_what_is_too_long_ago_is_forgotten() -> None:
    net, codes = network(length=6, layers=1), _codes(2, 15)
    cache = net.remember()
    last = [net(code, cache)[:, -1] for code in codes.split(1, dim=1)][-1]
    assert torch.allclose(last, net(codes[:, -6:])[:, -1], atol=1e-5), "of one layer only the window counts"
    assert cache.held == 6
    with pytest.raises(InputError, match="no room for 15 pieces at once beside 0: 6 are kept"):
        net(codes, net.remember())
    with pytest.raises(InputError, match="no room for 2 pieces at once beside 6: 6 are kept"):
        net(codes[:, :2], cache)
    learned = network(length=6, **GPT2)
    with pytest.raises(InputError, match="has learned 6 positions"):
        learned(codes)


def test_a_cache_holds_the_newest() -> None:
    cache = Cache(1, 4)
    for value in range(6):
        part = torch.full((1, 1, 1, 1), float(value))
        keys, _ = cache.extend(0, part, part)
        cache.read += 1
    assert keys.flatten().tolist() == [2, 3, 4, 5]


@torch.no_grad()
def test_what_is_known_besides_changes_what_follows_it() -> None:
    net, codes = network(), _codes()
    more = torch.zeros(12, 16)
    more[5] = 1.0
    plain, told = net(codes), net(codes, more=more)
    assert torch.allclose(plain[:, :5], told[:, :5], atol=1e-6)
    assert not torch.allclose(plain[:, 5:], told[:, 5:], atol=1e-3)
    cache = net.remember()
    parts = [net(codes[:, at : at + 1], cache, more[at : at + 1]) for at in range(12)]
    assert torch.allclose(torch.cat(parts, 1), told, atol=1e-4)


def test_some_pieces_may_be_given_and_others_forbidden() -> None:
    net, begun = network(length=6), torch.zeros(4, 1, dtype=torch.long)
    given = torch.full((4, 20), -1)
    given[:, ::4] = 7
    odd = torch.arange(SIZE) % 2 == 1

    def allowed(place: int) -> torch.Tensor:
        return odd if place % 4 == 1 else torch.ones(SIZE, dtype=torch.bool)

    calls: list[tuple[int, int]] = []

    def more(start: int, n: int) -> torch.Tensor:
        calls.append((start, n))
        return torch.zeros(n, 16)

    text = write(net, begun, 20, Noise(3), given=given, allowed=allowed, more=more)
    assert (text[:, ::4] == 7).all()
    assert (text[:, 1::4] % 2 == 1).all()
    assert (text[:, 2::4] % 2 == 0).any()
    again = [(2, 5), (7, 1)]  # a window that is full begins anew: the first code, four of those before, one to come
    assert calls[:8] == [*((at, 1) for at in range(6)), *again]
    assert [start + n for start, n in calls] == list(range(1, 21)), "each piece is known of before it is written"
    assert torch.equal(write(net, begun[:2], 20, Noise(3).at(2), given=given[:2], allowed=allowed), text[2:])


@torch.no_grad()
@pytest.mark.parametrize("settings", [{}, GPT2])
def test_what_is_longer_than_the_window_is_written_in_windows(settings: dict[str, object]) -> None:
    net, begun = network(length=8, **settings), torch.full((2, 1), 3)
    long = write(net, begun, 30, Noise(1), temperature=0)
    assert torch.equal(write(net, begun, 17, Noise(1), temperature=0), long[:, :17]), "it begins as a shorter one"
    whole = torch.cat((begun, long), dim=1)
    assert torch.equal(net(whole[:, :8])[:, :8].argmax(2), long[:, :8])
    window = torch.cat((begun, whole[:, 3:9]), dim=1)  # three quarters of eight
    assert torch.equal(net(window)[:, -1].argmax(1), whole[:, 9])
    of_threes = write(net, begun, 30, Noise(1), temperature=0, unit=3)
    whole = torch.cat((begun, of_threes), dim=1)
    assert torch.equal(net(torch.cat((begun, whole[:, 4:9]), dim=1))[:, -1].argmax(1), whole[:, 9]), "3 is a beginning"
    prompt = _codes(2, 20)
    after = write(net, prompt, 1, Noise(1), temperature=0)
    assert torch.equal(net(torch.cat((prompt[:, :1], prompt[:, -6:]), dim=1))[:, -1:].argmax(2), after)


@pytest.mark.parametrize("room", range(1, 13))
def test_windows_begin_at_multiples_of_a_unit_and_fit(room: int) -> None:
    for unit in range(1, room + 1):
        for first in (1, 2, room, room + 1, 3 * room + 2):
            read, begun = _Read(room), torch.zeros(1, first, dtype=torch.long)
            write(read, begun, 5 * room, Noise(0), temperature=0, more=read.more, unit=unit)
            assert [start + n for start, n in read.told] == list(range(first, first + 5 * room))
            assert max(n for _, n in read.told) <= room
            starts = {read.told[at][0] for at in read.anew}
            assert len(starts) > 3, "there are several windows"
            assert all(start % unit == 0 for start in starts), (unit, first, starts)


@torch.no_grad()
def test_a_unit_may_be_as_long_as_the_window() -> None:
    net, begun = network(length=8), torch.full((2, 1), 3)
    whole = torch.cat((begun, write(net, begun, 30, Noise(1), temperature=0, unit=8)), dim=1)
    for at in range(1, 31):
        start = (at - 1) // 8 * 8
        window = torch.cat((begun, whole[:, start + 1 : at]), dim=1)
        assert torch.equal(net(window)[:, -1].argmax(1), whole[:, at]), at


def test_a_unit_longer_than_the_window_still_leaves_windows_that_fit() -> None:
    read = _Read(6)
    write(read, torch.zeros(1, 1, dtype=torch.long), 60, Noise(0), temperature=0, more=read.more, unit=9)
    assert max(n for _, n in read.told) <= 6


def test_a_long_text_is_not_copied_for_each_piece() -> None:
    pieces, made = 2000, _Made()
    with made:
        text = write(_Read(8), torch.zeros(1, 1, dtype=torch.long), pieces, Noise(0), temperature=0)
    assert text.shape == (1, pieces)
    assert made.numbers < 100 * pieces


class _Read:
    """A network that keeps which pieces it is told, and where it begins anew."""

    def __init__(self, room: int) -> None:
        self.shape = SimpleNamespace(length=room)
        self.told: list[tuple[int, int]] = []
        self.anew: list[int] = []

    def remember(self) -> SimpleNamespace:
        self.anew.append(len(self.told))
        return SimpleNamespace(read=0)

    def __call__(self, codes: torch.Tensor, cache: SimpleNamespace, known: torch.Tensor | None) -> torch.Tensor:
        cache.read += codes.shape[1]
        return torch.zeros(*codes.shape, SIZE)

    def more(self, start: int, n: int) -> torch.Tensor:
        self.told.append((start, n))
        return torch.zeros(n, 1)


class _Made(TorchDispatchMode):
    """Counts the numbers of all tensors that are made, views aside."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor) and func._schema.returns[0].alias_info is None:
            self.numbers += out.numel()
        return out


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
