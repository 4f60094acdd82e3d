"""Audit datasets for label errors and other data issues as Dagster assets.

Start reading at ``cleanlab_assets.definitions``, then ``docs/architecture.md``.
Importing this package has no side effects.
"""

from __future__ import annotations

__version__ = "0.1.0"
