"""What a recipe can say about texts, one step a file."""
