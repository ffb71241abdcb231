"""A film of what is real, what V makes of it, and what M dreams from the same start when the same is done.

Below runs the surprise: how unlikely M held each next frame, in nats a number of V; and the probability of the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from gdl_core.latent.tiles import to_pixels
from gdl_core.media.lettering import write
from gdl_core.media.sheet import Grid, draw
from gdl_world.controller import told
from gdl_world.dream import Dream
from gdl_world.memory import surprise_of

Pixels = NDArray[np.uint8]
_SMOOTH = 3  # lines are drawn this much larger, because Pillow does not smooth them
_STRIP = 96  # pixels of the curves' height


@dataclass(frozen=True)
class Trace:
    """What happened in a played episode beside what was expected, each of as many steps.

    `real`, `seen` and `dreamt` are frames, (steps, height, width, channels); `surprise` of each frame after the first
    in nats a number; `reward` is what the dream gives and `ended` the probability that it ends; `dream_steps` is how
    long it lasted.
    """

    real: Pixels
    seen: Pixels
    dreamt: Pixels
    surprise: NDArray[np.float32]
    reward: NDArray[np.float32]
    ended: NDArray[np.float32]
    dream_steps: int


@torch.no_grad()
def trace(dream: Dream, real: Pixels, z: Tensor, actions: Tensor, seed: int) -> Trace:
    """Dream from the first frame of a played episode, doing what was done there.

    Args:
        dream: gives V, M and the temperature.
        real: frames that were seen, uint8 (steps, height, width, channels).
        z: what the player saw in them, (steps, latent).
        actions: what was done, (steps,) or (steps, numbers).
        seed: of the dream.
    """
    memory = dream.memory
    done = told(actions, dream.actions)
    seeds = torch.tensor([seed])
    real_state = dream_state = memory.begin(1)
    place, places, surprise, reward, ended, over = z[:1], [], [0.0], [], [], -1
    for time in range(len(real)):
        places.append(place)
        real_state = memory.advance(z[time : time + 1], done[time : time + 1], real_state)
        if time + 1 < len(real):
            surprise.append(float(surprise_of(memory.outlook(real_state[0]), z[time + 1 : time + 2])))
        dream_state = memory.advance(place, done[time : time + 1], dream_state)
        outlook = memory.outlook(dream_state[0])
        reward.append(float(outlook.reward))
        ended.append(float(memory.end_probability(outlook.ended)))
        if over < 0 and bool(dream.ends(outlook)):
            over = time + 1
        place = dream.draw(outlook, *dream.chances(seeds, time))
    shown = to_pixels(dream.vision.decode(torch.cat(places)))
    return Trace(
        real=real,
        seen=to_pixels(dream.vision.decode(z)),
        dreamt=shown,
        surprise=np.array(surprise, dtype=np.float32),
        reward=np.array(reward, dtype=np.float32),
        ended=np.array(ended, dtype=np.float32),
        dream_steps=over if over >= 0 else len(real),
    )


def drawn(found: Trace, actions: Sequence[str], rewards: Sequence[float]) -> Pixels:
    """Return the frames of the film, uint8 (steps, height, width, 3).

    Args:
        found: what happened.
        actions: what was done at each step, in words.
        rewards: what was really earned by it.
    """
    frames = []
    strip: Pixels | None = None
    for time in range(len(found.real)):
        over = time >= found.dream_steps
        parts = np.stack([found.real[time], found.seen[time], found.dreamt[time]])
        if over:
            parts[2] = parts[2] // 3
        dream = f"{found.reward[time]:+.2f}, end {found.ended[time]:.0%}"
        if over:
            dream = f"ended after {found.dream_steps}"
        captions = (actions[time], f"earned {rewards[time]:+.2f}", dream)
        top = draw([Grid(parts, columns=3, heads=("real", "what V makes of it", "dream"), captions=captions, gap=12)])
        if strip is None:
            strip = _curve(found.surprise, top.shape[1])
        frames.append(np.concatenate([top, _marked(strip, time, len(found.real))]))
    return np.stack(frames)


def _curve(surprise: NDArray[np.float32], width: int) -> Pixels:
    canvas = Image.new("RGB", (width * _SMOOTH, _STRIP * _SMOOTH), (255, 255, 255))
    pen = ImageDraw.Draw(canvas)
    values = surprise[1:] if len(surprise) > 1 else surprise
    low, high = float(values.min()), float(values.max())
    span = max(high - low, 1e-6)
    across = (width - 2 * _EDGE) / max(len(surprise) - 1, 1)
    points = [
        (_SMOOTH * (_EDGE + across * (index + 1)), _SMOOTH * (_STRIP - 10 - (_STRIP - 36) * (value - low) / span))
        for index, value in enumerate(values.tolist())
    ]
    if len(points) > 1:
        pen.line(points, fill=(31, 95, 160), width=2 * _SMOOTH, joint="curve")
    small = canvas.resize((width, _STRIP), Image.Resampling.BOX)
    text = f"surprise of the memory, {low:.2f} to {high:.2f} nats a number"
    write(ImageDraw.Draw(small), (_EDGE, 2), text, 13, (110, 110, 110), "la")
    return np.asarray(small)


_EDGE = 12


def _marked(strip: Pixels, time: int, steps: int) -> Pixels:
    marked: Pixels = strip.copy()
    at = round(_EDGE + (strip.shape[1] - 2 * _EDGE) * time / max(steps - 1, 1))
    marked[24:, at - 1 : at + 1] = (214, 39, 40)
    return marked
