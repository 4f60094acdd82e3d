from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from cleanlab_assets.families.step import DATASET, MODEL
from cleanlab_assets.orchestration.audit_result import AssetResult, AuditResult, collect_checks, collect_result
from cleanlab_assets.orchestration.storage import read_result

if TYPE_CHECKING:
    from cleanlab_assets_tests.conftest import Workbench


@pytest.fixture
def result(audited: Workbench) -> AuditResult:
    family = audited.family
    return collect_result(audited.instance, family, "breast_cancer", "logistic_regression", left_out=frozenset())


def test_a_result_survives_its_way_through_json(result: AuditResult) -> None:
    assert AuditResult.model_validate_json(result.model_dump_json()) == result


def test_figures_that_are_no_numbers_survive_it_too(result: AuditResult) -> None:
    asset = result.assets["predictions"]
    figures = {"undefined": math.nan, "endless": math.inf}
    changed = result.model_copy(update={"assets": {"predictions": asset.model_copy(update={"figures": figures})}})
    read = AuditResult.model_validate_json(changed.model_dump_json()).assets["predictions"].figures
    assert math.isnan(read["undefined"])
    assert read["endless"] == math.inf


def test_it_holds_config_hash_inputs_and_place_of_every_asset(result: AuditResult, audited: Workbench) -> None:
    keys = [key.path[-1] for level in (DATASET, MODEL) for key in audited.family.asset_keys(level)]
    assert list(result.assets) == keys
    training: AssetResult = result.assets["training_set"]
    assert training.provenance.config["planted_error_fraction"] == 0.1
    assert (
        training.provenance.data_hash == result.assets["predictions"].provenance.inputs["classification/training_set"]
    )
    assert read_result(training.path, audited.family.step("training_set")).origin == training.provenance


def test_its_facts_are_those_of_the_artifacts(result: AuditResult) -> None:
    issues = pd.read_parquet(result.assets["label_issues"].path)
    assert result.facts is not None
    assert result.facts.n_label_issues == issues["is_label_issue"].sum()
    assert result.facts.detection is not None
    assert result.facts.detection.n_planted == issues["planted_error"].sum()
    assert result.summary is not None
    assert result.summary.key_figures["n_label_issues"] == result.facts.n_label_issues


def test_assets_that_were_left_out_count_neither_with_figures_nor_with_checks(audited: Workbench) -> None:
    family = audited.family
    left_out = family.downstream_of("label_issues", MODEL)
    partial = collect_result(audited.instance, family, "breast_cancer", "logistic_regression", left_out=left_out)
    assert not {key.path[-1] for key in left_out} & set(partial.assets)
    assert not {key.to_user_string() for key in left_out} & {check.asset for check in partial.checks}
    assert partial.facts is None
    assert partial.summary is None


def test_the_checks_are_those_of_the_partitions(audited: Workbench) -> None:
    checks = collect_checks(audited.instance, audited.family, {DATASET: "breast_cancer"})
    assert {check.asset for check in checks} <= {key.to_user_string() for key in audited.family.asset_keys(DATASET)}
    assert next(check for check in checks if check.check == "row_count").passed
    assert collect_checks(audited.instance, audited.family, {DATASET: "digits"}) == []
