"""Places in the midst of episodes that dreams begin at, with what M remembers of what came before.

A dream that begins at an episode's first frame has drifted off what can be seen before it comes to what lies far on.
Short dreams from everywhere do not (Hafner et al. 2020, arXiv:1912.01603, section 3, imagine from states of replay).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gdl_core.errors import DataError
from gdl_core.noise import Noise
from gdl_world.memory import Memory, State
from gdl_world.sequences import Sequences, take_apart

_PLACES = 4096
_KNOWN = 16  # steps that M has lived through at least, where the episode has so many


@torch.no_grad()
def amid(memory: Memory, sequences: Sequences, most: int = _PLACES) -> tuple[Tensor, Tensor, State]:
    """Return posteriors of places in training windows, each (places, latent), and M's state there.

    Args:
        memory: M, by whose state windows are gone through.
        sequences: windows of episodes.
        most: how many places at most, chosen by what the windows are: the same ones each time.

    Raises:
        DataError: no episode has two steps.
    """
    noise = Noise(0).stream("starts", sequences.fingerprint)
    goes_on = torch.from_numpy(np.array(sequences.data[..., -1])[sequences.train]) > 0.5
    later = torch.arange(goes_on.shape[1]) >= min(_KNOWN, (goes_on.shape[1] - 1) // 2)
    first = torch.from_numpy(sequences.begins[sequences.train])
    window, time = torch.nonzero(goes_on & (first[:, None] | later), as_tuple=True)
    if not len(window):
        raise DataError(f"{sequences.name} has no two steps in a row that are not held out: play longer episodes")
    chosen = noise.stream("places").permutation(len(window))[:most]
    order = chosen[time[chosen].argsort(descending=True, stable=True)]
    window, time = window[order], time[order]  # who has most to live through comes first, and the rest joins in
    these, window = torch.unique(window, return_inverse=True)
    steps = take_apart(sequences.tensor(sequences.train[these.numpy()]), sequences.latent, sequences.actions)
    z = memory.draw(steps, noise.stream("points"))
    hidden, cell = (part.clone() for part in memory.begin(len(window)))
    stepper = memory.stepper()
    for step in range(int(time[0])):
        rows = int((time > step).sum())
        state = hidden[:rows], cell[:rows]
        hidden[:rows], cell[:rows] = stepper.advance(z[window[:rows], step], steps.action[window[:rows], step], state)
    return steps.mean[window, time], steps.log_var[window, time], (hidden, cell)
