"""The measure `foresight`: what a memory expects of held-out episodes, beside memories that know less.

Copying the last z, with the spread of the changes in the training set, is what M has to beat; so is the same M without
being told what was done, or told what was done in another window. The end of episodes is told with recall and false
alarms.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gdl_core.errors import DataError
from gdl_core.measures.subject import Measurement, Subject
from gdl_world.memory import Memory
from gdl_world.sequences import Sequences, Steps, take_apart

_BATCH = 64
_FITTED = 4096  # windows that the spread of the changes is taken from


@torch.no_grad()
def measure(subject: Subject) -> list[Measurement]:
    """Return how well a memory foresees, each number beside its baselines."""
    memory, data = subject.trained.model, subject.dataset
    if not isinstance(memory, Memory) or not isinstance(data, Sequences):
        raise DataError("foresight measures a world/memory on sequences (do: sequences)")
    rows = subject.held_out
    order = subject.noise.stream("others").permutation(len(rows)).numpy()
    others = np.empty_like(order)
    others[order] = np.roll(order, 1)  # each window beside another one
    noise = subject.noise.stream("foresight")
    spread = _spread(data).to(memory.device)
    sums: dict[str, list[float]] = {}
    ends: list[tuple[Tensor, Tensor]] = []
    for start in range(0, len(rows), _BATCH):
        steps = take_apart(data.tensor(rows[start : start + _BATCH]).to(memory.device), data.latent, data.actions)
        z = memory.draw(steps, noise.at(start))
        another = take_apart(
            data.tensor(rows[others[start : start + _BATCH]]).to(memory.device), data.latent, data.actions
        )
        for name, action in {
            "": None,
            "told no action": torch.zeros_like(steps.action),
            "told another's actions": another.action,
        }.items():
            parts = memory.losses(steps, z, action)
            sums.setdefault(name, []).append(float(parts["nll"]) * int(steps.goes_on.sum()))
            if not name:
                sums.setdefault("reward", []).append(float(parts["reward_error"]) * int(steps.there.sum()))
        sums.setdefault("copy", []).append(_copied(steps, z, spread))
        sums.setdefault("n", []).append(float(steps.goes_on.sum()))
        sums.setdefault("there", []).append(float(steps.there.sum()))
        sums.setdefault("rewards", []).append(float(steps.reward[steps.there].sum()))
        sums.setdefault("squares", []).append(float(steps.reward[steps.there].square().sum()))
        output, _ = memory.lstm(torch.cat((z, steps.action), dim=2))
        ends.append((memory.outlook(output).ended[steps.there], steps.ended[steps.there]))
    total = {name: sum(values) for name, values in sums.items()}
    n, there = max(total["n"], 1.0), max(total["there"], 1.0)
    variance = total["squares"] / there - (total["rewards"] / there) ** 2
    return [
        Measurement(
            "surprise of the next frame", total[""] / n, "nats a number", "lower",
            {
                "copy of the last z": total["copy"] / n,
                "told no action": total["told no action"] / n,
                "told another's actions": total["told another's actions"] / n,
            },
            int(n), f"{len(rows)} held-out windows, z drawn anew",
        ),
        Measurement(
            "squared error of the reward", total["reward"] / there, "", "lower", {"mean reward": variance}, int(there),
            ""
        ),
        *_ends(torch.cat([logit for logit, _ in ends]), torch.cat([ended for _, ended in ends])),
    ]  # fmt: skip


def _ends(logit: Tensor, ended: Tensor) -> list[Measurement]:
    said, was = logit > 0, ended > 0.5
    found, alarms = int((said & was).sum()), int((said & ~was).sum())
    n, last = len(was), int(was.sum())
    return [
        Measurement("ends foreseen", found / max(last, 1), "", "higher", {"never": 0.0}, last, "recall at one half"),
        Measurement("false ends a step", alarms / max(n - last, 1), "", "lower", {"never": 0.0}, n - last, ""),
    ]


def _spread(data: Sequences) -> Tensor:
    """Return the standard deviation of the changes of each number over the training set, (latent,)."""
    steps = take_apart(data.tensor(data.train[:_FITTED]), data.latent, data.actions)
    goes_on = steps.goes_on[:, :-1]
    change = (steps.mean[:, 1:] - steps.mean[:, :-1])[goes_on]
    drawn = steps.log_var.exp()
    both = (drawn[:, 1:] + drawn[:, :-1])[goes_on].mean(0)
    spread: NDArray[np.float32] = (change.square().mean(0) + both).sqrt().numpy()
    return torch.from_numpy(spread)


def _copied(steps: Steps, z: Tensor, spread: Tensor) -> float:
    """Return the sum over steps of the surprise, a number, of one who expects the last z again."""
    away = ((z[:, 1:] - z[:, :-1]) / spread)[steps.goes_on[:, :-1]]
    nll = 0.5 * away.square() + spread.log() + 0.5 * math.log(2 * math.pi)
    return float(nll.mean(1).sum())
