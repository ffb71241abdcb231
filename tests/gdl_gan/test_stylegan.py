"""The style-based GAN: its spaces, its game, what its kernels may not change, and that a killed training goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from style_games import noisy, pictures, stylegan
from torch import Tensor

from gdl_core.contracts import Batch
from gdl_core.data.dataset import Dataset
from gdl_core.errors import CancelledError
from gdl_core.latent.fingerprint import fingerprint
from gdl_core.latent.tiles import decode_rows, measure_tile, sample_rows
from gdl_core.model_file import read_model, write_model
from gdl_core.noise import Noise
from gdl_core.registry import get_registry
from gdl_core.training.config import TrainingConfig
from gdl_core.training.loop import train
from gdl_core.training.players import Game
from gdl_core.values import TrainedModel
from gdl_gan.stylegan import StyleGAN
from gdl_gan.stylegan_config import StyleGANConfig

FLOAT32 = {"precision": "fp32", "batch": 8}


def trained(model: StyleGAN) -> TrainedModel:
    model.eval()
    config = model.config.model_dump(mode="json")
    return TrainedModel(
        model, "gan/stylegan", "0", config, model.data_shape, measure_tile(model), fingerprint(model, config)
    )


def test_the_spec_says_what_the_class_does() -> None:
    spec = get_registry().find("model", "stylegan")
    assert frozenset(spec.roles) == StyleGAN.roles() == {"trains", "samples", "decodes", "styles"}


def test_decoding_is_a_function_of_the_point_and_each_layer_has_its_style() -> None:
    model = noisy(stylegan())
    with torch.no_grad():
        z = model.prior(2, Noise(1))
        assert torch.equal(model.decode(z), model.decode(z))
        w = model.style(z)[:, None].expand(-1, model.style_shape[0], -1).clone()
        before = model.synthesise(w)
        for layer in range(model.style_shape[0]):
            changed = w.clone()
            changed[0, layer] += 1
            after = model.synthesise(changed)
            assert not torch.equal(after[0], before[0])
            torch.testing.assert_close(after[1], before[1])


def test_training_draws_the_noise_of_layers_row_by_row() -> None:
    model = noisy(stylegan())
    with torch.no_grad():
        w = model.style(model.prior(1, Noise(1)))[:, None].expand(4, model.style_shape[0], -1)
        drawn = model._synthesise(w, Noise(2))
        assert torch.equal(drawn, model._synthesise(w, Noise(2)))
        assert not torch.equal(drawn, model._synthesise(w, Noise(3)))
        assert not torch.allclose(drawn[0], drawn[1])  # one style, and noise of its own for each row
        torch.testing.assert_close(drawn[:2], model._synthesise(w[:2], Noise(2)))
        fixed = model.synthesise(w)
        torch.testing.assert_close(fixed[0], fixed[1])


@pytest.mark.parametrize("network", ["stylegan2", "dcgan"])
def test_without_noise_nothing_is_drawn_and_nothing_kept_for_it(network: str) -> None:
    model = stylegan(noise=False, network=network)
    model.eval()
    assert not [name for name in model.state_dict() if "strength" in name or "noise" in name]
    with torch.no_grad():
        w = model.style(model.prior(2, Noise(1)))[:, None].expand(2, model.style_shape[0], -1)
        assert torch.equal(model._synthesise(w, Noise(2)), model.synthesise(w))


def test_mixed_styles_have_layers_of_both_points() -> None:
    model = stylegan(mixing=0.75)
    batch = Batch(torch.zeros(400, 1, 16, 16), Noise(5))
    with torch.no_grad():
        styles, first = model._styles(batch)
        second = model.style(model.prior(400, batch.noise.stream("second z")))
    layers = model.style_shape[0]
    is_first, is_second = ((styles == other[:, None]).all(2) for other in (first, second))
    assert bool((is_first ^ is_second).all())
    counts = is_first.sum(1)
    assert bool((is_first == (torch.arange(layers) < counts[:, None])).all())  # the first's layers are the coarse ones
    assert set(counts.tolist()) == set(range(1, layers + 1))
    assert float((counts < layers).float().mean()) == pytest.approx(0.75, abs=0.07)
    seen = [int((counts == count).sum()) for count in range(1, layers)]
    assert min(seen) > 0.6 * max(seen)  # any place alike
    unmixed, _ = model._styles(Batch(batch.x, batch.noise, training=False))
    assert torch.equal(unmixed, first[:, None].expand(-1, layers, -1))


def penalties(model: StyleGAN, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return both players' losses on turns with penalties, what they tell, and their gradients."""
    x = torch.rand(8, 1, 16, 16, generator=torch.Generator().manual_seed(0)).to(dtype)
    out = {}
    for name, loss, module in (
        ("critic", model._critic_loss, model.critic),
        ("generator", model._generator_loss, model.generator),
    ):
        told = loss(Batch(x, Noise(1)))
        out |= {f"{name}_{key}": value.detach() for key, value in told.items()}
        parameters = dict(module.named_parameters())
        gradients = torch.autograd.grad(told["loss"], list(parameters.values()))
        out |= {f"{name} {key}": value for key, value in zip(parameters, gradients, strict=True)}
    return out


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("critic", ["residual", "plain", "dcgan"])
def test_fused_kernels_and_plain_torch_are_one_model(critic: str, fold: bool) -> None:
    """R1 and path lengths differentiate twice, so second derivatives of every kernel are in these gradients."""
    settings: dict[str, Any] = {"gamma": 5.0, "lazy": 2, "path_every": 2, "critic": critic, "fold": fold}
    fused = noisy(stylegan(kernels="fused", **settings))
    plain = noisy(stylegan(kernels="reference", **settings))
    plain.load_state_dict(fused.state_dict())
    ours, theirs = penalties(fused, torch.float32), penalties(plain, torch.float32)
    assert ours.keys() == theirs.keys()
    assert {"critic_penalty", "generator_path_length", "generator_path_penalty"} <= ours.keys()
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], rtol=2e-3, atol=2e-5, msg=lambda text, name=name: name + text)


