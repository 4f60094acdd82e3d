"""What a language model may state about an audit: it writes placeholders, and code fills in figures and names.

A language model writes fluent sentences around figures that it made up. So it writes none: ``{{n_label_issues}}``
stands for a figure, and the facts say which. All else in its prose is plain English words. A digit, a number in words,
another alphabet, markup and an unknown placeholder are refused, so that no figure of its own gets through. A name with
digits in it, such as that of a class, has a placeholder too.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

from cleanlab_assets.reports.formatting import METRIC_NAMES, format_difference, format_number, format_share, name_metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cleanlab_assets.reports.audit_facts import AuditFacts, VariantFacts

    Entries = Iterator[tuple[str, str | None, str]]
    """Name, text and meaning; what has no text is left out."""

LONGEST_NAME = 80
MOST_LABELS = 30
"""Classes of a dataset with many, the most frequent first, that are shown to a language model."""
_PLAIN_LIMITS = frozenset({"non_iid_p_value", "expected_calibration_error"})
"""Limits that are no share of the rows."""

# A placeholder that touches a word, a sign or another placeholder could change what the figure says: "{{n}}k".
_PLACEHOLDER = re.compile(r"""(?<![^\s("'])\{\{ ?(\w+) ?\}\}(?![^\s.,;:!?)"'])(?! ?\{)""")
_NOT_PLAIN = re.compile(r"""\S*(?:[^A-Za-z\n .,;:!?'"()_–—‘’“”…-]|www\.)\S*""", re.IGNORECASE)  # noqa: RUF001
_NUMBER_WORD = re.compile(
    r"""
    (?<![a-z])
    (?: (?: zero | one(?!s\b|self\b) | two | twice | twel | twent | three | thrice | third | thirt | four | fort(?=y|ie)
          | fif | five | six | seven | eight | nin[et] | eleven | hundred | thousand | [mb]illion | trillion | dozen
          | hal[fv] | quarter | doubl | tripl | trebl | quadrupl | couple | minus | per[ -]*cent | pct
        )[a-z]*
      | ten (?: s | fold | th[a-z]* )? | times | [kmx]
    )
    (?![a-z])
    """,
    re.VERBOSE | re.IGNORECASE,
)
_METRIC_WORDS = {
    r"AU(?:RO)?C": ("roc_auc", "auroc"),
    "accuracy": ("accuracy",),
    r"log[\s-]loss": ("log_loss",),
    r"R[\s-]squared": ("r2",),
    "RMSE": ("rmse",),
    "MAE": ("mae",),
    "mAP": ("map_",),
    "IoU": ("iou", "map_"),
}


class Placeholder(NamedTuple):
    """What stands in the place of a placeholder, and what it means. The meaning holds no text of the data."""

    text: str
    meaning: str


def list_placeholders(facts: AuditFacts, *, with_rows: bool = True) -> dict[str, Placeholder]:
    """List all that prose about an audit may state beyond plain words, by the name of its placeholder.

    Args:
        facts: what the audit found; undefined figures have no placeholder.
        with_rows: whether the ids of the rows of lowest label quality have placeholders.
    """
    lists = (_list_names, _list_counts, _list_metrics, _list_detection, _list_truth, _list_labels)
    parts = [entries_of(facts) for entries_of in lists]
    found = {name: Placeholder(text, meaning) for part in parts for name, text, meaning in part if text}
    if with_rows:
        for number, row in enumerate(facts.worst_rows, start=1):
            found[f"worst_row_{number}"] = Placeholder(
                _name(row.row_id), f"id of {facts.unit} {number} by label quality, lowest first"
            )
    return found


def find_refused(text: str, placeholders: Mapping[str, Placeholder]) -> list[str]:
    """Return the parts of a text that are neither plain words nor known placeholders, as written, each once."""
    prose = _PLACEHOLDER.sub(lambda match: " " if match[1] in placeholders else match[0], text)
    found = [*_NOT_PLAIN.finditer(prose), *_NUMBER_WORD.finditer(prose)]
    return list(dict.fromkeys(match[0].strip() for match in found))


def fill_in(text: str, placeholders: Mapping[str, Placeholder]) -> str:
    """Put figures and names in the places of the placeholders of a text in which nothing was refused."""
    return _PLACEHOLDER.sub(lambda match: placeholders[match[1]].text, text)


def find_unknown_metrics(text: str, facts: AuditFacts) -> list[str]:
    """Return the usual metrics that a text speaks of and the audit does not hold, such as AUC in a regression."""
    names = [facts.primary_metric, *facts.cross_validation, *(name for item in facts.variants for name in item.metrics)]
    known = " ".join([*names, "" if facts.detection is None else "auroc"])
    found = {
        match[0]: parts
        for word, parts in _METRIC_WORDS.items()
        for match in re.finditer(rf"\b{word}\b", text, re.IGNORECASE)
    }
    return [word for word, parts in found.items() if not any(part in known for part in parts)]


def rank_labels(facts: AuditFacts) -> list[tuple[str, float]]:
    """Return the entries of the label distribution that a language model sees, highest figure first."""
    return sorted(facts.label_distribution.items(), key=lambda item: item[1], reverse=True)[:MOST_LABELS]


def _list_names(facts: AuditFacts) -> Entries:
    yield "dataset", _name(facts.title), "title of the dataset"
    yield "model", _name(facts.model), "name of the model"
    yield "flag_rule", _name(facts.flag_rule), "rule by which labels are flagged"
    yield "primary_metric", name_metric(facts.primary_metric), "name of the metric of the comparison"
    assets = {
        "label_issues": ("label_issues", f"asset with the label quality of every audited {facts.unit}"),
        "report": (facts.report_asset, f"asset with the report that shows flagged {facts.unit}s"),
        "duplicates": (facts.duplicates_asset, "asset with the sets of near duplicates"),
        "variant_comparison": ("variant_comparison", "asset that compares training on cleaned data with the baseline"),
        "retrained_model": ("retrained_model", "asset with the final model"),
    }
    for name, (asset, meaning) in assets.items():
        yield name, asset and f"{facts.family}/{asset}", meaning


def _list_counts(facts: AuditFacts) -> Entries:
    yield "n_audited", _count(facts.n_audited), f"audited {facts.unit}s"
    yield "n_train", _count(facts.n_train), f"train {facts.unit}s, all of which were audited"
    yield "n_test", _count(facts.n_test), f"test {facts.unit}s, which nothing was trained on"
    yield "n_features", _count(facts.n_features), "features"
    yield "n_label_issues", _count(facts.n_label_issues), "audited labels that are flagged as likely errors"
    for split, found in facts.by_split.items():
        yield f"n_flagged_{split}", _count(found.n_flagged), f"{split} labels among them"
    yield "label_issue_rate", _share(facts.label_issue_rate), "share of the audited labels that are flagged"
    for end, bound in (("low", "lower"), ("high", "upper")):
        name = f"estimated_errors_{end}"
        meaning = f"{bound} end of the bracket of the number of errors in train {facts.unit}s"
        yield name, _count(getattr(facts, name)), meaning
    for item in facts.issue_types:
        if item.issue_type == "label":
            continue
        kind = item.issue_type.replace("_", " ")
        yield f"n_{item.issue_type}", _count(item.n_issues), f"train {facts.unit}s flagged as {kind}"
        yield f"share_{item.issue_type}", _share(item.share), f"share of the train {facts.unit}s flagged as {kind}"
    yield "n_duplicate_sets", _count(facts.n_duplicate_sets), "sets of near duplicates"
    yield "n_duplicate_rows", _count(facts.n_duplicate_rows), f"{facts.unit}s in sets of near duplicates"
    for name, limit in facts.limits.items():
        text = _number(limit) if name in _PLAIN_LIMITS else _share(limit)
        yield f"limit_{name}", text, f"limit of the {name.replace('_', ' ')}"


def _list_metrics(facts: AuditFacts) -> Entries:
    """Yield metrics; name and figure are one text, so that no figure stands under the name of another metric."""
    for metric, value in facts.cross_validation.items():
        if metric in METRIC_NAMES:  # others are named after a class, which is text of the data
            meaning = f"{name_metric(metric)} of the out-of-sample predictions, with its name"
            yield f"cross_validated_{metric}", _metric(metric, value), meaning
    yield "expected_calibration_error", _number(facts.expected_calibration_error), "expected calibration error"
    metric = name_metric(facts.primary_metric)
    for item in facts.variants:
        on_test = _metric(facts.primary_metric, item.metrics.get(facts.primary_metric))
        yield f"test_{item.variant}", on_test, f"{metric} of the variant {item.variant} on the test data, with its name"
        meaning = f"difference in {metric} between {item.variant} and the baseline"
        yield f"difference_{item.variant}", _number(item.difference, format_difference), meaning
        yield f"interval_{item.variant}", describe_interval(item), f"interval of the {meaning}, with its level"


def _list_detection(facts: AuditFacts) -> Entries:
    if facts.detection is None:
        return
    found = facts.detection
    yield "n_planted", _count(found.n_planted), "planted errors"
    yield "planted_share", _share(found.planted_share), "share of the train labels with a planted error"
    for name in ("precision", "recall", "average_precision", "auroc"):
        meaning = f"{name_metric(name)} of finding planted errors, with its name"
        yield f"detection_{name}", _metric(name, getattr(found, name)), meaning
    yield "detection_chance", _number(found.planted_share), "average precision of a random ranking"
    for kind in found.by_kind:
        meaning = f"AUROC of finding planted errors of the kind {kind.kind.replace('_', ' ')}, with its name"
        yield f"detection_{kind.kind}", _metric("auroc", kind.auroc), meaning


def _list_truth(facts: AuditFacts) -> Entries:
    found = facts.by_truth
    if found is None:
        return
    yield "n_known", _count(found.n_known), "rows whose true label is known"
    yield "n_wrong", _count(found.n_wrong), "given labels among them that differ from the true ones"
    for name in ("precision", "recall", "average_precision"):
        value = getattr(found, name)
        if value is not None:
            yield f"truth_{name}", _metric(name, value), f"{name_metric(name)} of finding these, with its name"


def _list_labels(facts: AuditFacts) -> Entries:
    for number, (name, figure) in enumerate(rank_labels(facts), start=1):
        yield f"label_{number}", f'"{_name(name)}"', f"name of entry {number} of label_distribution"
        yield f"n_label_{number}", _number(figure), "its figure"
    if facts.family == "classification" and facts.label_distribution:
        name, count = min(facts.label_distribution.items(), key=lambda item: item[1])
        yield "rarest_class", f'"{_name(name)}"', "name of the rarest class"
        yield "n_rarest_class", _number(count), f"train {facts.unit}s of the rarest class"
        yield "share_rarest_class", _share(count / max(facts.n_train, 1)), "share of the rarest class"


def describe_interval(item: VariantFacts) -> str | None:
    """Return the interval of a variant's difference with its level, None where it has none."""
    if item.low is None or item.high is None or not (math.isfinite(item.low) and math.isfinite(item.high)):
        return None
    return f"95 % interval {format_difference(item.low)} to {format_difference(item.high)}"


def _name(text: str) -> str:
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


def _number(value: float | None, write: Callable[[float], str] = format_number) -> str | None:
    return None if value is None or not math.isfinite(value) else write(value)


def _count(count: int | None) -> str | None:
    return None if count is None else f"{count:,}"


def _share(share: float | None) -> str | None:
    return _number(share, format_share)


def _metric(name: str, value: float | None) -> str | None:
    return _number(value, lambda figure: f"{name_metric(name)} {format_number(figure)}")
