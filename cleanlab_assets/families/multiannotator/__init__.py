"""The multiannotator family: several annotators label the same examples."""
