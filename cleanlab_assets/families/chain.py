"""The chain of a family: its own steps, and those that every family has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.families.audit_facts import build_audit_facts
from cleanlab_assets.families.cleaning import build_retrained_model, build_variant_comparison
from cleanlab_assets.families.raw_dataset import raw_dataset
from cleanlab_assets.families.standard_checks import STANDARD_CHECKS
from cleanlab_assets.families.vectors import join_vectors

if TYPE_CHECKING:
    from cleanlab_assets.families.family import TaskFamily
    from cleanlab_assets.families.step import Check, Step


def steps_of(family: TaskFamily) -> tuple[Step, ...]:
    """Return the steps of an audit of one dataset and model, in the order of the chain."""
    steps = (
        raw_dataset,
        *family.steps,
        build_variant_comparison(family.variants),
        build_retrained_model(family.variants),
        build_audit_facts(family),
    )
    return tuple(join_vectors(step, family) for step in steps)


def checks_of(family: TaskFamily) -> tuple[Check, ...]:
    """Return the checks of these steps: those that every family with such a step has, and its own."""
    names = {step.name for step in steps_of(family)}
    standard = [check for check in STANDARD_CHECKS if check.step in names]
    return tuple(join_vectors(check, family) for check in (*standard, *family.checks))
