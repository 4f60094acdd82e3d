"""What holds for the chain of every family: provenance, files, rows, planted errors, checks and the final model."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets.datasets.headers import AUDIT_COLUMNS
from cleanlab_assets.families.registry import FAMILIES
from cleanlab_assets.families.segmentation.predictions import unpack_probabilities
from cleanlab_assets.families.step import MODEL
from cleanlab_assets.methods.detection_verdict import CANNOT_TELL
from cleanlab_assets.methods.label_sets import encode_given_labels
from cleanlab_assets.methods.provenance import hash_result
from cleanlab_assets.methods.split_counts import count_by_split
from cleanlab_assets.methods.training_set import train_rows
from cleanlab_assets.models.trained_model import TrainedModel
from cleanlab_assets.models.trained_network import TrainedNetwork
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.history import NO_VERSION, read_data_version
from cleanlab_assets.orchestration.partitions import upstream_partitions
from cleanlab_assets.orchestration.runs import read_latest_checks
from cleanlab_assets.reports.audit_digest import digest_audit
from cleanlab_assets.reports.detection_text import UNTRUSTED
from cleanlab_assets_tests.orchestration.chains import AUDITS, INTERRUPTED, SEED, Audited, few_scenes, mark_slow

if TYPE_CHECKING:
    from cleanlab_assets.families.step import Step
    from cleanlab_assets.methods.result import Result
    from cleanlab_assets_tests.orchestration.chains import Audits

NAMES = [family.name for family in FAMILIES]
LEARNING = [name for name in NAMES if AUDITS[name].can_learn]
AUDITING_ALL = [name for name in NAMES if AUDITS[name].audits_all]
BEGINNINGS = {"parquet": b"PAR1", "json": b"{", "html": b"<!DOCTYPE html>", "skops": b"PK"}


@pytest.fixture(scope="session", params=mark_slow(NAMES))
def chain(request: pytest.FixtureRequest, audits: Audits) -> Audited:
    return audits[request.param]


def _as_made(result: Result[Any, Any]) -> Result[Any, Any]:
    """Return a stored result as its step made it: cards are stored with their provenance in them."""
    value = result.value
    if isinstance(value, TrainedModel | TrainedNetwork):
        value = replace(value, card={name: entry for name, entry in value.card.items() if name != "provenance"})
    return replace(result, value=value)


def _settings_of(chain: Audited, step: Step) -> dict[str, Any]:
    """The settings that a step was asked to have."""
    if step.settings is None:
        return {}
    return step.settings(**chain.audit.all_settings.get(step.name, {})).model_dump(mode="json")


def test_every_result_records_how_it_came_to_be(chain: Audited) -> None:
    family = chain.bench.family
    for step in chain.steps:
        partition, result = chain.partition_of(step.name), chain.result(step.name)
        origin = result.origin
        recorded: Any = chain.latest(step.name).metadata["provenance"].value
        assert recorded == origin.model_dump(mode="json"), f"{step.name}: its file says another origin"
        assert (origin.asset, origin.partition) == (f"{family.name}/{step.name}", partition)
        assert origin.code_version == step.code_version
        assert origin.config == _settings_of(chain, step), step.name
        assert origin.data_hash == chain.data_version(step.name)
        if not (isinstance(result.value, pd.DataFrame) and result.value.empty):  # without rows categories are lost
            assert origin.data_hash == hash_result(_as_made(result), origin.config), step.name
        assert set(origin.inputs) == {f"{family.name}/{name}" for name in step.inputs}
        for name in step.inputs:
            upstream = upstream_partitions(family.name, family.step(name).level, partition)
            read = read_data_version(chain.bench.instance, family.key(name), upstream)
            expected = chain.data_version(name) if len(upstream) == 1 else read
            assert origin.inputs[f"{family.name}/{name}"] == expected != NO_VERSION, f"{step.name} reads {name}"
        libraries = ("cleanlab", "scikit-learn", "pandas", "numpy", *family.task.libraries)
        assert {name: origin.versions[name] for name in libraries} == {name: version(name) for name in libraries}
        assert origin.versions["cleanlab_assets"] == version("cleanlab_assets")
        assert origin.seconds > 0


def test_the_seed_of_the_training_set_is_that_of_all_that_follows(chain: Audited) -> None:
    facts = {step.name: chain.facts(step.name) for step in chain.steps if "seed" in step.facts.model_fields}
    assert facts.keys() >= {"training_set", "predictions", "label_issues"}
    assert {name: found.seed for name, found in facts.items()} == dict.fromkeys(facts, SEED)
    assert chain.read("retrained_model").card["seed"] == SEED


def test_a_second_run_finds_nothing_to_do(chain: Audited) -> None:
    for level in chain.audit.partitions:
        assert chain.materialize(level).reasons == {}


@pytest.mark.slow
@pytest.mark.parametrize("family", NAMES)
def test_a_second_run_elsewhere_that_is_interrupted_goes_on_and_gives_the_same(audits: Audits, family: str) -> None:
    first, second = audits[family], audits.make(family, draws=True, interrupted=True)
    repeated = {key.path[-1] for key in second.outcomes[MODEL].reasons}
    assert {INTERRUPTED, "retrained_model", "audit_facts"} <= repeated
    assert "predictions" not in repeated, "what was made before the interrupt is kept"
    for step in first.steps:
        one, other = (_as_made(audited.result(step.name)) for audited in (first, second))
        assert one.facts == other.facts, step.name
        if step.storage == "html" or step.name == "model_comparison":
            continue  # these tell when they were made and how long the fits took
        assert first.data_version(step.name) == second.data_version(step.name), step.name
        if isinstance(one.value, pd.DataFrame):
            pd.testing.assert_frame_equal(one.value, other.value)
        elif isinstance(one.value, TrainedNetwork):
            for name, weights in one.value.weights.items():
                np.testing.assert_array_equal(weights, other.value.weights[name])


def _refuse(constant: str) -> None:
    pytest.fail(f"{constant} is no JSON")


def test_files_lie_where_a_person_looks_for_them(chain: Audited) -> None:
    for step in chain.steps:
        path = str(chain.latest(step.name).metadata["path"].value)
        place = f"{chain.bench.family.name}/{step.name}/{chain.partition_of(step.name).replace('|', '/')}"
        assert path == f"{chain.bench.settings.artifacts_dir}/{place}.{step.storage}"
        content = Path(path).read_bytes()
        if step.storage == "safetensors":
            assert "__metadata__" in json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        else:
            assert content.startswith(BEGINNINGS[step.storage]), path
        if step.storage == "json":
            json.loads(content, parse_constant=_refuse)
    hidden = [path for path in Path(chain.bench.settings.artifacts_dir).rglob(".*") if path.is_file()]
    assert hidden == [], "nothing partial is left"


def test_tables_and_plots_are_shown_in_the_web_ui(chain: Audited) -> None:
    for step in chain.steps:
        metadata = chain.latest(step.name).metadata
        if step.storage == "parquet":
            table = chain.read(step.name)
            schema: Any = metadata["dagster/column_schema"].value
            assert metadata["dagster/row_count"].value == len(table)
            assert [column.name for column in schema.columns] == list(table.columns)
            described = {column.name: column.description for column in schema.columns}
            assert described.get("row_id", "none needed"), step.name
        plots = str(metadata["plots"].value) if "plots" in metadata else ""
        assert not plots or "data:image/png;base64," in plots, step.name
        if step.name in ("raw_dataset", "predictions"):
            assert plots, step.name


def test_errors_are_planted_in_train_rows_alone_with_the_truth_beside_them(chain: Audited) -> None:
    audit = chain.audit
    rows, raw = chain.read(audit.labelled), chain.read("raw_dataset").set_index("row_id")
    source = raw.loc[rows["row_id"]]
    is_wrong = np.zeros(len(rows), dtype=bool)
    for given, true in audit.labels.items():
        label = get_dataset(audit.dataset).label if given == "given_label" else given
        expected = source[label].astype(object).to_numpy()
        assert (rows[true].astype(object).to_numpy() == expected).all(), f"{true} is what the source says"
        is_wrong |= rows[given].astype(object).to_numpy() != expected
    is_train = (rows["split"] == "train").to_numpy()
    assert (is_wrong == rows["planted_error"]).all()
    assert not is_wrong[~is_train].any(), "test labels are untouched"
    assert is_wrong.any()
    if audit.labelled == "training_set":
        assert is_wrong.sum() == round(audit.settings["training_set"]["planted_error_fraction"] * is_train.sum())


def test_a_row_id_leads_to_the_row_of_the_source_and_rows_keep_its_order(chain: Audited) -> None:
    dataset = get_dataset(chain.audit.dataset)
    raw = chain.read("raw_dataset")
    if not dataset.files:  # what is downloaded or copied is read in the tests of the datasets
        with few_scenes():
            pd.testing.assert_frame_equal(raw, get_dataset(chain.audit.dataset).load({}), check_like=True)
    key = "row_id" if dataset.panel is None else dataset.panel.example
    rows = chain.read("training_set")
    source = raw.drop_duplicates(key).set_index(key)
    assert rows["row_id"].is_unique
    places = source.index.get_indexer(rows["row_id"])
    assert (places >= 0).all()
    if dataset.panel is None:
        assert (np.diff(places) > 0).all(), "the training set keeps the order of the source"
    taken = {"row_id", *chain.audit.labels}
    kept = [name for name in rows.columns if name in source.columns and name not in taken]
    assert kept, "something of the source is left to compare"
    for name in kept:
        pd.testing.assert_series_equal(
            rows[name].astype(object).reset_index(drop=True),
            source.loc[rows["row_id"], name].astype(object).reset_index(drop=True),
            check_names=False,
        )


ON_TABLES = ("classification", "regression", "multilabel", "multiannotator")
"""The families whose columns have the names of their source."""


@pytest.mark.parametrize("family", mark_slow(ON_TABLES))
def test_what_stands_beside_columns_of_the_source_has_a_reserved_name(audits: Audits, family: str) -> None:
    chain = audits[family]
    taken = AUDIT_COLUMNS | chain.bench.family.task.columns.keys()
    source = set(chain.read("raw_dataset").columns) - {"row_id", "annotator", "example"}
    tables = {step.name: set(chain.read(step.name).columns) for step in chain.steps if step.storage == "parquet"}
    others = ("raw_dataset", "consensus_issues")  # the latter gives features with names of its own others
    mixed = {name: columns for name, columns in tables.items() if columns & source and name not in others}
    assert {"training_set", "label_issues"} <= mixed.keys()
    free = {name: columns - source - taken - {"annotator", "example"} for name, columns in mixed.items()}
    assert {name: columns for name, columns in free.items() if columns} == {}


def test_every_audited_row_is_predicted_and_judged_once_with_its_split(chain: Audited) -> None:
    rows, made = chain.audited_rows, {step.name for step in chain.steps}
    for name in ("predictions", "label_issues", "pixel_issues", "consensus_issues"):
        if name in made:
            table = chain.read(name)
            assert table["row_id"].tolist() == rows["row_id"].tolist(), name
            assert table["split"].astype(str).tolist() == rows["split"].astype(str).tolist(), name
    issues = chain.read("label_issues")
    assert sorted(issues["rank"]) == list(range(1, len(issues) + 1))
    assert issues.sort_values("rank")["label_quality"].is_monotonic_increasing
    if chain.bench.family.name != "object_detection":  # there the issues name the class of each box
        assert issues["given_label"].astype(str).tolist() == rows["given_label"].astype(str).tolist()


def test_tables_of_train_rows_have_each_of_them_once_in_their_order(chain: Audited) -> None:
    made = {step.name for step in chain.steps}
    for name in ("datalab_issues", "image_issues"):
        if name in made:
            assert chain.read(name)["row_id"].tolist() == chain.train_rows["row_id"].tolist(), name


def _audit_again(chain: Audited, training_set: pd.DataFrame) -> dict[str, Result[Any, Any]]:
    """Run the steps from the predictions to the label issues on another training set, as those of the audit ran."""
    made = {"training_set": replace(chain.result("training_set"), value=training_set)}
    names = [step.name for step in chain.steps if step.level == MODEL]
    for name in names[: names.index("label_issues") + 1]:
        step = chain.bench.family.step(name)
        settings = {} if step.settings is None else {"settings": step.settings(**_settings_of(chain, step))}
        inputs = {other: made.get(other) or chain.result(other) for other in step.inputs}
        made[name] = step.run(chain.context, **settings, **inputs)
    return {name: made[name] for name in names[: names.index("label_issues") + 1]}


def _find_of_train_rows(result: Result[Any, Any]) -> pd.DataFrame:
    """What a table says of train rows; ranks are those of all rows, so that only their order counts."""
    table: pd.DataFrame = train_rows(result.value)
    return table.assign(rank=table["rank"].rank()) if "rank" in table else table


@pytest.mark.parametrize("family", mark_slow(AUDITING_ALL))
def test_test_labels_change_nothing_of_what_is_found_of_train_rows(audits: Audits, family: str) -> None:
    chain = audits[family]
    rows, first = chain.read("training_set"), chain.result("label_issues")
    is_aside, exchanged = (rows["split"] != "train").to_numpy(), rows.copy()
    for name in {"given_label", *chain.audit.labels}:
        labels = rows[name].to_numpy(dtype=object, copy=True)
        labels[is_aside] = np.roll(labels[is_aside], 1)
        exchanged[name] = pd.Series(labels).astype(rows[name].dtype)

    for name, made in _audit_again(chain, exchanged).items():
        pd.testing.assert_frame_equal(_find_of_train_rows(made), _find_of_train_rows(chain.result(name)))
        if name == "predictions":
            assert made.facts == chain.facts(name)
    aside, other = (table[table["split"] != "train"].set_index("row_id") for table in (first.value, made.value))
    # A network that learnt little gives every image one quality: then its other scores and counts tell.
    judged = aside.columns.intersection(["label_quality", "n_extra", "softmin_quality", "object_quality"])
    assert not aside[judged].equals(other.loc[aside.index, judged]), "test labels are judged"
    for fact in ("planted", "estimated_errors_low", "flag_rule", "notes"):
        assert getattr(made.facts, fact) == getattr(first.facts, fact), fact


@pytest.mark.parametrize("family", mark_slow(LEARNING))
def test_planted_errors_are_found_better_than_by_chance(audits: Audits, family: str) -> None:
    planted = audits[family].facts("label_issues").planted.overall
    assert planted.n_planted > 10
    assert planted.average_precision > 3 * planted.planted_share
    assert planted.auroc > 0.7
    facts = audits[family].read("audit_facts")
    assert facts.detection.average_precision == pytest.approx(planted.average_precision, abs=1e-6)


def test_every_check_was_evaluated_and_those_that_block_passed(chain: Audited) -> None:
    family = chain.bench.family
    errors = set()
    for step in chain.steps:
        specs = family.checks_of(family.key(step.name))
        partition = chain.partition_of(step.name)
        outcomes = read_latest_checks(chain.bench.instance, family, family.key(step.name), partition)
        assert [outcome.check for outcome in outcomes] == [spec.name for spec in specs]
        assert all(outcome.description for outcome in outcomes), "a check says its result in one line"
        blocking = {spec.name for spec in specs if spec.blocking}
        assert [outcome for outcome in outcomes if outcome.check in blocking and not outcome.passed] == []
        errors |= {outcome.check for outcome in outcomes if outcome.is_error}
    assert errors == (set() if chain.audit.can_learn else {"detection_power"}), "a model that learnt nothing is told"
    facts = chain.read("audit_facts")
    assert (facts.detection_verdict == CANNOT_TELL) == (not chain.audit.can_learn)
    for text in (digest_audit(facts)[0], chain.read("ai_summary").headline):
        assert (UNTRUSTED in text) == (not chain.audit.can_learn), "it is said first"


def _numbers_of(predictions: pd.DataFrame) -> np.ndarray:
    """All predicted numbers of a table of predictions, one after the other."""
    if "predicted_boxes" in predictions:
        texts = [*predictions["predicted_boxes"], *predictions["probabilities"]]
        return np.concatenate([np.ravel(json.loads(text)) for text in texts])
    if "probabilities" in predictions:
        return np.concatenate([unpack_probabilities(content).ravel() for content in predictions["probabilities"]])
    numbers: np.ndarray = predictions.select_dtypes(include=["float32", "float64"]).to_numpy()
    return numbers.ravel()


def test_predictions_are_finite_and_as_good_as_their_facts_say(chain: Audited) -> None:
    predictions = chain.result("predictions")
    numbers = _numbers_of(predictions.value)
    assert len(numbers) >= len(chain.train_rows)
    assert np.isfinite(numbers).all()
    assert predictions.facts.model_parameters == chain.audit.settings.get("predictions", {}).get("parameters", {})
    assert np.isfinite(list(predictions.facts.cross_validation.values())).all()
    assert predictions.origin.durations["fit_seconds"] > 0


def _score(chain: Audited, model: TrainedModel, rows: pd.DataFrame) -> float:
    """Measure a final model on rows by the metric that the audit names."""
    predicted, metric = model.pipeline.predict(rows[model.card["features"]]), chain.audit.metric
    if metric == "subset_accuracy":
        named = encode_given_labels(rows, get_dataset(chain.audit.dataset).class_names)
        return float((predicted.astype(bool) == named).all(axis=1).mean())
    if metric == "rmse":
        return float(np.sqrt(np.mean((predicted - rows["given_label"]) ** 2)))
    return float((predicted == rows["given_label"].astype(str)).mean())


def test_the_final_model_is_stored_whole_with_its_card(chain: Audited) -> None:
    model, comparison = chain.read("retrained_model"), chain.read("variant_comparison")
    card, chosen = model.card, comparison.result(comparison.chosen)
    assert (card["dataset"], card["model"]) == (chain.audit.dataset, chain.audit.model)
    assert (card["variant"], card["n_train"]) == (chosen.variant, chosen.n_train)
    assert card["provenance"] == chain.provenance("retrained_model").model_dump(mode="json")
    assert card["training_set_hash"] == chain.data_version("training_set")
    if isinstance(model, TrainedNetwork):
        assert all(np.isfinite(weights).all() for weights in model.weights.values())
        return
    rows = chain.read("training_set")
    test = rows[rows["split"] == "test"].reset_index(drop=True)
    assert _score(chain, model, test) == pytest.approx(card["test_metrics"][chain.audit.metric], abs=1e-9)


def test_the_comparison_names_the_rows_that_each_variant_changed(chain: Audited) -> None:
    comparison, issues = chain.read("variant_comparison"), chain.read("label_issues").set_index("row_id")
    variants = {item.variant: item for item in comparison.variants}
    assert variants.keys() >= {"baseline", "pruned", "random_removal"}
    assert variants["baseline"].n_train > 0
    assert not variants["baseline"].removed_rows
    assert not variants["baseline"].relabelled_rows
    for item in variants.values():
        assert {*item.removed_rows, *item.relabelled_rows} <= set(issues.index), item.variant
    pruned, at_random = variants["pruned"].removed_rows, variants["random_removal"].removed_rows
    assert len(at_random) == len(pruned)
    if "relabelled" in variants:
        assert issues.loc[pruned, "is_label_issue"].all()
        assert set(variants["relabelled"].relabelled_rows) == set(pruned)


def test_report_facts_and_summary_tell_the_audit(chain: Audited) -> None:
    issues, facts = chain.read("label_issues"), chain.read("audit_facts")
    assert (facts.n_label_issues, facts.n_audited) == (issues["is_label_issue"].sum(), len(issues))
    assert facts.by_split == count_by_split(issues)
    assert facts.by_split["train"].n_audited == facts.n_train
    assert facts.detection is not None
    assert facts.verdict == chain.read("variant_comparison").verdict
    assert facts.flag_rule == chain.facts("label_issues").flag_rule
    page = chain.read(chain.bench.family.task.report_asset)
    assert issues.sort_values("rank").iloc[0]["row_id"] in page
    assert chain.data_version("training_set") in page, "the report says how it was made"
    assert "<script src" not in page
    summary = chain.read("ai_summary")
    assert summary.written_by == "rules"
    assert summary.verdict


def test_all_models_of_the_family_are_in_the_comparison(chain: Audited) -> None:
    comparison = chain.read("model_comparison")
    status = {result.model: result.status for result in comparison.results}
    assert status.pop(chain.audit.model) == "compared"
    assert set(status.values()) == {"not materialized"}
    assert comparison.selected == chain.audit.model
    assert set(chain.read("consensus_issues")["row_id"]) == set(chain.read("label_issues")["row_id"])
    page = chain.read("comparison_report")
    for name in (chain.audit.model, *status):
        assert name in page
