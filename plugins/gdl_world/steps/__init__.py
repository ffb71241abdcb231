"""What a recipe can say of worlds: one step a file, each with `Arguments` and `run(arguments, context) -> value`."""
