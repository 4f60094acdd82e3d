"""Decisions as a CSV file: a line for each entry of the ledger, and such a file read back.

Columns: ``row`` (row id or row key), ``decision`` and, where they apply, ``label``, ``reviewer``, ``note``,
``issue_type`` and ``element``. What the ledger adds when it writes a file, such as the time, is not read.
"""

from __future__ import annotations

import csv
import hashlib
import io
from typing import TYPE_CHECKING, NamedTuple

from cleanlab_assets.datasets.faults import Faults
from cleanlab_assets.datasets.text_files import open_csv
from cleanlab_assets.reviews.corrections import to_text
from cleanlab_assets.reviews.decisions import LABEL_ISSUE, DecisionError, RegionLabel
from cleanlab_assets.reviews.elements import parse_element_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from cleanlab_assets.reviews.decisions import Decision, Entry
    from cleanlab_assets.reviews.rows import ReviewedRows

COLUMNS = ("row", "decision", "label", "reviewer", "note", "issue_type", "element")
REQUIRED = ("row", "decision")
WRITTEN = (*COLUMNS, "given_label", "entry", "made_at", "rule", "undone_by")


class ReadDecisions(NamedTuple):
    """Decisions of a file, and a text for each that is the same whenever the file is read again."""

    decisions: list[Decision]
    tokens: list[str]


def is_file_of_decisions(path: Path) -> bool:
    """Whether a CSV file has the columns that one of decisions must have.

    Raises:
        TextFileError: the file is no CSV.
    """
    with open_csv(path) as reader:
        return set(REQUIRED) <= {name.strip() for name in next(reader, [])}


def read_decisions(path: Path, rows: ReviewedRows, *, reviewer: str) -> ReadDecisions:
    """Read decisions from a CSV file.

    Args:
        path: the file.
        rows: the rows of the dataset as it is now: they have the given labels.
        reviewer: who decided where the file does not say.

    Raises:
        DecisionError: columns are missing, or lines name no row, decision or label of the dataset; all of them are
            told.
        TextFileError: the file is no CSV.
    """
    found, faults = ReadDecisions([], []), Faults()
    with open_csv(path) as reader:
        header = [name.strip() for name in next(reader, [])]
        if missing := [name for name in REQUIRED if name not in header]:
            raise DecisionError(
                f"{path.name}, line 1: found the columns {', '.join(header) or 'none'}, expected {', '.join(COLUMNS)}: "
                f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
            )
        for fields in reader:
            if not any(fields):
                continue
            said = dict(zip(header, fields, strict=False))
            if said.get("undone_by"):
                continue
            with faults.gather(f"{path.name}, line {reader.line_num}"):
                decision = rows.decide(
                    said["row"].strip(),
                    said["decision"].strip(),
                    said.get("label", ""),
                    reviewer=said.get("reviewer", "").strip() or reviewer,
                    note=said.get("note", ""),
                    issue_type=said.get("issue_type", "").strip() or LABEL_ISSUE,
                    element=said.get("element", ""),
                    suggestion=_read_region(said),
                )
                found.decisions.append(decision)
                found.tokens.append(_make_token(decision, said))
    faults.raise_any(DecisionError)
    return found


def write_decisions(entries: Iterable[Entry], rows: ReviewedRows, rules: Mapping[int, str]) -> str:
    """Return the entries of a dataset as the text of a CSV file, also those that were taken back.

    Args:
        entries: in the order of the ledger.
        rows: the rows of the dataset.
        rules: by number, see ``Ledger.read_rules``.
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, WRITTEN, lineterminator="\n")
    writer.writeheader()
    for entry in entries:
        decision = entry.decision
        writer.writerow(
            {
                "row": decision.row_key,
                "decision": decision.verdict,
                "label": to_text(rows.dataset, decision.label),
                "reviewer": decision.reviewer,
                "note": decision.note,
                "issue_type": decision.issue_type,
                "element": decision.element,
                "given_label": to_text(rows.dataset, decision.given_label),
                "entry": entry.number,
                "made_at": entry.made_at.isoformat(),
                "rule": rules.get(entry.rule or 0, ""),
                "undone_by": entry.undone_by or "",
            }
        )
    return stream.getvalue()


def _read_region(said: Mapping[str, str]) -> RegionLabel | None:
    """Return the pixels of a region that a line names, which no given mask may show as one."""
    given = said.get("given_label", "")
    label = parse_element_label(given) if said.get("element") and given else None
    return label if isinstance(label, RegionLabel) else None


def _make_token(decision: Decision, said: Mapping[str, str]) -> str:
    """Return what tells an entry of a file from every other: of the same decision made twice, the time does."""
    parts = [decision.model_dump_json(exclude={"given_label", "seen"}), said.get("made_at", "")]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
