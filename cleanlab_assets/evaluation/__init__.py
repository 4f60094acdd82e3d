"""Planted errors, metrics, paired bootstrap intervals and verdicts."""
