"""The review page of every family: a row shows with the evidence that its dataset has, and is decided."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from cleanlab_assets.families.registry import FAMILIES
from cleanlab_assets.orchestration import history
from cleanlab_assets.orchestration.families import get_family
from cleanlab_assets.orchestration.partitions import Partition
from cleanlab_assets.orchestration.review_links import link_to_review
from cleanlab_assets.orchestration.storage import ArtifactFormatError
from cleanlab_assets.review_page.audit import NoAuditError, ReviewedAudit
from cleanlab_assets.review_page.evidence import has_sentences
from cleanlab_assets.review_page.messages import Answer, Place
from cleanlab_assets.review_page.review import Review
from cleanlab_assets.reviews.elements import has_elements
from cleanlab_assets.reviews.ledger import open_ledger
from cleanlab_assets.reviews.queues import LABELING_BATCH, RANDOM_FLAGGED, RANDOM_UNFLAGGED, WORST_FIRST
from cleanlab_assets.reviews.rows import find_label_kind
from cleanlab_assets_tests.orchestration.chains import Audited, mark_slow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import dagster as dg

    from cleanlab_assets.methods.result import Provenance
    from cleanlab_assets_tests.conftest import Workbench
    from cleanlab_assets_tests.orchestration.chains import Audits

NAMES = [family.name for family in FAMILIES]


@pytest.fixture(params=mark_slow(NAMES))
def chain(request: pytest.FixtureRequest, audits: Audits) -> Audited:
    """The audit of a family."""
    return audits[request.param]


@pytest.fixture
def review(chain: Audited, tmp_path: Path) -> Iterator[Review]:
    """Its review."""
    partition = Partition(chain.audit.dataset, chain.audit.model)
    audit = ReviewedAudit(chain.bench.instance, chain.bench.family, partition)
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        yield Review(audit, ledger, reviewer="ann")


def test_a_row_shows_with_what_its_dataset_has_and_is_decided(chain: Audited, review: Review) -> None:
    issues, dataset = chain.read("label_issues"), review.rows.dataset
    sizes = {queue["name"]: queue["size"] for queue in review.describe()["queues"]}
    n_flagged = int(issues["is_label_issue"].sum())
    assert (sizes[WORST_FIRST], sizes[RANDOM_FLAGGED]) == (n_flagged, n_flagged)
    assert sizes[RANDOM_UNFLAGGED] == len(issues) - n_flagged
    assert (sizes[LABELING_BATCH] is not None) == (dataset.panel is not None)

    place = Place(queue=WORST_FIRST if n_flagged else RANDOM_UNFLAGGED)
    item = review.show_next(place).item
    assert item is not None
    issue = issues.set_index("row_id").loc[item.row_id]
    assert (item.rank, item.is_flagged) == (int(issue["rank"]), bool(issue["is_label_issue"]))
    assert item.quality == pytest.approx(float(issue["label_quality"]))
    assert item.given is not None
    assert item.history == []

    names = {step.name for step in chain.steps}
    assert len(item.neighbors) == (5 if "neighbor_graph" in names else 0)
    assert bool(item.votes) == (dataset.panel is not None)
    assert [token.is_row for token in item.sentence].count(True) == (1 if has_sentences(dataset) else 0)
    assert bool(item.pictures) == has_elements(dataset)
    assert bool(item.candidates) == (find_label_kind(dataset) != "annotations")
    for picture in item.pictures:
        with Image.open(io.BytesIO(review.pictures.draw(item.key, picture.source))) as drawn:
            assert (drawn.format, min(drawn.size) > 100) == ("PNG", True)
    assert review.audit.pages[0] == chain.bench.family.task.report_asset
    assert review.audit.read_page(review.audit.pages[0]).startswith("<!DOCTYPE html>")

    view = review.decide(Answer(row=item.key, verdict="unclear", token="0" * 32, place=place))
    assert view.progress.decided == 1
    assert view.item is None or view.item.key != item.key
    again = review.show(item.row_id, place).item
    assert again is not None
    assert [past.said for past in again.history] == ["unclear"]


def test_every_audited_row_can_be_shown(chain: Audited, review: Review) -> None:
    row_ids = chain.read("label_issues")["row_id"]
    for row_id in row_ids.iloc[:: max(1, len(row_ids) // 20)]:
        item = review.show(str(row_id), Place()).item
        assert item is not None
        assert item.row_id == row_id
        likely = [one.probability for one in item.candidates if one.probability is not None]
        assert all(0 <= share <= 1 for share in [*likely, *item.probabilities.values()])


def test_every_part_of_a_row_that_the_audit_judged_is_decided_by_itself(chain: Audited, review: Review) -> None:
    of_elements = chain.bench.family.task.element_issues
    assert review.describe()["has_elements"] == bool(of_elements)
    if not of_elements:
        return
    judged = chain.read(of_elements).groupby("row_id")["element"].agg(set)
    training_set = chain.read("training_set").set_index("row_id")
    tokens = iter(range(10**6))
    for row_id, names in judged.items():
        item = review.show(str(row_id), Place()).item
        assert item is not None
        assert len(item.elements) + item.n_more_elements == len(names)
        assert {one.name for one in item.elements} <= names
        row = training_set.loc[row_id]
        was_planted = any(row[label] != row[truth] for label, truth in chain.audit.labels.items())
        assert was_planted or all(one.answers for one in item.elements), "the source has what the audit saw"
        for one in [found for found in item.elements if found.answers][:2]:
            said = next((answer for answer in one.answers if "predicted" in answer), one.answers[-1])
            answer = Answer(row=item.key, element=one.name, verdict=said, token=f"{next(tokens):032x}")
            view = review.decide(answer)
            assert view.item is not None
            assert (view.item.row_id, view.item.state) == (row_id, "")
            (after,) = (found for found in view.item.elements if found.name == one.name)
            assert after.state in {"in force", "done"}
            assert (said == "unclear") == (after.said == "unclear")
    assert judged.empty or next(tokens) > len(judged) / 2


def test_the_neighbours_are_those_of_the_graph(audits: Audits, tmp_path: Path) -> None:
    chain = audits["classification"]
    partition = Partition(chain.audit.dataset, chain.audit.model)
    audit = ReviewedAudit(chain.bench.instance, chain.bench.family, partition)
    graph, train = chain.read("neighbor_graph"), chain.train_rows.reset_index(drop=True)
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        review = Review(audit, ledger, reviewer="ann")
        for place in (0, 100, len(graph) - 1):
            item = review.show(str(graph["row_id"].iloc[place]), Place()).item
            assert item is not None
            nearest = train.loc[[int(graph[f"neighbor_{number}"].iloc[place]) for number in range(1, 6)]]
            assert [row.row_id for row in item.neighbors] == nearest["row_id"].tolist()
            assert [row.label for row in item.neighbors] == nearest["given_label"].astype(str).tolist()
            probabilities = chain.read("predictions").set_index("row_id").loc[item.row_id]
            best = item.candidates[0]
            assert best.probability == pytest.approx(float(np.max([probabilities[f"probability_{best.label}"]])))
            assert best.probability == max(one.probability or 0 for one in item.candidates)


def test_an_audit_of_other_rows_than_those_that_were_read_last_is_refused(
    audits: Audits, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = audits["classification"]
    partition = Partition(chain.audit.dataset, chain.audit.model)
    recorded = history.latest_provenance

    def read_anew(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> Provenance | None:
        found = recorded(instance, key, partition)
        is_raw = key.path[-1] == "raw_dataset"
        return found.model_copy(update={"data_hash": "another"}) if found is not None and is_raw else found

    monkeypatch.setattr("cleanlab_assets.review_page.audit.latest_provenance", read_anew)
    with pytest.raises(NoAuditError, match="raw_dataset is another one than that of its audit: cleanlab-demo run -d"):
        _ = ReviewedAudit(chain.bench.instance, chain.bench.family, partition).issues


def test_a_file_that_is_damaged_is_told(audits: Audits, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = audits["classification"]
    partition = Partition(chain.audit.dataset, chain.audit.model)

    def fail(path: str, _: object) -> None:
        raise ArtifactFormatError(f"{path} is no result")

    monkeypatch.setattr("cleanlab_assets.review_page.audit.read_result", fail)
    with pytest.raises(NoAuditError, match=r"label_issues.*is no result"):
        _ = ReviewedAudit(chain.bench.instance, chain.bench.family, partition).issues


def test_without_an_audit_the_way_to_one_is_told(workbench: Workbench, tmp_path: Path) -> None:
    audit = ReviewedAudit(workbench.instance, workbench.family, Partition("digits", "knn"))
    with (
        open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger,
        pytest.raises(NoAuditError, match="digits / knn was not audited yet: cleanlab-demo run -d digits -m knn"),
    ):
        Review(audit, ledger, reviewer="ann")


def test_the_assets_link_to_the_page_where_the_settings_say_where_it_is() -> None:
    family = get_family("classification")
    partition = Partition("adult_income", "knn")

    def link(step: str) -> dict[str, object]:
        found = link_to_review("http://reviews.example", family.step(step), partition)
        return {name: entry.value for name, entry in found.items()}

    about = "dataset=adult_income&model=knn"
    assert link("label_issues") == {
        "review": f"http://reviews.example/?{about}&queue=worst+first",
        "report": f"http://reviews.example/report?{about}",
    }
    report = family.task.report_asset
    assert link(report) == {"report": f"http://reviews.example/report/{report}?{about}"}
    assert link("predictions") == {}
    assert link_to_review(None, family.step("label_issues"), partition) == {}
