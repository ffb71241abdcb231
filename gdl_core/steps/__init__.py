"""What a recipe can say: one step a file, each with `Arguments` and `run(arguments, context) -> value`.

Begin with `gdl_core.arguments` (how a step says what it takes) and `context` (what it is given besides). No step
imports torch before it runs; recipes import steps, never the other way round.
"""
