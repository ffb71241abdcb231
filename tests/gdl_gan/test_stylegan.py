"""The style-based GAN: its spaces, its game, what its kernels may not change, and that a killed training goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from gdl_core.contracts import Batch
from gdl_core.data.dataset import Dataset
from gdl_core.errors import CancelledError, InputError
from gdl_core.latent.fingerprint import fingerprint
from gdl_core.latent.tiles import decode_rows, measure_tile, sample_rows
from gdl_core.model_file import read_model, write_model
from gdl_core.noise import Noise
from gdl_core.registry import get_registry
from gdl_core.training.build import build_model
from gdl_core.training.config import TrainingConfig
from gdl_core.training.loop import train
from gdl_core.training.players import Game
from gdl_core.values import TrainedModel
from gdl_gan.style_layers import EqualConv, StyledConv
from gdl_gan.stylegan import StyleGAN
from gdl_gan.stylegan_config import StyleGANConfig

SMALL = {"latent": 6, "style": 5, "mapping": 2, "width": 4, "most": 8}
FLOAT32 = {"precision": "fp32", "batch": 8}


def pictures(n: int = 40, size: int = 16) -> Dataset:
    data = np.random.default_rng(0).integers(0, 255, (n, 1, size, size), dtype=np.uint8)
    return Dataset("noise", data, {}, np.arange(n - 8, n), "0")


def stylegan(data_shape: tuple[int, ...] = (1, 16, 16), **settings: Any) -> StyleGAN:
    return build_model(StyleGAN, StyleGANConfig.model_validate({**SMALL, **settings}), data_shape, Noise(0))


def trained(model: StyleGAN) -> TrainedModel:
    model.eval()
    config = model.config.model_dump(mode="json")
    return TrainedModel(
        model, "gan/stylegan", "0", config, model.data_shape, measure_tile(model), fingerprint(model, config)
    )


def noisy(model: StyleGAN) -> StyleGAN:
    """Give every layer noise to add and every bias something to be; they begin as zero."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("strength", "strengths", "bias")):
                parameter.add_(0.3 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        ((3, 16, 16), 6),
        ((1, 32, 32), 8),
        ((3, 64, 64), 10),
        ((1, 128, 128), 12),
        ((3, 256, 256), 14),
        ((2, 13, 22), 4),
        ((1, 28, 28), 6),
    ],
)
def test_pictures_of_any_size(shape: tuple[int, ...], layers: int) -> None:
    model = stylegan(shape)
    model.eval()
    with torch.no_grad():
        z = model.prior(3, Noise(1))
        made = model.decode(z)
        judged = model.judge(made)
        w = model.style(z)
    assert made.shape == (3, *shape)
    assert 0 <= float(made.min()) < float(made.max()) <= 1
    assert judged.shape == (3,)
    assert made.dtype == judged.dtype == w.dtype == torch.float32
    assert model.style_shape == (layers, 5)
    assert w.shape == (3, 5)
    assert model.style_mean().shape == (5,)
    with torch.no_grad():
        assert torch.equal(model.synthesise(w[:, None].expand(-1, layers, -1)), made)


