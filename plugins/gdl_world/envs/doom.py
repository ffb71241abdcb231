"""VizDoom's Take Cover: fireballs are thrown, one can run left and right, and each tic that one lives is worth 1.

As in Ha & Schmidhuber 2018: skill 4, episodes cut off at 2,100 tics. Frames are 160 × 120 pixels averaged to 64 × 64.
The last frame of an episode, after death, is not shown by the engine; the one before it stands in its place.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import vizdoom
from numpy.typing import NDArray

from gdl_core.errors import GdlError, printable
from gdl_core.processes import deaf_children

SIZE = 64
_SCREEN = 120, 160
TICS = 2100
_BUTTONS: list[list[float]] = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]  # stay, left, right


class TakeCover:
    """One engine, a process of its own.

    Args:
        skip: tics for which an action is held.

    Raises:
        GdlError: the engine does not start.
    """

    def __init__(self, skip: int) -> None:
        self.skip, self.tics = skip, 0
        game = vizdoom.DoomGame()
        game.load_config(str(Path(vizdoom.scenarios_path) / "take_cover.cfg"))
        game.set_screen_resolution(vizdoom.ScreenResolution.RES_160X120)
        game.set_screen_format(vizdoom.ScreenFormat.RGB24)
        game.set_window_visible(False)
        game.set_sound_enabled(False)
        game.set_mode(vizdoom.Mode.PLAYER)
        game.set_episode_timeout(0)
        self.folder = TemporaryDirectory(prefix="gdl-doom-")  # an engine writes into the folder it was started in
        game.set_doom_config_path(str(Path(self.folder.name) / "settings.ini"))
        try:
            with _in(self.folder.name), deaf_children():
                game.init()
        except Exception as error:  # the engine's own exceptions share no base
            self.folder.cleanup()
            raise GdlError(f"the Doom engine does not start: {_said(error)}") from error
        self.game = game
        self.frame = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)

    def reset(self, seed: int) -> NDArray[np.uint8]:
        """Begin the episode of this seed."""
        self.game.set_seed(seed)
        self._asked(self.game.new_episode)
        self.tics = 0
        self._look()
        return self.frame

    def step(self, action: Any) -> tuple[NDArray[np.uint8], float, bool, bool]:
        """Hold an action for so many tics; the reward counts those that were lived."""
        buttons = _BUTTONS[int(action)]
        reward = self._asked(lambda: self.game.make_action(buttons, self.skip))
        self.tics += self.skip
        ended = bool(self.game.is_episode_finished())
        if not ended:
            self._look()
        return self.frame, float(reward), ended, not ended and self.tics >= TICS

    def close(self) -> None:
        """End the engine."""
        with suppress(Exception):
            self.game.close()
        self.folder.cleanup()

    def _look(self) -> None:
        self.frame = smaller(self._asked(lambda: self.game.get_state().screen_buffer))

    def _asked(self, what: Any) -> Any:
        try:
            return what()
        except Exception as error:
            raise GdlError(f"a Doom engine ended unexpectedly ({_said(error)}); the same command goes on") from error


# What each row and column of a frame averages begins here on the screen; columns are 3 wide, rows 2 or 3.
_TOPS, _LEFTS = (np.arange(SIZE) * length // SIZE for length in _SCREEN)
_HEIGHTS = -(-(np.arange(SIZE) + 1) * _SCREEN[0] // SIZE) - _TOPS


def smaller(screen: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a screen of (120, 160, 3) averaged to (64, 64, 3).

    The numbers are those of torch's adaptive_avg_pool2d, whose threads would wait for each other at every frame.
    """
    pixels = screen.astype(np.uint16)
    rows = pixels[_TOPS] + pixels[_TOPS + 1]
    rows[_HEIGHTS == 3] += pixels[_TOPS[_HEIGHTS == 3] + 2]
    sums = (rows[:, _LEFTS] + rows[:, _LEFTS + 1] + rows[:, _LEFTS + 2]).astype(np.float32)
    means: NDArray[np.float32] = np.rint(sums / _HEIGHTS.astype(np.float32)[:, None, None] / np.float32(3))
    return means.astype(np.uint8)


@contextmanager
def _in(folder: str) -> Iterator[None]:
    """Be in a folder for a while, so that a process started meanwhile is."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _said(error: Exception) -> str:
    return printable((str(error).splitlines() or [type(error).__name__])[0])
