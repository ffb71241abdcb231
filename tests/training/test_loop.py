"""What the loop promises to everything that is trained in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from training.toys import Duel, Toy, fingerprint, fit, make, pictures

from gdl_core.contracts import Batch, Losses, Model
from gdl_core.errors import InputError, MediaError
from gdl_core.noise import Noise


def test_the_loss_falls_and_the_curve_tells_it(tmp_path: Path) -> None:
    model = make()
    trained = fit(model, tmp_path, duration="30 epochs")
    losses = [float(str(value)) for value in trained.history.column("loss")]
    assert len(losses) == 30
    assert losses[-1] < 0.8 * losses[0]
    assert trained.history.column("epoch") == tuple(range(1, 31))
    assert trained.steps == 90
    assert trained.epochs == 30
    assert not model.training
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(3, 91, 3))


def test_the_same_training_twice_is_bit_identical_and_another_seed_is_not(tmp_path: Path) -> None:
    first, second, other = make(), make(), make(seed=4)
    assert fit(first, tmp_path / "a").history == fit(second, tmp_path / "b").history
    fit(other, tmp_path / "c")
    assert fingerprint(first) == fingerprint(second) != fingerprint(other)


@pytest.mark.parametrize("model_class", [Toy, Duel])
def test_looking_does_not_change_what_is_trained(tmp_path: Path, model_class: type[Model]) -> None:
    def look(shown: Model, step: int) -> None:
        assert not shown.training
        assert not torch.is_grad_enabled()
        torch.randn(3)
        Noise(0).normal(2, (2,))

    plain, watched = make(model_class), make(model_class)
    fit(plain, tmp_path / "a", held_out=0, finite_every=1000)
    fit(watched, tmp_path / "b", held_out=12, every="1 steps", preview=look, preview_every=1, checkpoint_seconds=0)
    assert fingerprint(plain) == fingerprint(watched)


def test_labels_never_reach_a_generative_model(tmp_path: Path) -> None:
    seen = []

    class Curious(Toy):
        def loss(self, batch: Batch) -> Losses:
            seen.append(dict(batch.columns))
            return super().loss(batch)

    class Asking(Curious):
        uses_columns = True

    plain, shuffled = make(Curious), make(Curious)
    fit(plain, tmp_path / "a")
    fit(shuffled, tmp_path / "b", pictures(labels=[2] * 60))
    assert fingerprint(plain) == fingerprint(shuffled)
    assert not any(seen)
    seen.clear()
    fit(make(Asking), tmp_path / "c", duration="1 steps")
    assert seen[0]["label"].shape == (16,)


def test_previews_come_at_powers_of_two_and_then_regularly(tmp_path: Path) -> None:
    steps: list[int] = []
    fit(make(), tmp_path, duration="13 epochs", preview=lambda model, step: steps.append(step // 3), preview_every=5)
    assert steps == [1, 2, 4, 5, 8, 10]


def test_a_preview_that_fails_stops_previews_and_nothing_else(tmp_path: Path) -> None:
    def fail(model: Model, step: int) -> None:
        raise MediaError("no room for pictures")

    trained = fit(make(), tmp_path, preview=fail)
    assert trained.steps == 12
    assert trained.notes[0] == "no previews from step 3 on: no room for pictures"


def test_durations_in_steps_and_sets_smaller_than_a_batch(tmp_path: Path) -> None:
    trained = fit(make(), tmp_path / "a", duration="7 steps", every="3 steps")
    assert trained.history.column("step") == (3, 6, 7)
    assert trained.history.column("epoch") == (1, 2, 2.3333)
    small = fit(make(), tmp_path / "b", pictures(9, 0), batch=512)
    assert small.samples == 4 * 9
    assert not any(name.startswith("held_out") for name in small.history.header)


def test_progress_counts_to_the_end_and_names_the_losses(tmp_path: Path) -> None:
    calls: list[tuple[int, int, dict[str, float]]] = []
    fit(make(), tmp_path, progress=lambda done, total, **parts: calls.append((done, total, parts)))
    assert calls[0] == (0, 12, {})
    assert calls[-1][:2] == (12, 12)
    assert set(calls[-1][2]) == {"loss", "reconstruction", "spread"}


def test_the_world_is_left_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(1)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    fit(make(), tmp_path, threads=threads + 1)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.get_num_threads() == threads


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="device 'cudda' cannot be used"):
        fit(make(), tmp_path, device="cudda")
