"""Datasets as arrays that batches index, and what is needed to make them out of files.

Begin with `dataset.Dataset`. `folder` reads a folder of pictures through `pictures` (one file), `labels` (CSV) and
`cache` (decoded once, then mapped from disk); `idx` reads MNIST's file format. This room may import errors, specs,
values and noise. torch is imported by the methods that return tensors, not by the modules.
"""
