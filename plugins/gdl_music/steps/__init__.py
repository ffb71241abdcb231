"""What a recipe can say about music, one step a file."""
