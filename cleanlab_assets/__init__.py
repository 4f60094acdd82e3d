"""Audit datasets for label errors and other data issues, from Python or as Dagster assets.

In Python ``audit`` looks at a table that is in memory. The Dagster code location is ``cleanlab_assets.definitions``;
start reading there, then ``docs/architecture.md``. Importing this package has no side effects and loads nothing heavy.
"""

from __future__ import annotations

__version__ = "0.1.0"

from cleanlab_assets.audits import AuditRun, ReportPage, UnknownResultError, audit

__all__ = ["AuditRun", "ReportPage", "UnknownResultError", "__version__", "audit"]
