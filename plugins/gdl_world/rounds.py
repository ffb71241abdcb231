"""Rounds of dreaming and waking: M learns from what was played, a controller evolves in the dream of it, and plays, so
that M hears where its dream was wrong (Ha & Schmidhuber 2018, section 5, the iterative training procedure; Schmidhuber
2015, arXiv:1511.09249).

What a round has come to lies in a folder of its own: broken off, the same rounds go on where they were.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gdl_core.config import Duration
from gdl_core.data.dataset import fingerprint
from gdl_core.data.split import split
from gdl_core.latent.fingerprint import fingerprint as fingerprint_of
from gdl_core.media.atomic import replacing
from gdl_core.noise import Noise
from gdl_core.training.config import TrainingConfig
from gdl_core.training.loop import train
from gdl_core.values import TrainedModel
from gdl_world.codes import encoded
from gdl_world.collect import collect
from gdl_world.environment import Environment
from gdl_world.play import Policy
from gdl_world.sequences import Sequences, action_vectors, cut, joined
from gdl_world.store import Store

_HELD_OUT = 0.1


@dataclass(frozen=True)
class Surroundings:
    """What a part of a round is given by whoever runs it: as in a step's context."""

    folder: Path
    noise: Noise
    device: str
    progress: Callable[..., None]
    cancelled: Callable[[], bool]
    stop: Callable[[], None]

    def part(self, name: str) -> Surroundings:
        """Return those of a part: a folder and a stream of its own."""
        return replace(self, folder=self.folder / name, noise=self.noise.stream(name))


def learned(
    memory: TrainedModel, known: list[Sequences], recent: int, updates: int, batch: int, here: Surroundings
) -> TrainedModel:
    """Return M after so many more steps on all that was played, of which the newest counts for half.

    Args:
        memory: as it was; it is not changed.
        known: what was played, the oldest first; there are two at least.
        recent: how many of the last ones are new.
        updates: steps of the training.
        batch: windows of a step.
        here: where, with which noise.
    """
    new = min(recent, len(known) - 1)
    old = sum(len(part.train) for part in known[:-new])
    often = max(round(old / max(sum(len(part.train) for part in known[-new:]), 1)), 1)
    data = joined(known, [1] * (len(known) - new) + [often] * new)
    model = deepcopy(memory.model).train()
    settings = TrainingConfig(duration=Duration(updates, "steps"), batch=batch, precision="fp32", device=here.device)
    key = f"{memory.fingerprint} {data.fingerprint} {settings.model_dump_json()} {here.noise.key_seed}"
    trained = train(model, data, settings, here.folder, here.noise, here.progress, here.cancelled, key=key)
    model.cpu().eval()
    return replace(
        memory,
        model=model,
        fingerprint=fingerprint_of(model, memory.config),
        data={"name": data.name, "fingerprint": data.fingerprint, "samples": len(data.train), "columns": {}},
        history=trained.history,
    )


def played(
    env: Environment,
    vision: TrainedModel,
    policy: Policy,
    episodes: int,
    length: int,
    here: Surroundings,
) -> tuple[Sequences, list[float]]:
    """Return so many episodes as M learns them, and what each earned; their frames are not kept.

    Args:
        env, policy: what is played, and who plays.
        vision: V.
        episodes: how many.
        length: steps of a window.
        here: where, with which noise.

    Raises:
        StorageError: the disk is full; the same call goes on.
    """
    windows, told = here.folder / "windows.npy", here.folder / "told.json"
    if not told.is_file():
        key = fingerprint("rounds", env.described, vision.fingerprint, here.noise.key_seed)
        raw = here.folder / "episodes"
        store = Store(raw, env.shape, env.actions.numbers, key, env.described)
        collect(env, policy, store, episodes, here.noise, here.progress, here.stop)
        held_out = split(episodes, _HELD_OUT, here.noise.stream("split")).tolist()
        found = store.value(f"{env.name} played", here.noise, _HELD_OUT, held_out)
        mean, log_var = encoded(vision, found, here.folder, here.device, lambda *_, **__: None, here.stop)
        made = cut(found, mean, log_var, action_vectors(found), length, vision.fingerprint)
        about = {
            "name": made.name, "held_out": made.held_out.tolist(), "fingerprint": made.fingerprint,
            "latent": made.latent, "actions": made.actions, "begins": np.flatnonzero(made.begins).tolist(),
            "about": dict(found.about), "returns": [float(one) for one in found.returns],
        }  # fmt: skip
        with replacing(windows) as temporary:
            np.save(temporary, made.data, allow_pickle=False)
        with replacing(told) as temporary:
            temporary.write_text(json.dumps(about), encoding="utf-8")
    about = json.loads(told.read_text(encoding="utf-8"))
    for left in (here.folder / "episodes", *here.folder.glob("codes-*.npy")):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    data: Any = np.load(windows, allow_pickle=False)
    begins = np.zeros(len(data), dtype=bool)
    begins[about["begins"]] = True
    sequences = Sequences(
        name=about["name"], data=data, columns={}, held_out=np.array(about["held_out"], dtype=np.int64),
        fingerprint=about["fingerprint"], latent=about["latent"], actions=about["actions"], begins=begins,
        about=about["about"],
    )  # fmt: skip
    return sequences, about["returns"]
