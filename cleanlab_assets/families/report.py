"""What the report of every audit says: what it is about, how the audit came to be, and which errors were planted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cleanlab_assets.methods.result import NoFacts, Result
from cleanlab_assets.reports.detection_text import describe_detection, say_first
from cleanlab_assets.reports.html import Report, render_report
from cleanlab_assets.reports.settings import merge_facts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.families.detection_power import DetectionResult
    from cleanlab_assets.families.step import Page, StepContext
    from cleanlab_assets.methods.shown import Shown
    from cleanlab_assets.reports.html import Section, Tile


def describe_origin(
    context: StepContext, training_set: Result[Any, Any], issues: Result[Any, Any], *, name: str = "Label issues"
) -> dict[str, object]:
    """Say how an audit came to be: model, seed, settings, hashes and library versions.

    Args:
        context: of the report.
        training_set: the stored training set.
        issues: the stored issues that the report is about.
        name: what to call them.
    """
    return {
        "Model": context.model,
        "Seed": str(training_set.facts.seed),
        "Training set hash": training_set.origin.data_hash,
        "Training set settings": training_set.origin.config,
        f"{name} hash": issues.origin.data_hash,
        "Audited": issues.origin.started,
        **issues.origin.versions,
    }


def build_report(
    dataset: Dataset,
    model: str,
    facts: Mapping[str, object],
    *,
    title: str,
    tiles: Sequence[Tile],
    sections: Sequence[Section],
    notes: Sequence[str] = (),
) -> Report:
    """Build the report of one dataset and model.

    Args:
        dataset: The catalogue entry.
        model: Name of the model whose out-of-sample predictions the audit used.
        facts: How the audit was made. A fact that the report states anyway, such as ``model``, is left out.
        title: What the report is, after the title of the dataset.
        tiles: The summary.
        sections: The sections in their order.
        notes: What a reader must know first.
    """
    about = {
        "Dataset": f"{dataset.title} ({dataset.name})",
        "Source": dataset.homepage,
        "Licence": dataset.licence,
        "Citation": dataset.citation,
        "Model": model,
    }
    return Report(
        title=f"{dataset.title}: {title}",
        subtitle=f"{dataset.description} Audited with the out-of-sample predictions of {model}.",
        tiles=list(tiles),
        notes=list(notes),
        sections=list(sections),
        facts=merge_facts(about, facts),
    )


def store_page(report: Report, detection_power: DetectionResult, **shown: Shown) -> Page:
    """Make the result of a report: its page, with figures that people see beside its size.

    It opens with what the audit can find, where that is not all kinds of errors. What reviewers decided stands on a
    page of its own, so that no decision makes the report out of date.
    """
    found = detection_power.value
    report = replace(
        report,
        notes=[*filter(None, [say_first(found)]), *report.notes],
        sections=[*report.sections, describe_detection(found)],
    )
    where = "in review_report of the same dataset and model, beside this page"
    page = render_report(replace(report, facts={**report.facts, "Decisions and changes": where}))
    return Result(value=page, facts=NoFacts(), show=lambda: {**shown, "size_kb": len(page) // 1000})
