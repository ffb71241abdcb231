"""The road from the VAE to the GAN: the layers are the same, what differs is the game."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gdl_core.latent.tiles import measure_tile
from gdl_core.noise import Noise
from gdl_core.registry import get_registry
from gdl_core.steps import layers
from gdl_core.steps.context import StepContext
from gdl_core.training.build import build_model
from gdl_core.values import TrainedModel


def untrained(name: str, shape: tuple[int, ...], **settings: Any) -> TrainedModel:
    registry = get_registry()
    spec = registry.find("model", name)
    config = registry.load(spec, "config").model_validate(settings)
    model = build_model(registry.load(spec, "target"), config, shape, Noise(0)).eval()
    data = {"columns": {"label": ["odd", "even"]}}
    return TrainedModel(model, spec.full_name, "1", config.model_dump(), shape, measure_tile(model), "f", data)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 20, 33)])
def test_generator_and_decoder_have_equal_parameters_and_the_critic_all_but_the_encoders_last(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    vae = untrained("vae", shape, latent=16, network="conv")
    gan = untrained("gan", shape, latent=16, network="coder")
    context = StepContext("layers", Noise(0), tmp_path, tmp_path, get_registry(), device="cpu")
    table = layers.run(layers.Arguments(model=[vae, gan]), context)
    rows = [dict(zip(table.header, row, strict=True)) for row in table.rows]
    generator = [row for row in rows if row["vae part"] == "decoder"]
    assert {row["gan part"] for row in generator} == {"generator"}
    assert {row["equal"] for row in generator} == {"yes", ""}
    assert (
        generator[-1]["vae count"]
        == generator[-1]["gan count"]
        == sum(p.numel() for p in gan.model.generator.parameters())
    )
    critic = [row for row in rows if row["vae part"] == "encoder" and row["vae layer"] != "all"]
    assert {row["gan part"] for row in critic} == {"critic"}
    assert [row["equal"] for row in critic if row["equal"]] == ["yes"] * (
        len([r for r in critic if r["equal"]]) - 1
    ) + ["no"]
    (last,) = [row for row in critic if row["equal"] == "no"]
    assert (last["vae parameters"], last["gan parameters"]) == ("weight 32 × 256, bias 32", "weight 1 × 256, bias 1")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("gan", {"network": "dcgan", "augment": "cutout"}),
        ("gan", {"network": "resnet", "condition": "label", "categories": [("odd", 0.5), ("even", 0.5)]}),
        ("probe", {"targets": {"label": {"names": ["odd", "even"], "commonest": 0}}}),
    ],
)
def test_outputs_of_all_layers_are_seen(name: str, settings: dict[str, Any], tmp_path: Path) -> None:
    from gdl_core.latent.layers import parts_of

    parts = parts_of(untrained(name, (1, 16, 16), **settings))
    assert parts
    assert all(layer.output is not None for part in parts.values() for layer in part)
