"""`train`: settings are checked before any work; the same seed gives the same weights; a break is no loss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from steps.doing import check, do
from steps.models import context, dataset, registry

from gdl_core import media
from gdl_core.errors import CancelledError, DataError
from gdl_core.registry import get_registry
from gdl_core.steps.train import Arguments, run


def train(folder: Path, surroundings: Any = None, **arguments: Any) -> Any:
    told = {"model": "line-vae", "data": dataset(), "for": "4 epochs", "batch": 32, "precision": "fp32", **arguments}
    return do("train", folder, surroundings, **told)


def test_a_trained_model_says_what_it_is(tmp_path: Path) -> None:
    surroundings = context(tmp_path, "train")
    trained = train(tmp_path, surroundings, set={"latent": 3}, ema=0.9)
    assert trained.name == "dots/line-vae"
    assert trained.config == {"latent": 3}
    assert trained.data_shape == (1, 16, 16)
    assert trained.tile >= 8
    assert trained.data["columns"]["right"] == ["no", "yes"]
    assert trained.training["steps"] == 4 * (180 // 32)
    assert trained.training["ema"] == 0.9
    assert {"epoch", "loss", "held_out_loss", "kl"} <= set(trained.history.header)
    assert len(trained.history.rows) == 4
    assert not trained.model.training
    assert any("line-vae: 20 steps" in note for note in surroundings.notes)


def test_previews_are_left_in_the_steps_folder(tmp_path: Path) -> None:
    train(tmp_path)
    previews = sorted((tmp_path / "train" / "previews").iterdir())
    assert [path.name for path in previews] == ["0000005.png", "0000010.png", "0000020.png"]
    assert media.read(previews[0], registry()).pixels.shape[0] == 1
    train(tmp_path / "other", previews=False)
    assert not (tmp_path / "other" / "train" / "previews").exists()


def test_previews_and_labels_change_no_bit(tmp_path: Path) -> None:
    first = train(tmp_path / "a")
    second = train(tmp_path / "b", previews=False)
    assert first.fingerprint == second.fingerprint
    assert train(tmp_path / "c", context(tmp_path / "c", "train", seed=8)).fingerprint != first.fingerprint


def test_broken_off_and_run_again_it_ends_the_same(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole")
    surroundings = context(tmp_path / "broken", "train")
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 9

    surroundings.cancelled = cancelled
    with pytest.raises(CancelledError):
        train(tmp_path / "broken", surroundings)
    resumed = context(tmp_path / "broken", "train")
    again = train(tmp_path / "broken", resumed)
    assert again.fingerprint == whole.fingerprint
    assert any("gone on from step" in note for note in resumed.notes)


def faults(folder: Path, **arguments: Any) -> list[str]:
    told = {"model": "line-vae", "data": dataset(), "for": "4 epochs", **arguments}
    return check("train", folder, **told)[1]


def test_faults_are_found_before_any_work(tmp_path: Path) -> None:
    (message,) = faults(tmp_path, set={"latnet": 3})
    assert "unknown key 'latnet'" in message
    assert "did you mean 'latent'" in message
    (message,) = faults(tmp_path, set={"latent": "many"})
    assert "latent" in message
    (message,) = faults(tmp_path, model="line-vea")
    assert "did you mean 'line-vae'" in message
    (message,) = faults(tmp_path, model="dot")
    assert "is not trained" in message
    _, (message,) = check("train", tmp_path, model="line-vae", data=dataset())
    assert message == "model line-vae needs 'for': how long to train, like '40 epochs' or '2000 steps'"
    assert faults(tmp_path) == []
    assert not (tmp_path / "step").exists()


def test_the_place_of_a_fault_leads_to_the_setting(tmp_path: Path) -> None:
    built = Arguments.model_validate(
        {"model": "line-vae", "data": dataset(), "for": "4 epochs", "set": {"latnet": 3}}, context={"base": tmp_path}
    )
    assert [path for path, _ in built.faults(registry())] == [("set", "latnet")]
    assert built.gives_roles(registry()) == {"trains", "samples", "encodes", "decodes"}
    assert (
        Arguments.model_validate(
            {"model": "nobody", "data": dataset(), "for": "1 step"}, context={"base": tmp_path}
        ).gives_roles(registry())
        == frozenset()
    )


def test_training_goes_on_from_another_models_weights(tmp_path: Path) -> None:
    first = train(tmp_path / "first", set={"latent": 3})
    fresh = train(tmp_path / "fresh", set={"latent": 3}, **{"for": "1 epochs"})
    on = train(tmp_path / "on", **{"for": "1 epochs", "from": first})
    assert on.config == {"latent": 3}
    assert on.training["from"] == first.fingerprint
    losses = {name: one.history.rows[0][one.history.header.index("loss")] for name, one in (("on", on), ("new", fresh))}
    last = first.history.rows[-1][first.history.header.index("loss")]
    assert losses["on"] < last < losses["new"]
    assert first.fingerprint != on.fingerprint != fresh.fingerprint


def test_a_model_to_begin_with_must_fit(tmp_path: Path) -> None:
    first = train(tmp_path / "first", set={"latent": 3})
    with pytest.raises(DataError, match=r"do not fit: settings differ \(latent 3 and 4\); leave those settings out"):
        train(tmp_path / "other", set={"latent": 4}, **{"from": first})
    with pytest.raises(DataError, match="needs 'from' to be a dots/line-vae, but a dots/sorter was given"):
        train(tmp_path / "other", **{"from": replace(first, name="dots/sorter")})


def _with_all_plugins(folder: Path, **arguments: Any) -> Any:
    surroundings = context(folder, "train")
    surroundings.registry = get_registry()
    built = Arguments.model_validate({"precision": "fp32", **arguments}, context={"base": folder})
    assert not list(built.faults(surroundings.registry))
    return run(built, surroundings)


def test_names_that_a_model_has_learned_must_be_those_of_the_data(tmp_path: Path) -> None:
    def of(names: tuple[str, ...]) -> Any:
        return replace(dataset(), columns={"right": replace(dataset().columns["right"], names=names)})

    probe = {"model": "probe", "set": {"width": 4}, "for": "1 epochs", "data": of(("no", "yes"))}
    first = _with_all_plugins(tmp_path / "first", **probe)
    for names, told in ((("yes", "no"), "no, yes, the data have yes, no"), (("no", "dog"), "yes, the data have dog")):
        with pytest.raises(DataError, match=f"other targets: {told}; train without"):
            _with_all_plugins(tmp_path / names[0], **{**probe, "set": {}, "data": of(names), "from": first})
    again = _with_all_plugins(tmp_path / "again", **{**probe, "set": {}, "from": first})
    assert again.training["from"] == first.fingerprint


def test_settings_that_do_not_go_with_those_of_the_model_to_begin_with_are_told(tmp_path: Path) -> None:
    gan = {"model": "gan", "for": "1 steps", "batch": 8, "data": dataset()}
    first = _with_all_plugins(tmp_path / "first", **gan, set={"gamma": 1.0, "width": 4})
    with pytest.raises(DataError, match=r"do not go together: .*gamma"):
        _with_all_plugins(tmp_path / "other", **gan, set={"loss": "wgan"}, **{"from": first})


def test_a_setting_that_the_data_overrules_is_told(tmp_path: Path) -> None:
    pytest.importorskip("gdl_baseline", reason="needs its plugin")
    surroundings = replace(context(tmp_path, "train"), registry=get_registry())
    run(Arguments.model_validate({"model": "few", "data": dataset(), "set": {"n": 5000}}), surroundings)
    assert any(note.startswith("train: n is not as it was set; for dots it is 180") for note in surroundings.notes)
