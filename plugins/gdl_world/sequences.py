"""Episodes as a memory learns them: the numbers of each frame, what was done, and what came of it, in windows.

A step of a window is a row of numbers: the posterior's means and log-variances, the action, the reward, whether the
episode ended with the step, whether there is a step at all, and whether the next one is in the window too. The last
step of a window is the first one of the next, so that no transition is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gdl_core.data.dataset import Dataset, fingerprint
from gdl_core.data.episodes import Episodes

_FLAGS = 4  # reward, ended, there, next there
_SAME = 1e-6  # rewards whose variance is a smaller share of their mean square are all the same


@dataclass(frozen=True, eq=False)
class Sequences(Dataset):
    """Windows of episodes, float32 (windows, steps, numbers).

    Attributes:
        latent: numbers of a posterior's mean.
        actions: numbers of an action.
        begins: whether each window begins with an episode's first frame.
        about: what the episodes say of their environment.
        vision: fingerprint of the vision whose numbers they are.
    """

    latent: int = field(kw_only=True)
    actions: int = field(kw_only=True)
    begins: NDArray[np.bool_] = field(kw_only=True)
    about: Mapping[str, Any] = field(kw_only=True)
    vision: str = field(kw_only=True)

    def reward_variance(self) -> float:
        """Return the variance of the rewards of training steps; 1 where all are the same, but for rounding."""
        rewards, there = (np.asarray(self.data[..., part])[self.train] for part in (-4, -2))
        rewards = rewards[there > 0].astype(np.float64)
        variance = float(rewards.var()) if len(rewards) else 0.0
        return variance if variance > _SAME * float(np.square(rewards).mean() if len(rewards) else 0) else 1.0


class Steps(NamedTuple):
    """A batch of windows taken apart; each (batch, steps, …)."""

    mean: Tensor
    log_var: Tensor
    action: Tensor
    reward: Tensor
    ended: Tensor
    there: Tensor
    goes_on: Tensor


def take_apart(x: Tensor, latent: int, actions: int) -> Steps:
    """Return the parts of windows (batch, steps, numbers)."""
    mean, log_var, action, flags = torch.split(x, [latent, latent, actions, _FLAGS], dim=2)
    return Steps(mean, log_var, action, flags[..., 0], flags[..., 1], flags[..., 2] > 0.5, flags[..., 3] > 0.5)


def action_vectors(episodes: Episodes) -> NDArray[np.float32]:
    """Return the actions of all frames as a network is told of them, (frames, numbers)."""
    from gdl_world.environment import Actions

    told = episodes.about.get("actions", {})
    actions = Actions(choices=int(told.get("choices", 0)), numbers=int(told.get("numbers", 0)))
    return actions.vectors(np.asarray(episodes.actions))


def cut(
    episodes: Episodes,
    mean: NDArray[np.float32],
    log_var: NDArray[np.float32],
    actions: NDArray[np.float32],
    length: int,
    vision: str,
) -> Sequences:
    """Return the windows of episodes.

    Args:
        episodes: what was seen and done.
        mean: of each frame's posterior, (frames, latent).
        log_var: its log-variance.
        actions: as a network is told of them, (frames, numbers).
        length: steps of a window, 2 or more.
        vision: fingerprint of the vision.
    """
    latent, width = mean.shape[1], actions.shape[1]
    begins, ends, which = [], [], []
    for episode, (first, last) in enumerate(zip(episodes.starts[:-1], episodes.starts[1:], strict=True)):
        for begin in range(first, max(last - 1, first + 1), length - 1):
            begins.append(begin)
            ends.append(min(begin + length, last))
            which.append(episode)
    data = np.zeros((len(begins), length, 2 * latent + width + _FLAGS), dtype=np.float32)
    last_frame = np.zeros(len(episodes), dtype=bool)
    last_frame[episodes.starts[1:] - 1] = episodes.ended
    for row, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        span, window = slice(begin, end), data[row, : end - begin]
        window[:, :latent], window[:, latent : 2 * latent] = mean[span], log_var[span]
        window[:, 2 * latent : 2 * latent + width] = actions[span]
        window[:, -4], window[:, -3] = episodes.rewards[span], last_frame[span]
        window[:, -2] = 1.0
        window[:-1, -1] = 1.0
        # The step that the next window begins with counts there, not here too.
        if end < episodes.starts[which[row] + 1]:
            window[-1, -2] = 0.0
    held_out = np.flatnonzero(np.isin(which, episodes.held_out_episodes())).astype(np.int64)
    return Sequences(
        name=f"{episodes.name} in sequences",
        data=data,
        columns={},
        held_out=held_out,
        fingerprint=fingerprint("sequences", episodes.fingerprint, vision, length),
        latent=latent,
        actions=width,
        begins=np.isin(begins, episodes.starts[:-1]),
        about=episodes.about,
        vision=vision,
    )


def joined(parts: Sequence[Sequences], times: Sequence[int]) -> Sequences:
    """Return windows of several at once, each part so many times; what is held out stays so.

    Args:
        parts: windows of one length, of numbers of the same vision.
        times: how often the training windows of each part are met in an epoch.
    """
    held_out, first = [], 0
    rows: list[NDArray[np.int64]] = []
    for part, often in zip(parts, times, strict=True):
        mine = np.concatenate([part.held_out, np.tile(part.train, often)])
        held_out.append(np.arange(first, first + len(part.held_out)))
        first += len(mine)
        rows.append(mine)
    return replace(
        parts[0],
        data=np.concatenate([part.data[mine] for part, mine in zip(parts, rows, strict=True)]),
        held_out=np.concatenate(held_out).astype(np.int64),
        begins=np.concatenate([part.begins[mine] for part, mine in zip(parts, rows, strict=True)]),
        fingerprint=fingerprint("joined", *(part.fingerprint for part in parts), *times),
    )
