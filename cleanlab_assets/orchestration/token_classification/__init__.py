"""The token classification family: a tag for each word, such as its part of speech."""
