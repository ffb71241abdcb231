"""Episodes: what was seen and done in an environment. A dataset of their frames, so that whatever learns from pictures
can learn from them, with what was done at each frame beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gdl_core.data.dataset import Dataset
from gdl_core.errors import DataError
from gdl_core.specs import Kind


@dataclass(frozen=True, eq=False)
class Episodes(Dataset):
    """Frames of episodes, one after another, each with the action that was taken at it and the reward that followed.

    The columns `episode`, `time` and `reward` say of each frame where it belongs. What is held out are whole episodes.

    Args:
        actions: int64 (frames,) or float32 (frames, numbers).
        rewards: float32 (frames,), the reward for the action at each frame.
        starts: int64 (episodes + 1,), the number of each episode's first frame, and of all frames.
        ended: bool (episodes,), true where the environment ended it, false where it was cut off.
        seeds: int64 (episodes,), the seed that each was begun with.
        about: what the environment says of itself, plain JSON.

    Raises:
        DataError: the parts do not fit together.
    """

    kind: ClassVar[Kind] = "episodes"
    actions: NDArray[Any] = field(kw_only=True)
    rewards: NDArray[np.float32] = field(kw_only=True)
    starts: NDArray[np.int64] = field(kw_only=True)
    ended: NDArray[np.bool_] = field(kw_only=True)
    seeds: NDArray[np.int64] = field(kw_only=True)
    about: Mapping[str, Any] = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        n, episodes = len(self), len(self.starts) - 1
        if len(self.actions) != n or len(self.rewards) != n:
            raise DataError(f"{self.name}: {n} frames, but {len(self.actions)} actions and {len(self.rewards)} rewards")
        if episodes < 0 or self.starts[0] != 0 or self.starts[-1] != n or (np.diff(self.starts) < 1).any():
            raise DataError(f"{self.name}: the starts of episodes should rise from 0 to {n}, the number of frames")
        if len(self.ended) != episodes or len(self.seeds) != episodes:
            raise DataError(f"{self.name}: {episodes} episodes, but {len(self.ended)} ends and {len(self.seeds)} seeds")

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Frames of each episode, int64 (episodes,)."""
        return np.diff(self.starts)

    @property
    def returns(self) -> NDArray[np.float64]:
        """Sum of the rewards of each episode, float64 (episodes,)."""
        return np.add.reduceat(self.rewards.astype(np.float64), self.starts[:-1])

    def held_out_episodes(self) -> NDArray[np.int64]:
        """Return the sorted numbers of the episodes whose frames are held out."""
        first = self.starts[:-1]
        return np.flatnonzero(np.isin(first, self.held_out, assume_unique=True)).astype(np.int64)

    def frames_of(self, episode: int) -> NDArray[np.int64]:
        """Return the indices of the frames of one episode, in their order."""
        return np.arange(self.starts[episode], self.starts[episode + 1], dtype=np.int64)
