"""What can be done with the points of a latent space, whatever model they belong to.

Begin with `tiles` (encode, decode and sample so that a row does not depend on its batch), then `paths` (walks and
morphs), `directions` and `algebra` (attribute vectors), `planes` and `reduce` (maps and sheets), `strays` (points far
from the data), `spaces` (W and W+ of style-based generators), `inversion` (points that decode to given pictures) and
`judged` (samples that a probe has labelled). This room may import errors, specs, values, noise, kernels and
contracts, and nothing else of gdl.
"""
