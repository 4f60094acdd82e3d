"""Golden files: what the code location declares and computes, so that a change of either shows as a difference."""
