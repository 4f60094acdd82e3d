"""Vectors of texts and pictures in audits of every family that has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets import AuditRun, audit
from cleanlab_assets.datasets.images import encode_png
from cleanlab_assets.families.chain import steps_of
from cleanlab_assets.families.registry import FAMILIES
from cleanlab_assets.families.step import StepContext
from cleanlab_assets.families.vectors import EMBEDDINGS, VECTOR_PREFIX

N_ROWS, N_WRONG = 240, 10
LEAN = {"training_set.folds": 3, "variant_comparison.resamples": 100}
WORDS = (
    ["invoice", "paid", "money", "card", "tax", "amount"],
    ["parcel", "door", "late", "courier", "street", "address"],
    ["login", "password", "page", "screen", "button", "browser"],
)
CLASSES = np.array(["billing", "delivery", "website"])
EMBEDDING_FAMILIES = [family for family in FAMILIES if any(step.name == EMBEDDINGS for step in family.steps)]


def draw(kind: str, truth: np.ndarray, rng: np.random.Generator) -> list[Any]:
    """Make texts or pictures that tell their class."""
    if kind == "text":
        return [" ".join(["we", "have", *rng.choice(WORDS[code], 4), f"case {row}"]) for row, code in enumerate(truth)]
    rows, columns = np.indices((16, 16)) // 4 % 2 * 130
    patterns = (rows, columns, rows ^ columns)
    return [encode_png((patterns[code] + rng.integers(0, 80, (16, 16))).astype(np.uint8)) for code in truth]


def make_table(kind: str, family: str = "classification") -> tuple[pd.DataFrame, list[int]]:
    """Make rows of one text or picture each, some with a wrong label; the last four have none."""
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=N_ROWS)
    given = truth.copy()
    wrong = np.sort(rng.choice(N_ROWS - 4, N_WRONG, replace=False))
    given[wrong] = (truth[wrong] + 1) % 3
    labels: Any = CLASSES[given].astype(object)
    if family == "regression":
        labels = given * 10 + rng.normal(size=N_ROWS)
    elif family == "multilabel":
        labels = np.array(["billing", "delivery", "billing;website"], dtype=object)[given]
    table = pd.DataFrame({"what": draw(kind, truth, rng), "label": labels})
    if family == "classification":
        table.loc[N_ROWS - 4 :, "label"] = None
    return table, wrong.tolist()


@pytest.fixture(scope="module", params=["text", "picture"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def run(kind: str) -> AuditRun:
    return audit(make_table(kind)[0], label="label", settings=LEAN, name="cases")


def test_wrong_labels_of_texts_and_pictures_rank_first(kind: str, run: AuditRun) -> None:
    _, wrong = make_table(kind)
    ranked = run.label_issues.sort_values("rank")["row_id"].head(N_WRONG)
    assert len(set(ranked) & {f"cases:{row + 1}" for row in wrong}) >= N_WRONG - 1
    assert run.model == "logistic_regression", "for vectors the linear one is taken"


def test_the_table_of_findings_shows_texts_and_keeps_vectors_and_pictures_out(kind: str, run: AuditRun) -> None:
    assert ("what" in run.label_issues) == (kind == "text")
    assert not [name for name in run.label_issues if str(name).startswith(VECTOR_PREFIX)]


def test_rows_without_a_label_get_one(run: AuditRun) -> None:
    assert run.result("suggested_labels").value["row_id"].nunique() == 4
    vectors = run.result(EMBEDDINGS).value
    assert (vectors["split"] == "unlabelled").sum() == 4
    assert np.isfinite(vectors.filter(like=VECTOR_PREFIX)).all(axis=None)


def test_labels_take_no_part_in_the_vectors(run: AuditRun) -> None:
    """Each row keeps its text and its split; the labels change places."""
    (step,) = (step for step in steps_of(run._task) if step.name == EMBEDDINGS)
    context = StepContext(family=run.family, dataset=run.dataset, data_dir=Path("data"))
    given = run.result("training_set")
    shuffled = given.value.assign(given_label=given.value["given_label"].sample(frac=1, random_state=1).array)
    settings = step.settings() if step.settings is not None else None
    again = step.run(
        context, settings=settings, raw_dataset=run.result("raw_dataset"), training_set=replace(given, value=shuffled)
    )
    pd.testing.assert_frame_equal(again.value, run.result(EMBEDDINGS).value)


def test_datalab_judges_pictures_by_themselves_too(kind: str, run: AuditRun) -> None:
    types = set(run.result("datalab_summary").value["issue_type"])
    assert ("dark" in types) == (kind == "picture")
    assert {"outlier", "near_duplicate", "label"} <= types


def test_the_report_shows_the_text_or_a_small_picture_beside_the_label(kind: str, run: AuditRun) -> None:
    table, wrong = make_table(kind)
    page = run.report().content
    if kind == "text":
        assert table["what"].iloc[wrong[0]] in page
    else:
        assert page.count('<img class="thumbnail" src="data:image/png;base64,') >= N_WRONG
    assert VECTOR_PREFIX not in page


def test_the_model_learns_and_is_compared(run: AuditRun) -> None:
    assert run.result("predictions").facts.cross_validation["accuracy"] > 0.85
    assert run.comparison.variants[0].variant == "baseline"
    assert run.result("retrained_model").value.card["features"][0] == f"{VECTOR_PREFIX}what_1"


def test_equal_texts_stay_on_one_side(kind: str) -> None:
    table, _ = make_table(kind)
    doubled = pd.concat([table.iloc[:120], table.iloc[:120]], ignore_index=True).dropna()
    found = audit(doubled, label="label", model="logistic_regression", settings=LEAN).result("training_set").value
    assert len(found) == 240
    assert len(found[["what", "split", "fold"]].drop_duplicates()) == 120


@pytest.mark.parametrize("family", [family.name for family in EMBEDDING_FAMILIES])
def test_every_family_with_embeddings_audits_texts(family: str) -> None:
    table, wrong = make_table("text", family)
    separator = {"multilabel": ";"}.get(family)
    settings = LEAN | ({"outlier_detectors.budgets": [0.1]} if family == "regression" else {})
    run = audit(table, label="label", separator=separator, task=family, settings=settings, name="cases")
    ranked = run.label_issues.sort_values("rank")["row_id"].head(N_WRONG)
    assert len(set(ranked) & {f"cases:{row + 1}" for row in wrong}) >= N_WRONG * 0.7
    assert run.facts.n_audited == table["label"].notna().sum()
    assert run.comparison.variants[0].variant == "baseline"


@pytest.mark.parametrize("family", EMBEDDING_FAMILIES, ids=lambda family: family.name)
def test_whatever_builds_a_model_or_measures_distances_takes_the_vectors(family: Any) -> None:
    """A step or check that fits a model names the vectors among what it reads."""
    fits = {"neighbor_graph", "predictions", "detection_power", "variant_comparison", "retrained_model"}
    steps = {step.name: step for step in steps_of(family) if step.name in {*fits, "suggested_labels"}}
    assert steps.keys() >= fits
    assert all(EMBEDDINGS in step.inputs for step in steps.values())


def test_a_table_of_numbers_has_no_vectors_and_says_so() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=60), "label": np.arange(60) % 2})
    run = audit(table, label="label", model="logistic_regression", settings=LEAN)
    found = run.result(EMBEDDINGS)
    assert found.facts.columns == []
    assert list(found.value) == ["row_id", "split"]
    assert "neither texts nor pictures" in str(found.show())


def test_class_pairs_cannot_be_planted_in_texts() -> None:
    settings = {"training_set.planted_error_fraction": 0.05, "training_set.planted_error_kind": "class_pairs"}
    run = audit(make_table("text")[0], label="label", settings=settings, model="logistic_regression")
    with pytest.raises(ValueError, match="choose uniform for texts and pictures"):
        run.result("training_set")
