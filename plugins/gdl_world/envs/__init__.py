"""Environments: the built-in `dodge`, and those of other packages as `Environment`s. Each file one of them."""
