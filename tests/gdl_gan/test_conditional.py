"""A GAN that samples can be asked of by category, and one that never sees a label."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gan_games import build, play, ring
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gdl_core.contracts import Batch
from gdl_core.errors import DataError, InputError, UnknownNameError
from gdl_core.latent.fingerprint import fingerprint
from gdl_core.latent.tiles import sample_rows
from gdl_core.model_file import read_model, write_model
from gdl_core.noise import Noise
from gdl_core.session import Session
from gdl_core.values import Column, TrainedModel
from gdl_gan.config import GANConfig
from gdl_gan.gan import GAN
from gdl_gan.networks import build_critic
from gdl_gan.projection import Projection

LOSSES = ["bce", "hinge", "relativistic", "wgan", "wgan-gp"]
DATA = ring(400, modes=4)


def conditional(**settings: Any) -> GAN:
    return build(DATA, condition="mode", **settings)


def trained(model: GAN, tile: int = 8) -> TrainedModel:
    settings = model.config.model_dump(mode="json")
    return TrainedModel(model.eval(), "gan/gan", "1", settings, model.data_shape, tile, "f")


def test_the_settings_learn_the_categories_and_their_shares() -> None:
    model = conditional()
    counts = np.bincount(DATA.columns["mode"].values[DATA.train], minlength=4)
    assert model.config.categories == tuple(zip("abcd", (counts / counts.sum()).tolist(), strict=True))
    assert model.conditions == {"mode": ("a", "b", "c", "d")}
    assert model.latent_shape == (2 + 4,)
    assert GANConfig.model_validate_json(model.config.model_dump_json()) == model.config
    plain = build(DATA, categories=[("a", 1.0)])
    assert plain.config.categories == ()
    assert plain.latent_shape == (2,)


def test_a_condition_that_cannot_be_is_refused_before_training() -> None:
    with pytest.raises(UnknownNameError, match="ring has no column 'mood'; did you mean 'mode'"):
        build(DATA, condition="mood")
    with pytest.raises(DataError, match="column 'angle' holds numbers"):
        build(DATA, condition="angle")
    with pytest.raises(DataError, match="categories of 'mode' are not known"):
        GAN(GANConfig(condition="mode"), (2,))


def test_wishes_that_cannot_be_met() -> None:
    noise = Noise(0)
    for where, error, words in (
        ({"mood": "a"}, UnknownNameError, "not conditioned on 'mood'; did you mean 'mode'"),
        ({"mode": "e"}, UnknownNameError, r"column 'mode' has no 'e'.*\(its categories: a, b, c, d\)"),
    ):
        with pytest.raises(error, match=words):
            sample_rows(trained(conditional()), 3, noise, where=where)
    with pytest.raises(InputError, match="GAN was trained without labels, so none can be asked for"):
        sample_rows(trained(build(DATA)), 3, noise, where={"mode": "a"})


def test_projection_is_what_the_paper_says() -> None:
    torch.manual_seed(0)
    base = nn.Sequential(nn.Flatten(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 1), nn.Flatten(0))
    critic = Projection(base, 3)
    x, y = torch.randn(7, 2, 3), torch.tensor([0, 1, 2, 0, 1, 2, 1])
    features = base[:3](x)
    expected = base[3](features)[:, 0] + (critic.embedding.weight[y] * features).sum(1)
    assert torch.allclose(critic(x, nn.functional.one_hot(y, 3).float()), expected, atol=1e-6)
    assert torch.allclose(critic(x, torch.zeros(7, 3)), base(x), atol=1e-6), "without a category it is the critic alone"


@pytest.mark.parametrize("network", ["dcgan", "resnet", "coder", "mlp"])
def test_every_network_can_be_conditional(network: str) -> None:
    shares = {"no": 0.25, "yes": 0.75}
    config = GANConfig(network=network, latent=3, width=4, condition="mode", categories=tuple(shares.items()))
    critic = build_critic(config, (1, 8, 8))
    assert isinstance(critic, Projection)
    assert critic(torch.rand(5, 1, 8, 8), torch.eye(2)[[0, 1, 1, 0, 1]]).shape == (5,)
    model = GAN(config, (1, 8, 8)).eval()
    with torch.no_grad():
        assert model.sample(4, Noise(1), mode="yes").shape == (4, 1, 8, 8)


@given(st.integers(0, 40), st.integers(1, 9), st.sampled_from([None, "b"]))
def test_a_row_of_the_prior_is_the_same_alone(start: int, n: int, wanted: str | None) -> None:
    model, where = conditional(), {} if wanted is None else {"mode": wanted}
    many = model.prior(50, Noise(3), **where)
    assert torch.equal(model.prior(n, Noise(3).at(start), **where), many[start : start + n])
    assert torch.equal(many[:, :2], build(DATA).prior(50, Noise(3))), "z is that of a GAN without a condition"
    assert torch.equal(many[:, 2:].sum(1), torch.ones(50))
    if wanted is not None:
        assert bool((many[:, 3] == 1).all())


def test_categories_come_by_their_shares() -> None:
    config = GANConfig(network="mlp", condition="mode", categories=(("a", 0.7), ("b", 0.0), ("c", 0.3)))
    drawn = GAN(config, (2,)).prior(20_000, Noise(5))[:, 64:].mean(0)
    assert drawn.tolist() == pytest.approx([0.7, 0.0, 0.3], abs=0.015)
    assert drawn[1] == 0


def test_scaling_leaves_the_category() -> None:
    z = conditional().prior(9, Noise(0))
    tame = conditional().scaled(z, 0.5)
    assert torch.equal(tame[:, :2], 0.5 * z[:, :2])
    assert torch.equal(tame[:, 2:], z[:, 2:])
    assert torch.equal(build(DATA).scaled(z[:, :2], 0.5), 0.5 * z[:, :2])


@pytest.mark.parametrize("loss", LOSSES)
def test_labels_reach_a_conditional_model_and_no_other(loss: str, tmp_path: Path) -> None:
    codes = DATA.columns["mode"].values
    turned = replace_labels(np.roll(codes, 7))

    def weights(data: Any, folder: str, **settings: Any) -> list[torch.Tensor]:
        model = build(data, loss=loss, **settings)
        play(model, data, tmp_path / folder, 4)
        return list(model.state_dict().values())

    same = zip(weights(DATA, "a"), weights(turned, "b"), strict=True)
    assert all(torch.equal(one, other) for one, other in same)
    other = zip(weights(DATA, "c", condition="mode"), weights(turned, "d", condition="mode"), strict=True)
    assert not all(torch.equal(one, other) for one, other in other)
    seen: list[Any] = []

    class Curious(GAN):
        def _critic_loss(self, batch: Batch) -> Any:
            seen.append(dict(batch.columns))
            return super()._critic_loss(batch)

    play(build(DATA, Curious, loss=loss), DATA, tmp_path / "e", 1)
    assert seen
    assert not any(seen)


def replace_labels(codes: np.ndarray) -> Any:
    return replace_columns({"mode": Column(codes, ("a", "b", "c", "d")), "angle": DATA.columns["angle"]})


def replace_columns(columns: Any) -> Any:
    from gdl_core.data.dataset import Dataset

    return Dataset(DATA.name, DATA.data, columns, DATA.held_out, DATA.fingerprint)


@pytest.mark.parametrize("loss", ["bce", "relativistic", "wgan-gp"])
def test_points_lie_where_they_were_asked_to(loss: str, tmp_path: Path) -> None:
    data = ring(modes=4)
    model = build(data, condition="mode", loss=loss, **({"gamma": 0.1} if loss == "wgan-gp" else {}))
    play(model, data, tmp_path, 300 if loss == "wgan-gp" else 500)
    centres = np.array([[2, 0], [0, 2], [-2, 0], [0, -2]])
    for code, name in enumerate("abcd"):
        x = sample_rows(trained(model), 200, Noise(9), where={"mode": name}).numpy()
        nearest = np.linalg.norm(x[:, None] - centres, axis=-1).argmin(1)
        assert (nearest == code).mean() > 0.9, name
    drawn = sample_rows(trained(model), 400, Noise(9)).numpy()
    shares = np.bincount(np.linalg.norm(drawn[:, None] - centres, axis=-1).argmin(1), minlength=4) / 400
    assert shares.min() > 0.15


def test_a_conditional_model_is_the_same_after_saving_and_in_a_session(tmp_path: Path) -> None:
    from gdl_core.registry import get_registry

    before = replace(trained(conditional()), fingerprint="x")
    write_model(before, tmp_path / "a.gdl", {})
    again = read_model(tmp_path / "a.gdl", get_registry())
    assert again.model.conditions == before.model.conditions
    whole = sample_rows(before, 9, Noise(4).stream("sample"), where={"mode": "c"})
    with Session(again, "cpu") as session:
        assert np.array_equal(session.sample(9, seed=4, where={"mode": "c"}), whole.numpy())
        assert np.array_equal(session.sample(1, seed=4, start=5, where={"mode": "c"}), whole[5:6].numpy())
        with pytest.raises(UnknownNameError, match="has no 'z'"):
            session.sample(1, where={"mode": "z"})


def test_a_file_keeps_the_order_of_categories(tmp_path: Path) -> None:
    names = ("shirt", "bag", "ankle boot", "2", "10")
    model = GAN(GANConfig(condition="mode", categories=tuple((name, 0.2) for name in names)), (2,))
    first = trained(model)
    first = replace(first, fingerprint=fingerprint(model, first.config))
    write_model(first, tmp_path / "gan.gdl")
    again = read_model(tmp_path / "gan.gdl")
    assert again.model.conditions == {"mode": names}
    for name in names:
        asked = [one.model.prior(4, Noise(3), mode=name) for one in (first, again)]
        assert torch.equal(*asked)
        assert asked[0][0, -5:].argmax() == names.index(name)
    shuffled = {**first.config, "categories": first.config["categories"][::-1]}
    assert fingerprint(model, shuffled) != first.fingerprint
