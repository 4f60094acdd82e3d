"""What only the chain of multiannotator has, on the audit of the digits' panel."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cleanlab_assets.datasets.dataset import Gates
from cleanlab_assets.datasets.digits_panel import SPAMMERS
from cleanlab_assets.families.multiannotator.report import audit_report
from cleanlab_assets_tests.conftest import empty_plots

if TYPE_CHECKING:
    from cleanlab_assets.methods.result import Result
    from cleanlab_assets_tests.orchestration.chains import Audited, Audits


pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def panel(audits: Audits) -> Audited:
    return audits["multiannotator"]


def test_test_rows_carry_the_truth_and_train_rows_the_vote(panel: Audited) -> None:
    rows = panel.read("training_set")
    truth = panel.read("raw_dataset").drop_duplicates("example").set_index("example")["true_digit"]
    assert (rows["true_label"].astype(str) == rows["row_id"].map(truth.astype(str))).all()
    is_right = rows["given_label"].astype(str) == rows["true_label"].astype(str)
    assert is_right[rows["split"] == "test"].all()
    assert is_right[rows["split"] == "train"].mean() < 0.9


def test_planted_labels_were_right_before(panel: Audited) -> None:
    labels = panel.read("annotations")
    truth = panel.read("training_set").set_index("row_id")["true_label"].astype(str)
    planted = labels[labels["planted_error"]]
    assert len(planted) > 50
    assert (planted["true_label"].astype(str) == planted["example"].map(truth)).all()


def test_the_leading_consensus_is_at_least_as_right_as_all_others(panel: Audited) -> None:
    facts = panel.facts("consensus_labels")
    found = facts.with_truth
    assert facts.leading_method == "dawid_skene_with_model"
    assert facts.agreement["dawid_skene_with_model"] == 1
    assert 0.5 < facts.agreement["majority_vote"] < facts.agreement["crowdlab"] < 1
    assert found["accuracy_dawid_skene_with_model"] >= max(value for name, value in found.items() if "accuracy" in name)
    assert panel.facts("label_quality").has_converged
    assert found["accuracy_dawid_skene"] > found["accuracy_majority_vote"]
    assert found["consensus_quality_auroc"] > 0.7


def test_spammers_rank_last_and_quality_follows_skill(panel: Audited) -> None:
    annotators = panel.read("annotator_quality")
    assert set(annotators["annotator"].head(len(SPAMMERS))) == set(SPAMMERS)
    assert panel.facts("annotator_quality").spearman > 0.85
    assert (annotators["n_labels"] > 0).all()
    is_covered = annotators["true_accuracy"].between(annotators["quality_low"], annotators["quality_high"])
    assert is_covered.mean() > 0.8


def test_every_label_has_a_quality_worst_first(panel: Audited) -> None:
    quality, labels = panel.read("label_quality"), panel.read("annotations")
    assert set(quality["row_id"]) == set(labels.loc[labels["split"] == "train", "row_id"])
    assert quality["label_quality"].is_monotonic_increasing
    planted = panel.facts("label_quality").planted.overall
    assert planted.average_precision > 4 * planted.planted_share


def test_the_batch_names_examples_annotators_and_reasons_lowest_score_first(panel: Audited) -> None:
    batch = panel.read("labeling_batch")
    assert len(batch) == 20
    assert batch["active_learning_score"].is_monotonic_increasing
    assert batch["reason"].str.len().gt(0).all()
    labels = panel.read("annotations")
    known = set(zip(labels["example"], labels["annotator"].astype(str), strict=True))
    assert not known.intersection(zip(batch["row_id"], batch["suggested_annotator"], strict=True))


def test_variants_facts_and_report_tell_of_the_panel(panel: Audited) -> None:
    variants = [item.variant for item in panel.read("variant_comparison").variants]
    assert variants == ["baseline", "leading_consensus", "crowdlab", "pruned", "random_removal"]
    assert "test rows are judged by the known truth" in panel.read("audit_facts").notes
    page = panel.read("audit_report")
    for text in (SPAMMERS[0], "Dawid-Skene", "What to label next", "deliberately corrupted"):
        assert text in page, text


def write_report(panel: Audited, *, gates: Gates | None = None, **others: Result[Any, Any]) -> str:
    """Write the report of the audit, with some results replaced by others, perhaps under other gates."""
    results = {name: others.get(name) or panel.result(name) for name in audit_report.inputs}
    dataset = panel.context.dataset
    context = replace(panel.context, dataset=replace(dataset, gates=gates or dataset.gates))
    with empty_plots():
        page: str = audit_report.run(context, **results).value
    return page


def test_the_report_names_the_worst_annotator_and_writes_out_the_votes(panel: Audited) -> None:
    page = write_report(panel)
    worst = panel.read("annotator_quality").iloc[0]["annotator"]
    assert f"Look at the labels of {worst} first" in page
    issues = panel.read("label_issues")
    assert f">{int(issues['is_label_issue'].sum()):,}<" in page
    example = issues.sort_values("rank").iloc[0]["row_id"]
    labels = panel.read("label_quality")
    votes = labels[labels["example"].astype(str) == example]
    for annotator in votes["annotator"].astype(str):
        assert annotator in page
    assert f"{int(labels['planted_error'].sum()):,} of {len(labels):,} single labels carry a planted error" in page


def test_a_report_without_truth_measures_no_accuracy_and_no_curve(panel: Audited) -> None:
    consensus = panel.result("consensus_labels")
    curve = panel.result("learning_curve")
    page = write_report(
        panel,
        consensus_labels=replace(consensus, facts=consensus.facts.model_copy(update={"with_truth": {}})),
        learning_curve=replace(curve, value=curve.value.iloc[:0]),
    )
    assert "No truth is known" in page
    assert "What active learning gains" not in page
    assert "What active learning gains" in write_report(panel)


def test_a_report_where_the_consensus_corrects_no_vote_gives_no_advice_on_examples(panel: Audited) -> None:
    issues, labels = panel.result("label_issues"), panel.result("label_quality")
    page = write_report(
        panel,
        label_issues=replace(issues, value=issues.value.assign(is_label_issue=False)),
        label_quality=replace(labels, value=labels.value.assign(is_label_issue=False)),
    )
    assert "0 of the examples" in page or "0 %" in page
    assert "or have it labelled once more" not in page


def test_corrected_votes_ask_for_attention_above_their_limit_and_not_at_it(panel: Audited) -> None:
    flags = panel.read("label_issues")["is_label_issue"]
    rate = flags.sum() / len(flags)
    for limit, tone in ((rate, "good"), (np.nextafter(rate, 0), "warn")):
        page = write_report(panel, gates=Gates(label_issue_rate=float(limit)))
        assert re.findall(r'class="tile (\w+)">\s*<dt>Votes that the consensus corrects', page) == [tone]
