"""The parts of a round of dreaming and waking: M learns from what was played, and what is played is kept as M learns it
(Ha & Schmidhuber 2018, section 5, the iterative training procedure; Schmidhuber 2015, arXiv:1511.09249).

What a round has come to lies in a folder of its own: broken off, the same rounds go on where they were.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gdl_core.config import Duration
from gdl_core.data.dataset import fingerprint
from gdl_core.data.split import split
from gdl_core.latent.fingerprint import fingerprint as fingerprint_of
from gdl_core.media.atomic import replacing
from gdl_core.noise import Noise
from gdl_core.training import checkpoint
from gdl_core.training.config import TrainingConfig
from gdl_core.training.loop import train
from gdl_core.values import TrainedModel
from gdl_world.agent import Agent
from gdl_world.codes import encoded
from gdl_world.collect import collect
from gdl_world.config import AgentConfig
from gdl_world.environment import Environment
from gdl_world.memory import Memory
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
    note: Callable[[str], None]

    def part(self, name: str) -> Surroundings:
        """Return those of a part: a folder and a stream of its own."""
        return replace(self, folder=self.folder / name, noise=self.noise.stream(name))


@dataclass(frozen=True)
class Outcome:
    """What a round has come to.

    Attributes:
        nll: M's surprise at what is held out of all that it learned from, in nats a number; None: it learned nothing.
        dreamt: what the last generation earned in its dreams.
        sigma: the step size that its search ended with.
        earned, deviation: of the looks.
        strayed: what those earned on average who explored; None: there were none.
    """

    nll: float | None
    dreamt: float
    sigma: float
    earned: float
    deviation: float
    strayed: float | None


def keep(agent: TrainedModel, outcome: Outcome, key: str, folder: Path) -> None:
    """Keep what a round has come to, in one file; what only a round that goes on needs is deleted.

    Raises:
        StorageError: it cannot be written.
    """
    (folder / "outcome").mkdir(parents=True, exist_ok=True)
    told = {
        "outcome": asdict(outcome), "config": agent.config, "data_shape": list(agent.data_shape), "data": agent.data,
        "training": agent.training,
    }  # fmt: skip
    checkpoint.save(folder / "outcome", key, checkpoint.Checkpoint(1, dict(agent.model.state_dict()), told))
    _tidy(folder)


def _tidy(folder: Path) -> None:
    for part in ("memory", "search"):
        shutil.rmtree(folder / part, ignore_errors=True)


def kept(key: str, folder: Path, vision: TrainedModel) -> tuple[TrainedModel, Outcome] | None:
    """Return what a round of this key has come to, or None where it has not come to its end.

    Raises:
        CheckpointError: the folder holds a round of something else.
    """
    found, _ = checkpoint.load_newest(folder / "outcome", key)
    if found is None:
        return None
    _tidy(folder)
    told, shape = found.state, tuple(found.state["data_shape"])
    agent = Agent(AgentConfig.model_validate(told["config"]), shape).eval()
    agent.load_state_dict(found.tensors)
    value = TrainedModel(
        model=agent, name="world/agent", version=vision.version, config=told["config"], data_shape=shape,
        tile=vision.tile, fingerprint=fingerprint_of(agent, told["config"]), data=told["data"],
        training=told["training"],
    )  # fmt: skip
    return value, Outcome(**told["outcome"])


def mixed(known: list[Sequences], recent: int) -> Sequences:
    """Return all that was played, the newest of it so often that it is about half."""
    new = min(recent, len(known) - 1)
    if not new:
        return known[0]
    old = sum(len(part.train) for part in known[:-new])
    often = max(round(old / max(sum(len(part.train) for part in known[-new:]), 1)), 1)
    return joined(known, [1] * (len(known) - new) + [often] * new)


def learned(
    memory: TrainedModel, known: list[Sequences], recent: int, updates: int, batch: int, here: Surroundings
) -> TrainedModel:
    """Return M after so many more steps on all that was played, of which the newest counts for about half.

    Args:
        memory: as it was; it is not changed.
        known: what was played, the oldest first; there are two at least.
        recent: how many of the last ones are new. They are met several times an epoch where they are few.
        updates: steps of the training.
        batch: windows of a step.
        here: where, with which noise.
    """
    data = mixed(known, recent)
    model = deepcopy(memory.model)
    model.config = Memory.fit_config(model.config, data)
    settings = TrainingConfig(duration=Duration(updates, "steps"), batch=batch, precision="fp32", device=here.device)
    key = f"{memory.fingerprint} {data.fingerprint} {updates} {batch} {here.noise.key_seed}"
    trained = train(
        model, data, settings, here.folder, here.noise, here.progress, here.cancelled, key=key, tell=here.note
    )
    model.cpu()
    config = model.config.model_dump(mode="json")
    return replace(
        memory,
        model=model,
        config=config,
        fingerprint=fingerprint_of(model, config),
        data={"name": data.name, "fingerprint": data.fingerprint, "samples": len(data.train), "columns": {}},
        history=trained.history,
    )


def played(
    env: Environment, vision: TrainedModel, policy: Policy, who: str, episodes: int, length: int, here: Surroundings
) -> tuple[Sequences, list[float]]:
    """Return so many episodes as M learns them, and what each earned; their frames are not kept.

    Args:
        env, policy: what is played, and who plays.
        vision: V.
        who: tells the policy apart from every other.
        episodes: how many.
        length: steps of a window.
        here: where, with which noise.

    Raises:
        StorageError: the disk is full; the same call goes on.
    """
    key = fingerprint("rounds", env.described, who, vision.fingerprint, here.noise.key_seed, episodes, length)
    found = _read(key, here.folder)
    if found is None:
        raw = here.folder / "episodes"
        store = Store(raw, env.shape, env.actions.numbers, key, env.described)
        collect(env, policy, store, episodes, here.noise, here.progress, here.stop)
        held_out = split(episodes, _HELD_OUT, here.noise.stream("split")).tolist()
        value = store.value(f"{env.name} played", here.noise, _HELD_OUT, held_out)
        mean, log_var = encoded(vision, value, here.folder, here.device, lambda *_, **__: None, here.stop)
        made = cut(value, mean, log_var, action_vectors(value), length, vision.fingerprint)
        found = made, [float(one) for one in value.returns]
        _keep(*found, key, here.folder)
    shutil.rmtree(here.folder / "episodes", ignore_errors=True)
    for codes in here.folder.glob("codes-*.npy"):
        codes.unlink(missing_ok=True)
    return found


def _keep(sequences: Sequences, returns: list[float], key: str, folder: Path) -> None:
    with replacing(folder / "windows.npy") as temporary:
        np.save(temporary, sequences.data, allow_pickle=False)
    about = {
        "key": key, "name": sequences.name, "held_out": sequences.held_out.tolist(), "vision": sequences.vision,
        "fingerprint": sequences.fingerprint, "latent": sequences.latent, "actions": sequences.actions,
        "begins": np.flatnonzero(sequences.begins).tolist(), "about": dict(sequences.about), "returns": returns,
    }  # fmt: skip
    with replacing(folder / "told.json") as temporary:
        temporary.write_text(json.dumps(about), encoding="utf-8")


def _read(key: str, folder: Path) -> tuple[Sequences, list[float]] | None:
    """Return what was played, or None where it is missing, damaged or of another key."""
    try:
        told: dict[str, Any] = json.loads((folder / "told.json").read_text(encoding="utf-8"))
        if told.pop("key") != key:
            return None
        data: Any = np.load(folder / "windows.npy", allow_pickle=False)
        begins = np.isin(np.arange(len(data)), told.pop("begins"))
        held_out, returns = np.array(told.pop("held_out"), dtype=np.int64), [float(one) for one in told.pop("returns")]
        return Sequences(data=data, columns={}, held_out=held_out, begins=begins, **told), returns
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
