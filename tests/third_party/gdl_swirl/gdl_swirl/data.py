"""The dataset: swirls at places drawn from the step's noise."""

import numpy as np

from gdl_core import Column, Dataset


def build(config, context):
    from gdl_swirl.model import draw

    z = context.noise.stream("places").normal(config.n, (2,))
    pictures = (draw(z, config.size, arms=3) * 255).round().byte().numpy()
    held_out = np.arange(0, config.n, 4)
    return Dataset(
        "swirls",
        pictures,
        {"turn": Column(z[:, 0].numpy())},
        held_out,
        fingerprint=f"swirls-{config.n}-{config.size}-{context.noise.seed}",
    )
