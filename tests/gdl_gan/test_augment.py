"""Augmentation that can be differentiated: what it changes, what it leaves, and that gradients come through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gdl_core.contracts import Batch
from gdl_core.data.dataset import Dataset
from gdl_core.errors import InputError
from gdl_core.noise import Noise
from gdl_core.training.build import build_model
from gdl_core.training.config import TrainingConfig
from gdl_core.training.loop import train
from gdl_gan.augment import augment
from gdl_gan.config import GANConfig
from gdl_gan.gan import GAN

CHANGES = ("colour", "translation", "cutout")
policies = st.lists(st.sampled_from(CHANGES), max_size=3, unique=True)


def pictures(n: int, channels: int = 3, height: int = 11, width: int = 8, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, channels, height, width, generator=torch.Generator().manual_seed(seed))


@given(policies, st.integers(1, 5), st.sampled_from([1, 3, 4]), st.integers(1, 17), st.integers(1, 17))
def test_shape_and_type_stay(policy: list[Any], n: int, channels: int, height: int, width: int) -> None:
    x = pictures(n, channels, height, width)
    out = augment(x, policy, Noise(1))
    assert out.shape == x.shape
    assert out.dtype == x.dtype
    assert bool(out.isfinite().all())


@given(policies, st.sampled_from([1, 3]))
def test_without_strength_or_policy_nothing_changes(policy: list[Any], channels: int) -> None:
    x = pictures(6, channels)
    assert torch.allclose(augment(x, policy, Noise(1), strength=0.0), x, atol=1e-6)
    assert augment(x, (), Noise(1)) is x


@given(policies, st.integers(0, 20), st.integers(1, 6))
def test_a_picture_is_changed_the_same_in_any_batch(policy: list[Any], start: int, n: int) -> None:
    x = pictures(30)
    whole = augment(x, policy, Noise(2))
    assert torch.equal(augment(x[start : start + n], policy, Noise(2).at(start)), whole[start : start + n])


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_changed_each_in_its_own_way(change: Any, channels: int) -> None:
    x = pictures(1, channels, 16, 16).expand(64, -1, -1, -1)
    out = augment(x, [change], Noise(3))
    assert len({tuple(row.flatten().tolist()) for row in out}) > 20  # there are 25 translations
    assert not torch.equal(augment(x, [change], Noise(4)), out)


def test_a_grey_picture_has_no_saturation_to_change() -> None:
    grey = pictures(20, 1)
    assert torch.allclose(augment(grey.expand(-1, 3, -1, -1), ["colour"], Noise(0))[:, :1],
                          augment(grey, ["colour"], Noise(0)), atol=1e-5)  # fmt: skip


def test_colour_stays_within_what_the_paper_allows() -> None:
    flat = torch.full((500, 3, 4, 4), 0.5)
    moved = augment(flat, ["colour"], Noise(0))[:, 0, 0, 0]
    assert float(moved.min()) == pytest.approx(0.25, abs=0.01)
    assert float(moved.max()) == pytest.approx(0.75, abs=0.01)
    x = pictures(500, 1)
    contrast = augment(x, ["colour"], Noise(0)).flatten(1).std(1) / x.flatten(1).std(1)
    assert float(contrast.min()) == pytest.approx(0.5, abs=0.02)
    assert float(contrast.max()) == pytest.approx(1.5, abs=0.02)


def test_translation_moves_whole_pixels_by_up_to_an_eighth() -> None:
    x = pictures(400, 1, 16, 24)
    out = augment(x, ["translation"], Noise(0))
    seen = set()
    for before, after in zip(x[:, 0], out[:, 0], strict=True):
        found = [
            (down, right) for down in range(-2, 3) for right in range(-3, 4) if _is_moved(before, after, down, right)
        ]
        assert len(found) == 1
        seen.add(found[0])
    assert len(seen) == 5 * 7


def _is_moved(before: torch.Tensor, after: torch.Tensor, down: int, right: int) -> bool:
    expected = torch.full_like(before, 0.5)
    h, w = before.shape
    expected[max(0, down) : h + min(0, down), max(0, right) : w + min(0, right)] = before[
        max(0, -down) : h + min(0, -down), max(0, -right) : w + min(0, -right)
    ]
    return torch.equal(after, expected)


@pytest.mark.parametrize("side", [8, 9, 10])
def test_what_is_cut_out_is_one_square_of_half_the_side(side: int) -> None:
    x = 1 + pictures(2500, 1, side, side)  # nothing is grey before
    holes = augment(x, ["cutout"], Noise(0))[:, 0] == 0.5
    half = int(side / 2 + 0.5)
    rows, columns = holes.any(2).sum(1), holes.any(1).sum(1)
    assert torch.equal(holes.sum((1, 2)), rows * columns), "a rectangle"
    assert int(rows.max()) == int(columns.max()) == half
    for axis in (1, 2):
        share = holes.any(axis).float().mean(0)
        assert torch.allclose(share, share.flip(0), atol=0.06), "no side is preferred"


@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_pass_also_second_ones(channels: int) -> None:
    x = pictures(2, channels, 8, 8).double().requires_grad_(True)

    def seen(x: torch.Tensor) -> torch.Tensor:
        return augment(x, CHANGES, Noise(5)).square().sum((1, 2, 3))

    assert torch.autograd.gradcheck(seen, x)
    assert torch.autograd.gradgradcheck(seen, x)
    (gradient,) = torch.autograd.grad(seen(x).sum(), x)
    assert bool((gradient != 0).any())


@pytest.mark.parametrize(
    ("written", "policy"),
    [
        ("none", ()),
        (None, ()),
        ("colour,translation, cutout", CHANGES),
        (["cutout"], ("cutout",)),
        ("colour", ("colour",)),
    ],
)
def test_the_policy_as_it_may_be_written(written: Any, policy: tuple[str, ...]) -> None:
    config = GANConfig.model_validate({"augment": written})
    assert config.augment == policy
    assert GANConfig.model_validate_json(config.model_dump_json()) == config


def test_policies_that_cannot_be() -> None:
    with pytest.raises(ValidationError, match="cutout"):
        GANConfig.model_validate({"augment": "colour,cut"})
    with pytest.raises(InputError, match="augment: colour changes pictures, got samples of 2; leave it out"):
        GAN(GANConfig(augment=("colour",)), (2,))


def small(**settings: Any) -> GAN:
    config = GANConfig.model_validate({"latent": 4, "width": 4, **settings})
    return build_model(GAN, config, (1, 8, 8), Noise(0))


@pytest.mark.parametrize("loss", ["bce", "relativistic", "wgan-gp"])
def test_both_sorts_are_changed_in_both_turns_and_held_out_ones_are_not(
    loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []
    model = small(loss=loss, augment="cutout")
    real = model.judge

    def spy(x: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        seen.append(x.detach())
        return real(x, y)

    monkeypatch.setattr(model, "judge", spy)
    x = 0.7 + 0.3 * pictures(64, 1, 8, 8)
    model._critic_loss(Batch(x, Noise(1)))
    model._generator_loss(Batch(x, Noise(1)))
    whole_holes = [bool(((batch == 0.5).flatten(1).sum(1) >= 4).all()) for batch in seen]
    mixtures = 1 if loss == "wgan-gp" else 0
    assert sum(whole_holes) == len(seen) - mixtures
    holes = [batch == 0.5 for batch in seen[:2]]
    assert not torch.equal(*holes), "real and made ones are changed apart"
    seen.clear()
    model._critic_loss(Batch(x, Noise(1), training=False))
    assert torch.equal(seen[0], x)


def test_the_generator_learns_through_the_changes() -> None:
    model = small(augment="colour,translation,cutout")
    model._generator_loss(Batch(pictures(16, 1, 8, 8), Noise(1)))["loss"].backward()
    assert all(bool((parameter.grad != 0).any()) for parameter in model.generator.parameters())


def test_without_augmentation_the_bits_are_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = Dataset("noise", (255 * pictures(64, 1, 8, 8).numpy()).astype(np.uint8), {}, np.arange(8), "0")
    config = TrainingConfig.model_validate({"duration": "4 steps", "batch": 8, "precision": "fp32"})

    def weights(folder: str, **settings: Any) -> list[torch.Tensor]:
        model = small(**settings)
        train(model, data, config, tmp_path / folder, Noise(2))
        return list(model.state_dict().values())

    plain = weights("a")
    assert not all(torch.equal(a, b) for a, b in zip(plain, weights("b", augment="colour"), strict=True))
    monkeypatch.setattr(GAN, "_seen", lambda self, x, batch, which: x)  # as if there were no augmentation at all
    assert all(torch.equal(a, b) for a, b in zip(plain, weights("c"), strict=True))
