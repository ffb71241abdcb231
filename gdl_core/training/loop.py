"""The one loop that trains everything that learns by gradient; what is fitted at once is handed on to `fitting`.

A round is: for each player in order, `turns` turns, each on a batch of its own. Batches, noise and torch's generator
are functions of (seed, step), so a training that was killed goes on from its checkpoint to the same bits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gdl_core.contracts import Batch, Model
from gdl_core.data.dataset import Dataset
from gdl_core.errors import CancelledError, GdlError, PluginError, TrainingError
from gdl_core.noise import Noise
from gdl_core.training import checkpoint, health
from gdl_core.training.average import Average
from gdl_core.training.build import choose_device
from gdl_core.training.config import TrainingConfig
from gdl_core.training.curves import Curves, Log
from gdl_core.training.fitting import fit_at_once
from gdl_core.training.memory import keep_freed_memory, return_freed_memory
from gdl_core.training.order import Order
from gdl_core.training.players import Game, Seat
from gdl_core.training.precision import Verdict, autocast, decide
from gdl_core.training.trained import Trained
from gdl_core.training.watch import LATE, Watch

_PROGRESS_SECONDS = 0.1


def _never() -> bool:
    return False


def _silent(done: int, total: int, **parts: float) -> None:
    """Progress that nobody watches."""


def train(
    model: Model,
    dataset: Dataset,
    config: TrainingConfig,
    folder: Path,
    noise: Noise,
    progress: Callable[..., None] = _silent,
    cancelled: Callable[[], bool] = _never,
    preview: Callable[[Model, int], None] | None = None,
    key: str = "",
    tell: Callable[[str], None] = lambda note: None,
) -> Trained:
    """Train a model in place; in the end it is in eval mode and holds the averaged weights, if they were asked for.

    A model without players is fitted by its own `fit`: the duration and all that belongs to rounds count for nothing.

    Args:
        model: fills the role `trains`; it is moved to the device of the settings.
        dataset: pictures in [0, 1] or vectors. Its columns reach only models that say `uses_columns`.
        config: how long and in what way.
        folder: private to this training: checkpoints and `log.jsonl`. It is made if it is not there.
        noise: stream that order, batches and dropout draw from. Held-out losses and previews have streams of their own.
        progress: called as progress(done, total, **losses), at most ten times a second.
        cancelled: asked before each step; true writes a checkpoint and raises CancelledError.
        preview: called as preview(model, step) at some points of the curve, with the averaged weights, in eval mode.
        key: names all that the training depends on; a checkpoint with the same key is gone on from.
        tell: called with what is noticed while it trains, a sentence at a time; the sentences are among the notes too.

    Raises:
        DataError: the data cannot be what the model was made for.
        TrainingError: a loss is not finite, or the posterior or the generator collapsed and that was to stop it.
        CheckpointError: the folder holds the checkpoint of another training.
        StorageError: a checkpoint cannot be written.
        CancelledError: `cancelled` said so; the same call goes on.
    """
    health.check_data(dataset, model)
    device = choose_device(config.device)
    folder.mkdir(parents=True, exist_ok=True)
    threads = torch.get_num_threads()
    if device.type == "cpu":
        keep_freed_memory()
    try:
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            if model.fits_at_once():
                return fit_at_once(model.to(device), dataset, noise, device, progress, cancelled)
            run = _Run(model.to(device), dataset, config, folder, noise, device, key)
            run.preview, run.watch.tell = preview, tell
            return run.go(progress, cancelled)
    finally:
        torch.set_num_threads(threads)
        if device.type == "cpu":
            return_freed_memory()


class _Run:
    """The state of one training."""

    def __init__(
        self,
        model: Model,
        dataset: Dataset,
        config: TrainingConfig,
        folder: Path,
        noise: Noise,
        device: torch.device,
        key: str,
    ) -> None:
        self.model, self.dataset, self.config, self.folder, self.key = model, dataset, config, folder, key
        self.noise, self.device = noise, device
        self.preview: Callable[[Model, int], None] | None = None
        self.game = Game(model)
        self.order = Order(dataset.train, config.batch, noise.stream("order"))
        self.per_epoch = max(1, self.order.per_epoch // self.game.turns)
        self.total = config.duration.steps(self.per_epoch)
        self.interval = _interval(config, self.per_epoch, self.total)
        rows = dataset.held_out
        most = min(config.held_out, self.interval * config.batch)
        chosen = noise.stream("held-out rows").permutation(len(rows)).numpy()[:most] if len(rows) else rows
        self.held_out: NDArray[np.int64] = np.sort(rows[chosen]) if len(rows) else rows
        self.average = Average(model, config.ema) if config.ema is not None else None
        self.curves = Curves()
        players = [seat.player for seat in self.game.seats]
        self.watch = Watch(model, players, dataset, noise.stream("watch"), config.collapse == "stop")
        self.notes: list[str] = []
        self.step = 0
        self.seconds = 0.0
        self.saved: int | None = None
        self.verdict = self._resume() or decide(config.precision, device, model, self.order.batch, self._rehearse)
        self.resumed_from = self.saved

    # The hot path. A step of a small network takes a few milliseconds, so nothing here may cost more than microseconds.

    def go(self, progress: Callable[..., None], cancelled: Callable[[], bool]) -> Trained:
        config, curves = self.config, self.curves
        log = Log(self.folder / "log.jsonl", self.watch.replay(curves.rows))
        started = reported = checkpointed = time.monotonic()
        before = self.seconds
        self.model.train()
        progress(self.step, self.total)
        try:
            while self.step < self.total:
                if cancelled():
                    self._save()
                    raise CancelledError(f"training stopped at step {self.step} of {self.total}; run it again to go on")
                self._round()
                now = time.monotonic()
                self.seconds = before + now - started
                at_point = self.step % self.interval == 0 or self.step == self.total
                if at_point or self.step % config.finite_every == 0:
                    self._read()
                if at_point:
                    log.add(self._point())
                    self._go_on()
                if now - reported >= _PROGRESS_SECONDS:
                    self._read()
                    progress(self.step, self.total, **curves.latest)
                    reported = now
                if now - checkpointed >= config.checkpoint_seconds and self.step < self.total:
                    self._save()
                    checkpointed = time.monotonic()
            if self.saved != self.total:
                self._save()
        finally:
            self.game.close()
        progress(self.step, self.total, **curves.latest)
        return self._finish()

    def _round(self) -> None:
        step, share = self.step, self.step / self.total
        self._seed(step)
        number = step * self.game.turns
        for seat in self.game.seats:
            seat.set_rate(share)
            for turn in range(seat.player.turns):
                noise = self.noise.stream("batch", step, seat.player.name, turn)
                batch = self._batch(self.order[number], noise, share, True, step * seat.player.turns + turn)
                with self.game.turn(seat):
                    parts = self._losses(seat, batch)
                    parts["loss"].backward()  # type: ignore[no-untyped-call]
                    seat.optimiser.step()
                    seat.optimiser.zero_grad(set_to_none=True)
                    if seat.player.after is not None:
                        seat.player.after()
                self.curves.add(step, self._prefix(seat), parts)
                number += 1
        self.step = step + 1
        if self.average is not None:
            self.average.update(self.step)

    def _losses(self, seat: Seat, batch: Batch) -> Mapping[str, Tensor]:
        with autocast(self.verdict, self.device):
            return self._checked(seat, seat.player.loss(batch))

    def _checked(self, seat: Seat, parts: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        if "loss" not in parts or parts["loss"].dim():
            raise PluginError(
                f"player '{seat.player.name}' of {type(self.model).__name__} must return a 0-d tensor called 'loss'; "
                f"it returned {', '.join(f'{name} {tuple(value.shape)}' for name, value in parts.items()) or 'nothing'}"
            )
        if torch.is_grad_enabled() and not parts["loss"].requires_grad:
            raise PluginError(
                f"the 'loss' of player '{seat.player.name}' of {type(self.model).__name__} depends on none of the "
                "parameters that the player moves; compute it from their output, without detach() or no_grad()"
            )
        return parts

    def _batch(self, rows: NDArray[np.int64], noise: Noise, share: float, training: bool, turn: int = 0) -> Batch:
        columns: Mapping[str, Tensor] = {}
        if self.model.uses_columns:
            columns = {name: value.to(self.device) for name, value in self.dataset.targets(rows).items()}
        return Batch(self.dataset.tensor(rows).to(self.device), noise, self.step, turn, share, columns, training)

    def _seed(self, step: int) -> None:
        seed = self.noise.stream("torch", step).torch_seed()
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            with torch.cuda.device(self.device):  # it seeds the current one
                torch.cuda.manual_seed(seed)

    def _prefix(self, seat: Seat) -> str:
        return f"{seat.player.name}_" if len(self.game.seats) > 1 else ""

    # Between steps.

    def _read(self) -> None:
        wrong = self.curves.read()
        if wrong is not None:
            step, parts = wrong
            name = next(iter(parts))
            seat = next(
                (s for s in self.game.seats if self._prefix(s) and name.startswith(self._prefix(s))), self.game.seats[0]
            )
            raise health.divergence(step, seat.player, parts, self.verdict.precision, self.saved)

    def _point(self) -> dict[str, Any]:
        epoch = self.step / self.per_epoch
        with self._shown():
            row = self.curves.point(int(epoch) if epoch.is_integer() else round(epoch, 4), self.step, self._measure())
            row.update(self.watch.look())
            number = len(self.curves.rows)
            if self.preview is not None and (_is_power_of_two(number) or number % self.config.preview_every == 0):
                self._show()
        return self.watch.point(self.curves.rows)

    def _go_on(self) -> None:
        row, share = self.curves.rows[-1], self.step / self.total
        collapse = health.posterior_collapse(row.get("held_out_kl", row.get("kl")), None)
        if collapse and self.config.collapse == "stop" and share >= LATE:
            raise TrainingError(f"{collapse} (step {self.step} of {self.total})")
        self.watch.go_on(self.curves.rows, share)

    @contextmanager
    def _shown(self) -> Iterator[None]:
        """Averaged weights, eval mode, no gradients; training's own generator and mode are as before afterwards."""
        self.model.eval()
        try:
            with torch.no_grad():
                if self.average is None:
                    yield
                else:
                    with self.average.applied():
                        yield
        finally:
            self.model.train()

    def _measure(self) -> dict[str, float]:
        """Return the held-out mean of each loss part; the noise is the same each time, so that points compare."""
        sums: dict[str, float] = {}
        for start in range(0, len(self.held_out), self.order.batch):
            rows = self.held_out[start : start + self.order.batch]
            for seat in self.game.seats:
                noise = self.noise.stream("held-out", seat.player.name, start)
                parts = self._losses(seat, self._batch(rows, noise, self.step / self.total, False))
                for name, value in parts.items():
                    full = self._prefix(seat) + name
                    sums[full] = sums.get(full, 0.0) + float(value) * len(rows)
        return {name: value / len(self.held_out) for name, value in sums.items()}

    def _show(self) -> None:
        assert self.preview is not None
        try:
            self.preview(self.model, self.step)
        except GdlError as error:
            self.notes.append(f"no previews from step {self.step} on: {error}")
            self.preview = None

    def _rehearse(self) -> None:
        """Make one forward and backward pass for every player and leave no trace of it."""
        buffers = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
        self._seed(0)
        for seat in self.game.seats:
            # a turn like most: on the first of all every lazy penalty is due
            batch = self._batch(self.order[0], self.noise.stream("rehearsal"), 0.0, True, 1)
            with self.game.turn(seat):
                self._checked(seat, seat.player.loss(batch))["loss"].backward()  # type: ignore[no-untyped-call]
                seat.optimiser.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, buffer in self.model.named_buffers():
                buffer.copy_(buffers[name])

    def _save(self) -> None:
        self._read()
        tensors = {f"model/{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"adam/{name}": value for name, value in self.game.state().items()}
        if self.average is not None:
            tensors |= {f"average/{name}": value for name, value in self.average.state().items()}
        if not all(bool(value.isfinite().all()) for value in tensors.values() if value.is_floating_point()):
            raise health.divergence(
                self.step, self.game.seats[0].player, self.curves.latest, self.verdict.precision, self.saved
            )
        state: dict[str, Any] = {
            "config": self.config.model_dump(mode="json"),
            "curves": self.curves.state(),
            "precision": [self.verdict.precision, self.verdict.reason],
            "seconds": self.seconds,
            "notes": self.notes,
        }
        checkpoint.save(self.folder, self.key, checkpoint.Checkpoint(self.step, tensors, state), self.config.keep)
        self.saved = self.step

    def _resume(self) -> Verdict | None:
        found, self.notes = checkpoint.load_newest(self.folder, self.key)
        if found is None:
            return None
        self.model.load_state_dict(found.group("model"))
        self.game.load(found.group("adam"))
        if self.average is not None:
            self.average.load(found.group("average"))
        self.curves.load(found.state["curves"])
        self.notes = [*found.state["notes"], *self.notes]
        self.step = self.saved = found.step
        self.seconds = found.state["seconds"]
        return Verdict(*found.state["precision"])

    def _finish(self) -> Trained:
        if self.average is not None:
            self.average.finish(self.step)
        self.model.eval()
        facts: dict[str, float] = {}
        active = health.count_active_units(self.model, self.dataset, self.held_out, self.order.batch)
        if active is not None:
            facts = {"active_units": active[0], "units": active[1]}
        last = self.curves.rows[-1] if self.curves.rows else {}
        collapse = health.posterior_collapse(last.get("held_out_kl", last.get("kl")), active)
        if collapse and self.config.collapse == "stop":
            raise TrainingError(collapse)
        return Trained(
            history=self.curves.table(),
            steps=self.step,
            epochs=self.step / self.per_epoch,
            samples=self.step * self.game.turns * self.order.batch,
            seconds=self.seconds,
            precision=self.verdict.precision,
            precision_reason=self.verdict.reason,
            device=str(self.device),
            notes=(*self.notes, *self.watch.notes, *([collapse] if collapse else ())),
            facts=facts,
            resumed_from=self.resumed_from,
        )


def _interval(config: TrainingConfig, per_epoch: int, total: int) -> int:
    if config.every is not None:
        return max(1, min(total, config.every.steps(per_epoch)))
    return per_epoch if config.duration.unit == "epochs" else max(1, total // 50)


def _is_power_of_two(number: int) -> bool:
    return number & (number - 1) == 0
