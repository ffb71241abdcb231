"""Networks that more than one model is built of: what is a decoder in a VAE is a generator in a GAN.

May import `errors`, `noise` and torch. Begin with `coders` for pictures, `transformer` for what comes piece by piece.
"""
