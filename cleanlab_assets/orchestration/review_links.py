"""Links from the assets in the web UI to the review page, where the settings say where it is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import dagster as dg

from cleanlab_assets.reviews.queues import WORST_FIRST

if TYPE_CHECKING:
    from cleanlab_assets.families.step import Step
    from cleanlab_assets.orchestration.partitions import Partition

LABEL_ISSUES = "label_issues"


def link_to_review(report_url: str | None, step: Step, partition: Partition) -> dict[str, dg.MetadataValue]:
    """Return metadata entries that lead to the queue of an audit and to its report; none for other steps.

    Args:
        report_url: where the review page is reached; None where nobody says.
        step: the step that was materialized.
        partition: its partition.
    """
    if report_url is None:
        return {}
    about = {"dataset": partition.dataset, **({"model": partition.model} if partition.model else {})}
    links: dict[str, dg.MetadataValue] = {}
    if step.name == LABEL_ISSUES:
        links["review"] = dg.MetadataValue.url(f"{report_url}/?{urlencode({**about, 'queue': WORST_FIRST})}")
        links["report"] = dg.MetadataValue.url(f"{report_url}/report?{urlencode(about)}")
    elif step.storage == "html":
        links["report"] = dg.MetadataValue.url(f"{report_url}/report/{quote(step.name)}?{urlencode(about)}")
    return links
