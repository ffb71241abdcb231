"""`dodge`: balls fall, some of them thrown at the player below, who runs left and right. Thousands run in one array.

A small thing of the kind of VizDoom's Take Cover, for tests and first steps: an episode is a reward of 1 for each step
until a ball hits, and balls come ever faster. All that happens by chance is a function of the episode's seed.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from gdl_world.rows import Seeds, seeds_of, set_up, wanted_rows

SIZE = 32
"""Pixels a side."""

_BALLS = 3  # in the air at once
_BALL, _PLAYER = 4, 4  # pixels a side
_FLOOR = SIZE - 3  # the row on which the player's lower edge stands
_RUN, _DRIFT = 1.5, 0.6  # pixels a step at full speed, and share of the speed that is kept
_SKY, _GROUND = (24, 26, 44), (74, 60, 52)
_SKIN, _FIRE, _CORE = (90, 200, 250), (240, 120, 40), (255, 220, 120)
_TV = slice(1, 7)  # rows and columns of the screen on the wall


class Dodge(VectorEnv[NDArray[np.uint8], NDArray[np.int64], NDArray[Any]]):
    """Rows of the game, all of them stepped at once.

    Actions are 0 (stay), 1 (left) and 2 (right). With `tv` there is a screen on the wall that shows noise while the
    player stands in the left third: nothing to be learned from, and never twice the same.
    """

    def __init__(self, rows: int, cap: int = 400, tv: bool = False) -> None:
        self.cap, self.tv = cap, tv
        set_up(self, rows, gymnasium.spaces.Box(0, 255, (SIZE, SIZE, 3), np.uint8), gymnasium.spaces.Discrete(3))
        self._backdrop = np.empty((SIZE, SIZE, 3), dtype=np.uint8)
        self._backdrop[:] = _SKY
        self._backdrop[_FLOOR + 1 :] = _GROUND

    def reset(
        self, *, seed: Seeds = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Begin an episode in every row, or in those of `options["reset_mask"]`; one seed counts up along the rows."""
        rows, mask = self.num_envs, wanted_rows(self, options)
        seeds = np.asarray(seeds_of(self, seed), dtype=np.int64)
        if not hasattr(self, "_time"):
            self._time = np.zeros(rows, dtype=np.int64)
            self._x, self._speed = np.zeros(rows, np.float32), np.zeros(rows, np.float32)
            self._balls = np.zeros((rows, _BALLS, 4), np.float32)  # x, y and their speeds; y < 0: none
            self._over = np.zeros(rows, dtype=bool)
            self._chance = np.zeros((rows, self.cap, 4), np.float32)
            self._key = np.zeros(rows, dtype=np.int64)
        self._time[mask], self._over[mask], self._speed[mask] = 0, False, 0.0
        self._x[mask], self._key[mask] = SIZE / 2, seeds[mask]
        self._balls[mask] = (0.0, -1.0, 0.0, 0.0)
        self._chance[mask] = _chances(seeds[mask], self.cap)
        return self._draw(), {}

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[Any], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Go one step on in the rows whose episodes have not ended."""
        live = ~self._over
        push = np.asarray((0.0, -1.0, 1.0), np.float32)[np.asarray(actions)]
        speed = _DRIFT * self._speed + (1 - _DRIFT) * _RUN * push
        x = self._x + speed
        half = _PLAYER / 2
        self._speed = np.where(live, np.where((x < half) | (x > SIZE - half), 0.0, speed), self._speed)
        self._x = np.where(live, x.clip(half, SIZE - half), self._x).astype(np.float32)
        self._fall(live)
        hit = live & self._hit()
        self._time += live
        cut = live & ~hit & (self._time >= self.cap)
        self._over |= hit | cut
        return self._draw(), live.astype(np.float64), hit, cut, {}

    def states(self) -> dict[str, NDArray[np.int64]]:
        """Return what there is to be known of each row in coarse steps, each (rows,); what is drawn by chance is not.

        The player's place, where the lowest ball is from there (−9 across and 9 down where there is none), how many
        balls there are, and whether the screen shows noise.
        """
        x, y = self._balls[:, :, 0], self._balls[:, :, 1]
        rows, lowest = np.arange(self.num_envs), y.argmax(1)
        none = y[rows, lowest] < 0
        across = np.floor((x[rows, lowest] - self._x) / 4).clip(-8, 7)
        return {
            "place": np.floor(self._x / 2).astype(np.int64),
            "ball across": np.where(none, -9, across).astype(np.int64),
            "ball down": np.where(none, 9, y[rows, lowest] // 4).astype(np.int64),
            "balls": (y >= 0).sum(1),
            "screen": (self._watched() & self.tv).astype(np.int64),
        }

    def _watched(self) -> NDArray[np.bool_]:
        return np.asarray(self._x < SIZE / 3)

    def _fall(self, live: NDArray[np.bool_]) -> None:
        balls = self._balls
        there = (balls[:, :, 1] >= 0) & live[:, None]
        balls[:, :, :2] += np.where(there[:, :, None], balls[:, :, 2:], 0.0)
        gone = (balls[:, :, 1] >= SIZE) | (balls[:, :, 0] < -_BALL) | (balls[:, :, 0] > SIZE + _BALL)
        balls[:, :, 1] = np.where(there & gone, -1.0, balls[:, :, 1])
        rows = np.arange(self.num_envs)
        throw, where, target, fast = self._chance[rows, np.minimum(self._time, self.cap - 1)].T
        rate = 0.10 + 0.10 * np.minimum(self._time / 200.0, 1.0)  # balls a step
        free = balls[:, :, 1] < 0
        thrown = live & (throw < rate) & free.any(1)
        slot = free.argmax(1)
        begin = where * SIZE
        # Four of five are thrown at where the player stands, the others anywhere.
        goal = np.where(target < 4 / 5, self._x, (5 * target - 4) * SIZE)
        down = 0.6 + 0.3 * fast
        ball = np.stack([begin, np.zeros_like(begin), (goal - begin) * down / _FLOOR, down], axis=1)
        balls[rows[thrown], slot[thrown]] = ball[thrown]

    def _hit(self) -> NDArray[np.bool_]:
        x, y = self._balls[:, :, 0], self._balls[:, :, 1]
        reach = (_BALL + _PLAYER) / 2 - 0.5
        near = (np.abs(x - self._x[:, None]) < reach) & (np.abs(y - (_FLOOR - _PLAYER / 2 + 0.5)) < reach)
        return np.asarray((near & (y >= 0)).any(1))

    def _draw(self) -> NDArray[np.uint8]:
        rows = np.arange(self.num_envs)
        frames = np.repeat(self._backdrop[None], self.num_envs, axis=0)
        if self.tv:
            frames[:, _TV, _TV] = self._noise()
        left = np.rint(self._x - _PLAYER / 2).astype(np.int64)
        for dx in range(_PLAYER):
            for dy in range(_PLAYER):
                frames[rows, _FLOOR - dy, (left + dx).clip(0, SIZE - 1)] = _SKIN
        for ball in range(_BALLS):
            x = np.rint(self._balls[:, ball, 0] - _BALL / 2).astype(np.int64)
            y = np.rint(self._balls[:, ball, 1] - _BALL / 2).astype(np.int64)
            for dx in range(_BALL):
                for dy in range(_BALL):
                    inside = (self._balls[:, ball, 1] >= 0) & _within(x + dx) & _within(y + dy)
                    colour = _CORE if dx in (1, 2) and dy in (1, 2) else _FIRE
                    frames[rows[inside], (y + dy)[inside], (x + dx)[inside]] = colour
        return frames

    def _noise(self) -> NDArray[np.uint8]:
        """Return what the screen shows: noise while the player stands in the left third, else nothing."""
        side = _TV.stop - _TV.start
        noise = _words(self._key, 1 + self._time, side * side * 3).reshape(-1, side, side, 3)
        return np.where(self._watched()[:, None, None, None], noise * 255, 60).astype(np.uint8)


def _within(place: NDArray[np.int64]) -> NDArray[np.bool_]:
    return (place >= 0) & (place < SIZE)


def _chances(seeds: NDArray[np.int64], cap: int) -> NDArray[np.float32]:
    """Return the numbers of [0, 1) that decide what happens in episodes, (episodes, cap, 4)."""
    return _words(seeds, np.zeros_like(seeds), cap * 4).reshape(-1, cap, 4)


def _words(seeds: NDArray[np.int64], part: NDArray[np.int64], count: int) -> NDArray[np.float32]:
    """Return `count` numbers of [0, 1) for each seed; parts 0, 1, 2 … of a seed have numbers of their own."""
    import torch

    from gdl_core.kernels import uniform

    key = torch.from_numpy(np.stack([seeds ^ 0x646F646765, part << 20], axis=1))
    numbers: NDArray[np.float32] = uniform((len(seeds), count), key=key).numpy()
    return numbers