def test_the_kernels_setting_reaches_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    from gdl_core.kernels import ops

    def refuse(*arguments: Any) -> Any:
        raise AssertionError("a native kernel was called")

    monkeypatch.setattr(ops, "resample", refuse)
    monkeypatch.setattr(ops, "bias_act_forward", refuse)
    model = stylegan(kernels="reference")
    model._critic_loss(Batch(torch.rand(4, 1, 16, 16), Noise(1)))
    model._generator_loss(Batch(torch.rand(4, 1, 16, 16), Noise(1)))


def test_bfloat16_trains_with_penalties_in_float32() -> None:
    model = noisy(stylegan(gamma=5.0))
    exact = penalties(model, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = penalties(noisy(stylegan(gamma=5.0)), torch.float32)
    for name in ("critic_penalty", "generator_path_length"):
        torch.testing.assert_close(coarse[name], exact[name], rtol=1e-5, atol=0)
    assert all(value.dtype == torch.float32 for value in coarse.values())
    assert coarse["critic_loss"].item() == pytest.approx(exact["critic_loss"].item(), rel=0.02)
    for name in ("critic", "generator"):
        one, other = (
            torch.cat([value.flatten() for key, value in found.items() if key.startswith(f"{name} ")])
            for found in (exact, coarse)
        )
        assert torch.nn.functional.cosine_similarity(one, other, dim=0) > 0.99


def test_penalties_come_every_so_many_turns_and_count_for_those_between() -> None:
    model = stylegan(gamma=3.0, lazy=4, path_every=3, path_weight=2.0, mixing=0.0)
    x, noise = pictures().tensor(range(8)), Noise(1)
    with_it, without = (model._critic_loss(Batch(x, noise, turn=turn)) for turn in (8, 9))
    assert "penalty" not in without
    expected = without["loss"].item() + 3.0 * 4 * with_it["penalty"].item()
    assert with_it["loss"].item() == pytest.approx(expected, rel=1e-5)
    with_it, without = (model._generator_loss(Batch(x, noise, turn=turn)) for turn in (6, 7))
    assert "path_penalty" not in without
    expected = without["loss"].item() + 2.0 * 3 * with_it["path_penalty"].item()
    assert with_it["loss"].item() == pytest.approx(expected, rel=1e-5)
    for loss in (model._critic_loss, model._generator_loss):
        assert not {"penalty", "path_penalty"} & loss(Batch(x, noise, turn=0, training=False)).keys()


def test_r1_is_of_pictures_as_the_critic_sees_them() -> None:
    model = stylegan()
    x = pictures().tensor(range(8))
    shown = (2 * x - 1).requires_grad_()
    (gradient,) = torch.autograd.grad(model.critic(shown).sum(), shown)
    expected = 0.5 * gradient.square().sum((1, 2, 3)).mean()
    torch.testing.assert_close(model._critic_loss(Batch(x, Noise(1)))["penalty"], expected)


def test_lazy_penalties_slow_adam_as_the_paper_says() -> None:
    critic, generator = stylegan(lr=0.02, beta1=0.5, beta2=0.9, lazy=4, path_every=9).players()
    assert (critic.lr, generator.lr) == pytest.approx((0.02 * 4 / 5, 0.02 * 9 / 10))
    assert critic.betas == pytest.approx((0.5 ** (4 / 5), 0.9 ** (4 / 5)))
    critic, generator = stylegan(lr=0.02, critic_lr=0.01, gamma=0, path_weight=0).players()
    assert (critic.lr, generator.lr, critic.betas) == (0.01, 0.02, (0.0, 0.99))


def test_the_means_are_tracked_in_the_generator_s_turns() -> None:
    model = stylegan(mean_decay=0.9, path_decay=0.8, path_every=2, mixing=0.0)
    x = torch.zeros(8, 1, 16, 16)
    with torch.no_grad():
        expected, lengths = torch.zeros(5), torch.zeros(())
    for turn in range(6):
        batch = Batch(x, Noise(1).stream(turn), turn=turn)
        told = model._generator_loss(batch)
        model._critic_loss(batch)
        with torch.no_grad():
            mean = model.style(model.prior(8, batch.noise.stream("z"))).mean(0)
        expected = expected.lerp(mean, 1 - min(0.9, (1 + turn) / (10 + turn)))
        if turn % 2 == 0:
            lengths = lengths.lerp(told["path_length"], 1 - min(0.8, (1 + turn // 2) / (10 + turn // 2)))
    torch.testing.assert_close(model.style_mean(), expected)
    torch.testing.assert_close(model.generator.path_mean, lengths)
    kept = {name: value.clone() for name, value in model.named_buffers()}
    model._generator_loss(Batch(x, Noise(2), training=False))
    assert all(torch.equal(value, kept[name]) for name, value in model.named_buffers())


@pytest.mark.parametrize("network", ["stylegan2", "dcgan"])
def test_a_turn_leaves_the_other_player_alone_and_moves_all_of_its_own(network: str) -> None:
    model = stylegan(network=network)
    game = Game(model)
    model.train()
    for round_ in range(2):  # turns with penalties and turns without
        for seat in game.seats:
            other = model.generator if seat.player.name == "critic" else model.critic
            mine = model.critic if seat.player.name == "critic" else model.generator
            before = {name: value.clone() for name, value in other.state_dict().items()}
            own = {name: value.clone() for name, value in mine.state_dict().items()}
            with game.turn(seat):
                batch = Batch(pictures().tensor(range(16)), Noise(1), turn=round_)
                seat.player.loss(batch)["loss"].backward()  # type: ignore[no-untyped-call]
                seat.optimiser.step()
                seat.optimiser.zero_grad()
            assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())
            assert all(parameter.grad is None for parameter in other.parameters())
            still = {name for name, value in mine.state_dict().items() if torch.equal(value, own[name])}
            assert all(".noise" in name or (name == "path_mean" and (round_ or network == "dcgan")) for name in still)


@pytest.mark.parametrize("network", ["stylegan2", "dcgan"])
def test_a_killed_training_goes_on_to_the_same_weights(tmp_path: Path, network: str) -> None:
    config = TrainingConfig.model_validate({"duration": "7 steps", "ema": 0.9, **FLOAT32})
    settings = {"lazy": 3, "path_every": 2, "network": network}
    whole, broken = stylegan(**settings), stylegan(**settings)
    train(whole, pictures(), config, tmp_path / "whole", Noise(2))
    asked = iter([False, False, False, True])
    with pytest.raises(CancelledError):
        train(broken, pictures(), config, tmp_path / "broken", Noise(2), cancelled=lambda: next(asked))
    train(broken, pictures(), config, tmp_path / "broken", Noise(2))
    assert (float(whole.generator.path_mean) > 0) is (network == "stylegan2")
    assert float(whole.style_mean().abs().max()) > 0
    for one, other in zip(whole.state_dict().values(), broken.state_dict().values(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("network", ["stylegan2", "dcgan"])
def test_a_sample_is_the_same_alone_in_any_batch_and_from_a_file(tmp_path: Path, network: str) -> None:
    made = trained(noisy(stylegan(network=network)))
    many = sample_rows(made, 20, Noise(3))
    assert torch.equal(many[11:12], sample_rows(made, 1, Noise(3), start=11))
    z = made.model.prior(20, Noise(3))
    assert torch.equal(decode_rows(made, z), many)
    write_model(made, tmp_path / "m.gdl")
    again = read_model(tmp_path / "m.gdl")
    assert torch.equal(sample_rows(again, 20, Noise(3)), many)
    assert torch.equal(again.model.style_mean(), made.model.style_mean())


@pytest.mark.parametrize(("network", "lr"), [("stylegan2", 5e-3), ("dcgan", 5e-3)])
def test_few_pictures_are_learned_by_heart(tmp_path: Path, network: str, lr: float) -> None:
    """Two pictures, dark on the left and dark on the right: what is made comes near one or the other."""
    left = np.full((8, 8), 230, dtype=np.uint8)
    left[:, :4] = 25
    both = np.stack([left, left[:, ::-1]])
    dataset = Dataset("halves", np.tile(both, (16, 1, 1))[:, None], {}, np.arange(0), "0")
    model = stylegan((1, 8, 8), width=8, most=16, network=network, lr=lr, gamma=0.1)

    def distance() -> float:
        model.eval()
        with torch.no_grad():
            made = model.sample(64, Noise(4))
        return float((made - torch.from_numpy(both)[:, None, None] / 255).abs().mean((2, 3, 4)).min(0).values.mean())

    before = distance()
    config = TrainingConfig.model_validate({"duration": "80 steps", "every": "8 steps", **FLOAT32, "batch": 16})
    history = train(model, dataset, config, tmp_path, Noise(2)).history
    assert distance() < 0.5 * before
    column = history.header.index("critic_distance")
    assert history.rows[0][column] != history.rows[-1][column]


@pytest.mark.parametrize(
    "settings", [{"latent": 0}, {"mixing": 1.5}, {"kernels": "cuda"}, {"group": 0}, {"path_decay": 1}, {"lr": 0}]
)
def test_settings_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        StyleGANConfig.model_validate(settings)


def test_r1_grows_with_the_pixels_where_it_is_left_out() -> None:
    config = StyleGANConfig()
    assert config.penalty_weight((3, 64, 64)) == pytest.approx(4 * config.penalty_weight((3, 32, 32)))
    assert StyleGANConfig(gamma=0.5).penalty_weight((3, 64, 64)) == 0.5
