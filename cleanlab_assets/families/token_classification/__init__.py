"""The token classification family: a tag for each word of tagged sentences."""
