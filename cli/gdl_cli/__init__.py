"""The command line, over gdl_core's public names.

`main` holds the group; each command has a file of its own, which is imported when the command is used, so that
`gdl --help` is fast and imports no torch.
"""
