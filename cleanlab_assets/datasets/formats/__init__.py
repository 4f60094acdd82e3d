"""The forms that a user's own dataset may have: one module each, found by itself; see ``own_datasets``."""
