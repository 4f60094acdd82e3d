"""Rows are inserted, deleted, reordered and relabelled, and settings changed: each flag lands in its group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from cleanlab_assets.datasets.dataset import Column
from cleanlab_assets.reviews.audit_history import FLAG_COLUMNS, Audited, choose_base, open_audit_history
from cleanlab_assets.reviews.changes import CHANGE_COLUMNS, CHANGES, compare_audits, find_rule_changes
from cleanlab_assets.reviews.row_keys import name_row_keys
from cleanlab_assets_tests.known_data import make_dataset

if TYPE_CHECKING:
    from pathlib import Path

AUDITED = Audited("toy", "tickets", "knn")
DATASET = make_dataset([Column(name="size", kind="numeric")], ["a", "b"])
RULE = {"folds": "5", "scikit-learn": "1.6"}


def make_rows(*rows: tuple[float, str]) -> pd.DataFrame:
    """A source whose rows have a feature and a label, in this order."""
    table = pd.DataFrame(rows, columns=["size", DATASET.label])
    return table.assign(row_id=[f"tickets.csv:{line}" for line in range(2, len(table) + 2)])


class Audits:
    """Audits of a source one after the other: rows below a size of zero are flagged with quality by size."""

    def __init__(self, path: Path) -> None:
        self._history = open_audit_history(f"sqlite:///{path / 'ledger.db'}")
        self._sizes: dict[str, float] = {}
        self.last: pd.DataFrame | None = None

    def audit(
        self, rows: pd.DataFrame, flagged: list[float], rule: dict[str, str] | None = None
    ) -> dict[str, set[float]]:
        """Flag the rows of these sizes; return the sizes in each group."""
        rule = rule or RULE
        keys, sizes = name_row_keys(DATASET, rows).keys, rows["size"]
        is_flagged = sizes.isin(flagged)
        flags = pd.DataFrame(
            {
                "row_key": keys,
                "issue_type": "label",
                "row_id": rows["row_id"],
                "given_label": rows[DATASET.label].astype(str),
                "quality": sizes / 100,
            }
        )[is_flagged]
        n_before = len(self._history.read(AUDITED))
        version = f"{n_before}: {flagged} {rows.to_csv()}"
        made = self._history.record(AUDITED, flags, data_version=version, rule=dict(rule), n_audited=len(rows))
        audits = self._history.read(AUDITED)
        base = choose_base(audits, self._history.find_accepted(AUDITED), made.number)
        before = self._history.read_flags(base.number) if base else flags.iloc[:0]
        table = compare_audits(
            flags,
            before,
            labels=dict(zip(keys, rows[DATASET.label].astype(str), strict=True)),
            closed=self._history.find_closed(AUDITED, before=made.number),
            same_rule=base is None or base.rule == made.rule,
        )
        self.last, self.number = table, made.number
        self._sizes |= dict(zip(keys.astype(str), sizes.tolist(), strict=True))
        assert list(table.columns) == list(CHANGE_COLUMNS)
        return {
            str(change): {self._sizes[str(key)] for key in part["row_key"]}
            for change, part in table.groupby("change", observed=True)
        }

    def accept(self) -> None:
        self._history.accept(self.number, reviewer="ann")


ROWS = [(1.0, "a"), (2.0, "a"), (3.0, "b"), (4.0, "b"), (5.0, "b")]


@pytest.fixture
def audits(tmp_path: Path) -> Audits:
    return Audits(tmp_path)


def test_every_way_in_which_a_source_changes_has_its_group(audits: Audits) -> None:
    assert audits.audit(make_rows(*ROWS), [1, 2, 3]) == {"new": {1, 2, 3}}

    # A row put in at the top, one taken out, the others in another order: each flag is known again.
    moved = make_rows((9.0, "a"), *reversed(ROWS[1:]))
    assert audits.audit(moved, [2, 3, 9]) == {"new": {9}, "persisting": {2, 3}, "gone": {1}}

    # One label is mended, and with it the flag goes; another flag goes by itself.
    mended = make_rows((9.0, "a"), (5.0, "b"), (4.0, "b"), (3.0, "a"), (2.0, "a"))
    assert audits.audit(mended, [9]) == {"persisting": {9}, "resolved by correction": {3}, "gone": {2}}
    assert audits.last is not None
    found = audits.last.set_index("row_key").loc[lambda table: table["change"] == "resolved by correction"].iloc[0]
    assert (found["given_label"], found["given_label_before"]) == ("a", "b")

    # What was flagged once, and then was not, comes again.
    assert audits.audit(mended, [2, 4, 9]) == {"reopened": {2}, "new": {4}, "persisting": {9}}
    # By another rule nobody knows what is new of the data.
    assert audits.audit(mended, [2, 4, 5], {**RULE, "folds": "3"}) == {
        "new by another rule": {5},
        "persisting": {2, 4},
        "gone": {9},
    }


def test_an_accepted_audit_stays_the_base(audits: Audits) -> None:
    rows = make_rows(*ROWS)
    audits.audit(rows, [1])
    audits.accept()
    assert audits.audit(rows, [1, 2]) == {"new": {2}, "persisting": {1}}
    assert audits.audit(rows, [1, 2, 3]) == {"new": {2, 3}, "persisting": {1}}
    audits.accept()
    assert audits.audit(rows, [1, 2, 3, 4]) == {"new": {4}, "persisting": {1, 2, 3}}


def test_a_flag_without_any_row_of_its_own_is_no_trouble(audits: Audits) -> None:
    assert audits.audit(make_rows(*ROWS), []) == {}
    assert audits.audit(make_rows(*ROWS), [5]) == {"new": {5}}
    assert audits.audit(make_rows(*ROWS), []) == {"gone": {5}}


def test_groups_come_in_their_order_and_within_them_the_worst_first(audits: Audits) -> None:
    audits.audit(make_rows(*ROWS), [1, 5])
    audits.audit(make_rows(*ROWS), [4, 5, 2])
    assert audits.last is not None
    assert audits.last["change"].tolist() == ["new", "new", "persisting", "gone"]
    assert audits.last["label_quality"].tolist() == [0.02, 0.04, 0.05, 0.01]
    assert tuple(audits.last["change"].cat.categories) == CHANGES
    assert set(FLAG_COLUMNS) <= {*CHANGE_COLUMNS, "quality"}


def test_what_of_a_rule_has_changed_is_said() -> None:
    assert find_rule_changes(RULE, RULE) == []
    assert find_rule_changes({"folds": "3", "torch": "2.7"}, RULE) == [
        *("folds 5 -> 3", "scikit-learn 1.6 -> none", "torch none -> 2.7")
    ]
