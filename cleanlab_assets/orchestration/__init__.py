"""The thin Dagster layer: partitions, asset factories, checks, storage and jobs. No mathematics here."""

from __future__ import annotations

import warnings

import dagster as dg

# Partitioned checks are a preview feature, some partition mappings and the dagster-pandas types are beta; dagster is
# pinned below 1.14 for it, so that the warnings say nothing new to a user.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
warnings.filterwarnings("ignore", category=dg.BetaWarning)
