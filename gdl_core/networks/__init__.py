"""Networks that more than one model is built of: what is a decoder in a VAE is a generator in a GAN.

May import `errors` and torch. Begin with `coders`.
"""