@pytest.mark.parametrize("critic", ["residual", "plain", "dcgan"])
@pytest.mark.parametrize(("shape", "layers"), [((3, 32, 32), 6), ((1, 64, 64), 8), ((2, 13, 22), 2), ((1, 28, 28), 4)])
def test_folded_pictures_have_no_layer_at_full_resolution(shape: tuple[int, ...], layers: int, critic: str) -> None:
    model = stylegan(shape, fold=True, critic=critic)
    model.eval()
    sides: list[int] = []
    for module in (*model.generator.synthesis.convolutions, *model.critic.blocks.modules()):
        if isinstance(module, (EqualConv, StyledConv)):
            module.register_forward_hook(lambda module, given, out: sides.append(max(out.shape[2:])))
    with torch.no_grad():
        made = model.decode(model.prior(3, Noise(1)))
        assert model.judge(made).shape == (3,)
    assert made.shape == (3, *shape)
    assert model.style_shape == (layers, 5)
    assert max(sides) <= -(-max(shape[1:]) // 2) + 2
    fine = model.generator.synthesis.fine
    assert fine is not None
    with torch.no_grad():
        fine.weight.zero_()  # what is left is the doubled picture of half the side
        assert not torch.equal(model.decode(model.prior(3, Noise(1))), made)


@pytest.mark.parametrize(("shape", "layers"), [((3, 16, 16), 4), ((3, 64, 64), 6), ((1, 28, 28), 4), ((2, 13, 22), 3)])
def test_layers_of_dcgan_are_styled_too(shape: tuple[int, ...], layers: int) -> None:
    model = noisy(stylegan(shape, network="dcgan"))
    batch = Batch(torch.zeros(8, *shape), Noise(1))
    model.train()
    model._make(batch, model._styles(batch)[0])  # the statistics are of a batch by then
    model.eval()
    assert model.style_shape == (layers, 5)
    assert not [one for one in model.generator.synthesis.modules() if isinstance(one, (EqualConv, StyledConv))]
    with torch.no_grad():
        z = model.prior(3, Noise(1))
        made = model.decode(z)
        w = model.style(z)[:, None].expand(-1, layers, -1).clone()
        assert made.shape == (3, *shape)
        assert made.dtype == torch.float32
        assert torch.equal(model.synthesise(w), made)
        torch.testing.assert_close(model.decode(z[1:]), made[1:])  # each picture is a function of its point
        for layer in range(layers):
            changed = w.clone()
            changed[0, layer] += 1
            after = model.synthesise(changed)
            assert not torch.allclose(after[0], made[0])
            torch.testing.assert_close(after[1:], made[1:])
        drawn = model._synthesise(w[:1].expand(4, -1, -1), Noise(2))
        assert not torch.allclose(drawn[0], drawn[1])
        torch.testing.assert_close(drawn[:2], model._synthesise(w[:1].expand(2, -1, -1), Noise(2)))


def test_a_style_is_a_factor_and_a_summand_of_normalised_features() -> None:
    model = stylegan(network="dcgan", noise=False)
    synthesis = model.generator.synthesis
    seen: list[Tensor] = []
    convolution = synthesis.convolutions[1]
    convolution.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    synthesis.convolutions[0].register_forward_hook(lambda module, given, out: seen.append(out))
    w = torch.randn(8, *model.style_shape)
    model.train()
    with torch.no_grad():
        model._synthesise(w, None)
        made, given = seen
        mean, variance = made.mean((0, 2, 3), keepdim=True), made.var((0, 2, 3), keepdim=True, unbiased=False)
        factor, summand = synthesis.styles[1](w[:, 2])[:, :, None, None].chunk(2, 1)
        normalised = (made - mean) / (variance + 1e-5).sqrt()
    torch.testing.assert_close(given, torch.relu((1 + factor) * normalised + summand), atol=1e-5, rtol=1e-4)


def test_folding_is_of_the_one_network() -> None:
    with pytest.raises(ValidationError, match="'fold' is of network stylegan2; leave it out"):
        StyleGANConfig(network="dcgan", fold=True)


@pytest.mark.parametrize("shape", [(2,), (3, 4, 64)])
def test_samples_that_are_no_pictures_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        InputError, match=r"stylegan makes pictures of 8 × 8 pixels or more, got samples of .*; use gan"
    ):
        stylegan(shape)


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


@pytest.mark.parametrize("shape", [(3, 64, 64), (2, 13, 22)])
def test_a_plain_critic_has_one_convolution_for_each_halving(shape: tuple[int, ...]) -> None:
    plain, residual = stylegan(shape, critic="plain").critic, stylegan(shape).critic
    halvings = stylegan(shape).generator.synthesis.layers // 2 - 1
    convolutions = [module for module in plain.blocks.modules() if isinstance(module, EqualConv)]
    assert len(convolutions) == halvings
    assert [convolution.down for convolution in convolutions] == [False] + [True] * (halvings - 1)
    assert convolutions[0].weight.shape[1] == 4 * shape[0]  # pixels are folded, not filtered
    assert sum(isinstance(module, EqualConv) for module in residual.blocks.modules()) == 3 * halvings + 1
    assert plain(torch.rand(6, *shape)).shape == (6,)


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("critic", ["residual", "plain", "dcgan"])
def test_no_critic_is_blind_to_the_finest_pattern(critic: str, fold: bool) -> None:
    """What a filter would take away: pixels that are lighter and darker in turn."""
    model = stylegan((1, 32, 32), critic=critic, fold=fold)
    x = torch.full((4, 1, 32, 32), 0.5)
    board = ((torch.arange(32)[:, None] + torch.arange(32)) % 2 - 0.5) * 0.2
    board[:8], board[-8:], board[:, :8], board[:, -8:] = 0, 0, 0, 0  # the border would give it away
    with torch.no_grad():
        seen = (model.judge(x + board) - model.judge(x)).abs().min()
        other = (model.judge(x + board.abs()) - model.judge(x)).abs().min()
    assert seen > 0.05 * other


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
            assert all(".noise" in name or (round_ and name == "path_mean") for name in still)


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
    assert float(whole.generator.path_mean) > 0
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


def test_the_tile_counts_every_layer() -> None:
    """Two layers of 64 × 64 × 16 float32 are half a MiB a sample, so 16 MiB hold no more than 32."""
    assert measure_tile(stylegan((1, 64, 64), width=16, most=16)) <= 32


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
