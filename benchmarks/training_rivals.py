"""What `training.py` compares: the plain loop, pythae's trainer, our bare step, our loop held between blocks.

Each is a block of steps on the same networks and batches, to be called in turns.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from pythae_peer import pythae_vae
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from gdl_core.contracts import Batch, Model
from gdl_core.data.dataset import Dataset
from gdl_core.errors import CancelledError
from gdl_core.noise import Noise
from gdl_core.training.build import build_model
from gdl_core.training.config import TrainingConfig
from gdl_core.training.loop import train
from gdl_core.training.order import Order
from gdl_core.training.players import Game
from gdl_vae.config import VAEConfig
from gdl_vae.vae import VAE

BATCH = 100
SAMPLES = 6000
NETWORKS = {
    "mlp": {"network": "mlp", "latent": 16, "activation": "relu"},
    "conv": {"network": "conv", "latent": 16, "width": 32},
}
STEPS = {"mlp": 40, "conv": 6}  # in a block
Block = Callable[[], object]


def pictures() -> Dataset:
    data = np.random.default_rng(0).integers(0, 256, (SAMPLES, 1, 28, 28)).astype(np.uint8)
    return Dataset("random", data, {}, np.empty(0, np.int64), "random")


def make_vae(kind: str) -> VAE:
    return build_model(VAE, VAEConfig.model_validate(NETWORKS[kind]), (1, 28, 28), Noise(0))


def plain_block(kind: str, dataset: Dataset) -> Block:
    """The loop that most tutorials have: DataLoader, sigmoid, binary_cross_entropy, Adam as it comes."""
    model = make_vae(kind).train().to(memory_format=torch.contiguous_format)  # as a network is that nobody has tuned
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    loader = DataLoader(TensorDataset(dataset.tensor(np.arange(SAMPLES))), batch_size=BATCH, shuffle=True)

    def forever() -> Iterator[Tensor]:
        while True:
            for (x,) in loader:
                yield x

    batches = forever()
    total = 0.0

    def block() -> None:
        nonlocal total
        for _ in range(STEPS[kind]):
            x = next(batches)
            optimiser.zero_grad()
            mean, log_var = model.encoder(x).chunk(2, dim=1)
            z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
            decoded = torch.sigmoid(model.decoder(z))
            reconstruction = F.binary_cross_entropy(decoded, x, reduction="sum")
            kl = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())
            loss = (reconstruction + kl) / len(x)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += loss.item()

    return block


def bare_block(kind: str, dataset: Dataset) -> Block:
    """Our own step without the runtime: batch by index, fused loss, fused Adam."""
    model = make_vae(kind).train()
    game = Game(model)
    (seat,) = game.seats
    order, noise = Order(dataset.train, BATCH, Noise(1)), Noise(2)
    step = 0

    def block() -> None:
        nonlocal step
        for _ in range(STEPS[kind]):
            batch = Batch(dataset.tensor(order[step]), noise.stream(step), step)
            seat.player.loss(batch)["loss"].backward()  # type: ignore[no-untyped-call]
            seat.optimiser.step()
            seat.optimiser.zero_grad(set_to_none=True)
            step += 1

    return block


class Runtime:
    """`gdl_core.training.loop.train` itself, held between blocks in a thread of its own by its `cancelled` callback."""

    def __init__(self, model: Model, dataset: Dataset, steps: int, **options: Any) -> None:
        self._left, self._stop = 0, False
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self._steps = steps
        self._folder = tempfile.TemporaryDirectory()
        settings = {"duration": "1000000 steps", "every": "1 epochs", "batch": BATCH, "device": "cpu", **options}
        config = TrainingConfig.model_validate(settings)
        self.parts: dict[str, float] = {}

        def work() -> None:
            torch.set_num_threads(1)
            folder = Path(self._folder.name)
            with suppress(CancelledError):
                train(model, dataset, config, folder, Noise(3), self._progress, self._pause, self._preview)

        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()
        self._done.acquire()

    def _pause(self) -> bool:
        if self._left == 0:
            self._done.release()
            self._go.acquire()
            self._left = self._steps
        self._left -= 1
        return self._stop

    def _progress(self, done: int, total: int, **parts: float) -> None:
        self.parts = parts

    def _preview(self, model: Model, step: int) -> None:
        pixels = (model.sample(64, Noise(4)).clamp(0, 1) * 255).to(torch.uint8).numpy()[:, 0]
        side = pixels.shape[-1]
        sheet = pixels.reshape(8, 8, side, side).transpose(0, 2, 1, 3).reshape(8 * side, 8 * side)
        Image.fromarray(sheet).save(Path(self._folder.name) / f"{step}.png")

    def block(self) -> None:
        """Let the training make its next steps."""
        self._go.release()
        self._done.acquire()

    def close(self) -> None:
        """Stop the training."""
        self._stop = True
        self._go.release()
        self._thread.join()
        self._folder.cleanup()


def pythae_block(kind: str, dataset: Dataset) -> Block | str:
    """One epoch of pythae's trainer over as many samples as a block has, on the same networks; or why there is none."""
    ours = make_vae(kind).to(memory_format=torch.contiguous_format)
    try:
        from pythae.data.datasets import BaseDataset
        from pythae.trainers import BaseTrainer, BaseTrainerConfig

        model = pythae_vae(ours.encoder, ours.decoder, int(NETWORKS[kind]["latent"]), (1, 28, 28))
    except ImportError as error:
        return f"pythae is not installed ({error})"
    n = STEPS[kind] * BATCH
    samples = BaseDataset(dataset.tensor(np.arange(n)), torch.zeros(n))
    with tempfile.TemporaryDirectory() as folder:
        settings = BaseTrainerConfig(
            output_dir=folder, per_device_train_batch_size=BATCH, learning_rate=1e-3, no_cuda=True, num_epochs=1
        )
        trainer = BaseTrainer(model, samples, training_config=settings)
        trainer.prepare_training()
    epoch = 0

    def block() -> None:
        nonlocal epoch
        epoch += 1
        with Path(os.devnull).open("w") as silent:
            stderr, sys.stderr = sys.stderr, silent  # its progress bar
            try:
                trainer.train_step(epoch)
            finally:
                sys.stderr = stderr

    return block
