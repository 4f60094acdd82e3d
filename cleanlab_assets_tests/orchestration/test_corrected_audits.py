"""Decisions reach an audit where they are asked for: a variant of the reviewers, and audits of corrected labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cleanlab_assets.families.registry import FAMILIES
from cleanlab_assets.families.step import DATASET, MODEL
from cleanlab_assets.methods.variants import MINIMUM_REVIEWED
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.freshness import find_absent_models, find_stale_assets
from cleanlab_assets.orchestration.reviews import open_ledger_of
from cleanlab_assets.reviews.rows import ReviewedRows
from cleanlab_assets_tests.orchestration.chains import AUDITS, mark_slow, run_config_of

if TYPE_CHECKING:
    from cleanlab_assets_tests.orchestration.chains import Audited, Audits

WITH_ONE_LABEL = [family.name for family in FAMILIES if not family.element_issues]
EXCLUDED = 3


@pytest.fixture(scope="module", params=mark_slow(WITH_ONE_LABEL, but="classification"))
def chain(request: pytest.FixtureRequest, audits: Audits) -> Audited:
    """An audit of its own, since decisions change what is out of date."""
    return audits.make(request.param)


def find_stale(chain: Audited, **settings: Any) -> dict[str, str]:
    """Return why assets are out of date with these settings of the training set, by their names."""
    bench, found = chain.bench, dict[str, str]()
    configs = {bench.family.key("training_set"): settings} if settings else {}
    for level in (DATASET, MODEL):
        partition = chain.audit.partitions[level]
        stale = find_stale_assets(bench.instance, bench.family, level, partition, configs, bench.settings)
        found |= {key.path[-1]: reason for key, reason in stale.items()}
    return found


def test_decisions_make_a_variant_and_with_corrected_labels_another_training_set(chain: Audited) -> None:
    """In one test for its time: the reviewer finds planted errors right in the source, and some rows not to be used."""
    dataset = get_dataset(chain.audit.dataset)
    panel = dataset.panel
    rows = chain.read("training_set")
    train, test = rows[rows["split"] == "train"], rows[rows["split"] == "test"]
    planted = train.loc[train["planted_error"], "row_id"] if "planted_error" in train else train["row_id"].iloc[:0]
    excluded = train.loc[~train["row_id"].isin(planted), "row_id"].iloc[:EXCLUDED]
    seen = test["row_id"].iloc[:MINIMUM_REVIEWED]
    reviewed = ReviewedRows(dataset, chain.read("raw_dataset"))
    names = {str(row): str(row) for row in rows["row_id"]}
    if panel is not None:  # rows of the raw dataset are single labels
        first = reviewed.raw.drop_duplicates(panel.example)
        names = dict(zip(first[panel.example].astype(str), first["row_id"].astype(str), strict=True))
    with open_ledger_of(chain.bench.settings) as ledger:
        ledger.decide([reviewed.decide(names[row], "given is right", reviewer="ann") for row in (*planted, *seen)])
        ledger.decide([reviewed.decide(names[row], "exclude the row", reviewer="ann") for row in excluded])
    assert find_stale(chain).keys().isdisjoint({"training_set", "predictions", "label_issues"})
    chain.materialize(DATASET)
    stale = find_stale(chain)
    assert stale["variant_comparison"] == f"{chain.bench.family.name}/corrected_dataset has changed"
    assert stale.keys().isdisjoint({"training_set", "predictions", "label_issues"})
    absent = find_absent_models(chain.bench.instance, chain.bench.family, dataset.name, chain.bench.settings)
    assert chain.audit.model not in absent, "its audit is as it was, and can be compared with that of other models"

    chain.materialize(MODEL)

    comparison = chain.read("variant_comparison")
    found = comparison.result("reviewed")
    whole = set(excluded)
    if "sentence_id" in train:  # without a word it would be another sentence
        sentences = train.set_index("row_id")["sentence_id"]
        whole = set(sentences.index[sentences.isin(sentences[list(excluded)])])
    assert set(found.removed_rows) == whole
    if panel is None:
        truth = train.set_index("row_id")["true_label"].loc[list(planted)]
        same = {row: label for row, label in truth.items() if row not in whole}
        assert set(found.relabelled_rows) == set(same)
        if dataset.numeric_label is not None:
            assert np.allclose([found.relabelled_rows[row] for row in same], list(same.values()))
        elif dataset.label_separator is None:
            assert found.relabelled_rows == {row: str(label) for row, label in same.items()}
        assert comparison.n_reviewed_test == min(len(seen), MINIMUM_REVIEWED)
    assert any(note.startswith("reviewed is compared on") for note in comparison.notes)
    assert comparison.chosen != "reviewed"
    assert find_stale(chain) == {}

    _audit_corrected_labels(chain, whole)


def _audit_corrected_labels(chain: Audited, excluded: set[str]) -> None:
    """The setting makes the audit anew, of fewer rows; from then on a decision makes it out of date."""
    family, kept = chain.bench.family.name, len(chain.read("training_set"))
    decided = _decide_examples(chain)
    assert find_stale(chain, labels="corrected")["training_set"] == "labels 'given' -> 'corrected'"
    config = run_config_of(family)
    config["ops"][f"{family}__training_set"]["config"]["labels"] = "corrected"
    outcome = chain.bench.materialize(DATASET, chain.audit.partitions[DATASET], config)
    assert outcome.success, outcome.error
    corrected = chain.result("training_set")
    assert excluded.isdisjoint(corrected.value["row_id"])
    takes_others = not chain.audit.settings["training_set"].keys().isdisjoint({"max_rows", "max_sentences"})
    assert takes_others or kept - len(corrected.value) == len(excluded)
    assert "reviewers" in corrected.facts.notes[0]
    if decided:
        _check_decided_examples(chain, decided)

    reviewed = ReviewedRows(get_dataset(chain.audit.dataset), chain.read("raw_dataset"))
    with open_ledger_of(chain.bench.settings) as ledger:
        ledger.decide([reviewed.decide(str(reviewed.raw["row_id"].iloc[-1]), "exclude the row", reviewer="bob")])
    stale = find_stale(chain)
    assert stale["training_set"] == f"{family}/corrected_dataset is out of date"


def _decide_examples(chain: Audited) -> dict[str, str]:
    """Of several annotators decide the label of a few train examples, each another one than the majority vote."""
    dataset = get_dataset(chain.audit.dataset)
    if dataset.panel is None:
        return {}
    rows, names = chain.read("training_set"), dataset.class_names
    train = rows[rows["split"] == "train"].iloc[10:15]
    votes = map(names.index, train["given_label"].astype(str))
    decided = {row: names[(vote + 1) % len(names)] for row, vote in zip(train["row_id"], votes, strict=True)}
    reviewed = ReviewedRows(dataset, chain.read("raw_dataset"))
    first = reviewed.raw.drop_duplicates(dataset.panel.example).set_index(dataset.panel.example)["row_id"]
    first.index = first.index.astype(str)
    with open_ledger_of(chain.bench.settings) as ledger:
        ledger.decide(
            [reviewed.decide(first[row], "label is", label, reviewer="ann") for row, label in decided.items()]
        )
    chain.materialize(DATASET)
    return decided


def _check_decided_examples(chain: Audited, decided: dict[str, str]) -> None:
    """The decided label is the consensus, is not flagged, and nobody is asked for another one."""
    training_set = chain.result("training_set")
    n_decided = training_set.facts.n_decided
    assert n_decided >= len(decided), "those on which all annotators agree may have been found right before"
    assert training_set.facts.notes[0].startswith(f"{n_decided} examples have the label that reviewers decided")
    given = training_set.value.set_index("row_id")["given_label"].astype(str)
    assert {row: given[row] for row in decided} == decided
    chain.materialize(MODEL)
    consensus = chain.read("consensus_labels").set_index("row_id")["consensus_label"].astype(str)
    assert {row: consensus[row] for row in decided} == decided
    issues = chain.read("label_issues").set_index("row_id").loc[list(decided)]
    assert not issues["is_label_issue"].any()
    assert (issues["label_quality"] == 1).all()
    single = chain.read("label_quality")
    of_decided = single[single["example"].isin(decided)]
    is_wrong = of_decided["given_label"].astype(str) != of_decided["example"].map(decided)
    assert (of_decided["is_label_issue"] == is_wrong).all(), "single labels stay, and are judged by what was decided"
    assert set(chain.read("labeling_batch")["row_id"]).isdisjoint(decided)


def test_families_of_annotated_images_take_corrected_labels_too() -> None:
    """Their chains take minutes: here only that both steps read the corrected dataset as those of other families do."""
    from cleanlab_assets.orchestration.families import get_family

    for name in AUDITS:
        family = get_family(name)
        assert "corrected_dataset" in family.step("training_set").inputs
        assert "corrected_dataset" not in family.step("training_set").inputs_read({"labels": "given"})
        assert "corrected_dataset" in family.step("training_set").inputs_read({"labels": "corrected"})
        assert "corrected_dataset" in family.step("variant_comparison").inputs_read({"compare_cleaning": True})
        settings: Any = family.configs["training_set"]
        assert settings(labels="corrected").labels == "corrected"
