"""A row is the same alone, in any batch and at any offset, bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from latent.models import TinyConfig, TinyConv, TinyMlp, TinyProbe, make

from gdl_core.contracts import Model
from gdl_core.errors import CancelledError, RoleError
from gdl_core.latent.tiles import (
    classify_rows,
    decode_rows,
    encode_rows,
    inference,
    measure_tile,
    sample_rows,
    to_pixels,
)
from gdl_core.noise import Noise

MODELS = [replace(make(TinyMlp, latent=3), tile=8), replace(make(TinyConv, (3, 8, 8), latent=5), tile=16)]
Z = [Noise(1).normal(40, trained.model.latent_shape) for trained in MODELS]
X = [Noise(2).normal(40, trained.data_shape).sigmoid() for trained in MODELS]


@settings(deadline=None, max_examples=25)
@given(which=st.sampled_from([0, 1]), start=st.integers(0, 25), n=st.integers(0, 40))
def test_samples_are_the_same_in_any_request(which: int, start: int, n: int) -> None:
    whole = sample_rows(MODELS[which], 65, Noise(7))
    assert torch.equal(sample_rows(MODELS[which], n, Noise(7), start), whole[start : start + n])


@settings(deadline=None, max_examples=25)
@given(which=st.sampled_from([0, 1]), low=st.integers(0, 40), high=st.integers(0, 40))
def test_decoding_and_encoding_do_not_depend_on_the_batch(which: int, low: int, high: int) -> None:
    trained, z, x = MODELS[which], Z[which], X[which]
    assert torch.equal(decode_rows(trained, z[low:high], start=low), decode_rows(trained, z)[low:high])
    some, whole = encode_rows(trained, x[low:high], start=low), encode_rows(trained, x)
    assert torch.equal(some.mean, whole.mean[low:high])
    if whole.log_var is not None and low < high:
        assert some.log_var is not None
        assert torch.equal(some.log_var, whole.log_var[low:high])


def test_every_pass_has_the_tile_s_size() -> None:
    sizes = []
    trained = MODELS[0]
    handle = trained.model.decoder.register_forward_hook(lambda module, given, result: sizes.append(len(result)))
    try:
        decode_rows(trained, Z[0][:3])
        sample_rows(trained, 1, Noise(0), start=7)
        decode_rows(trained, Z[0][:9])
    finally:
        handle.remove()
    assert sizes == [8, 8, 8, 8]


def test_a_tile_agrees_with_the_plain_model() -> None:
    trained = MODELS[1]
    with inference(trained.model):
        plain = trained.model.decode(Z[1])
    assert torch.allclose(decode_rows(trained, Z[1]), plain, atol=1e-6)


def test_modes_are_given_back_as_they_were() -> None:
    trained = make(TinyMlp)
    trained.model.train()
    trained.model.encoder.eval()
    decode_rows(trained, torch.zeros(3, 2))
    assert trained.model.training
    assert trained.model.decoder[2].training
    assert not trained.model.encoder.training
    with pytest.raises(ValueError, match="latent"):
        decode_rows(trained, torch.zeros(3, 5))
    assert trained.model.training


def test_a_dataset_is_read_by_its_indices() -> None:
    trained, x = MODELS[0], X[0]

    class Few:
        def __len__(self) -> int:
            return len(x)

        def tensor(self, indices: np.ndarray) -> torch.Tensor:
            assert len(indices) <= trained.tile
            return x[torch.as_tensor(indices)]

    indices = np.array([3, 1, 39, 20])
    assert torch.equal(encode_rows(trained, Few(), indices).mean, encode_rows(trained, x[[3, 1, 39, 20]]).mean)
    assert torch.equal(encode_rows(trained, x, indices).mean, encode_rows(trained, x[[3, 1, 39, 20]]).mean)
    assert len(encode_rows(trained, Few()).mean) == 40


def test_a_probe_is_asked_in_tiles() -> None:
    trained = replace(make(TinyProbe), tile=16)
    judged = classify_rows(trained, X[0])
    assert {name: tuple(part.shape) for name, part in judged.items()} == {"smile": (40, 2), "label": (40, 3)}
    assert torch.equal(classify_rows(trained, X[0][16:20])["label"], judged["label"][16:20])
    assert classify_rows(trained, X[0][:0])["smile"].shape[0] == 0
    with pytest.raises(RoleError, match="decodes"):
        decode_rows(trained, torch.zeros(2))


def test_nothing_asked_gives_nothing() -> None:
    trained = MODELS[0]
    assert decode_rows(trained, torch.zeros(0, 3)).shape == (0, 1, 8, 8)
    assert encode_rows(trained, torch.zeros(0, 1, 8, 8)).mean.shape == (0, 3)
    assert sample_rows(trained, 0, Noise(0), 100).shape == (0, 1, 8, 8)
    with pytest.raises(ValueError, match="count from 0"):
        sample_rows(trained, 1, Noise(0), -1)


def test_progress_counts_rows_and_can_stop() -> None:
    seen: list[tuple[int, int]] = []
    sample_rows(MODELS[0], 20, Noise(0), 4, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(4, 20), (12, 20), (20, 20)]

    def stop(done: int, total: int) -> None:
        raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        decode_rows(MODELS[0], Z[0], progress=stop)


def test_the_tile_follows_from_memory() -> None:
    small, large = make(TinyMlp, (1, 4, 4)), make(TinyConv, (3, 96, 96), width=128)
    assert measure_tile(small.model) == 1024
    assert measure_tile(large.model) == 8
    # one sample of the middle one: 12 + 12 + 12 (dropout is a view in evaluation) + 4096 + 4096 (sigmoid) numbers
    middle = make(TinyMlp, (1, 64, 64))
    assert measure_tile(middle.model) == 256
    assert measure_tile(middle.model) == measure_tile(make(TinyMlp, (1, 64, 64), seed=5).model)
    assert not any(module._forward_hooks for module in middle.model.modules())
    assert measure_tile(make(TinyProbe).model) == 1024


def test_a_model_without_parameters_works() -> None:
    class Box(Model):
        def sample(self, n: int, noise: Noise, **options: object) -> torch.Tensor:
            return noise.normal(n, self.data_shape)

    trained = replace(make(TinyProbe), model=Box(TinyConfig(), (2,)), tile=8)
    assert torch.equal(sample_rows(trained, 1, Noise(3), 5)[0], sample_rows(trained, 9, Noise(3))[5])
    assert measure_tile(trained.model) == 1024


def test_pixels_are_rounded_and_clipped() -> None:
    pictures = torch.tensor([-1.0, 0.0, 0.5, 1.0, 1.5, float("nan")]).reshape(1, 1, 2, 3).repeat(2, 3, 1, 1)
    pixels = to_pixels(pictures)
    assert pixels.shape == (2, 2, 3, 3)
    assert pixels.dtype == np.uint8
    assert pixels[0, :, :, 1].ravel().tolist() == [0, 0, 128, 255, 255, 0]
    levels = torch.arange(256).div(255).reshape(1, 1, 16, 16)
    assert (to_pixels(levels).ravel() == np.arange(256)).all()
