"""Training of everything that learns by gradient: one loop of players, checkpoints that survive a kill, curves.

Begin with `loop.train`. The room may import errors, specs, values, noise, kernels, contracts, latent and data; never
steps, recipe or the command line. `config` imports no torch.
"""

from __future__ import annotations
