"""The classification family: single-label tables, binary and multi-class."""
