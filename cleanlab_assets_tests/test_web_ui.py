from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from cleanlab_assets.families.step import MODEL
from cleanlab_assets.orchestration.families import all_families
from cleanlab_assets_tests.web_server import LaunchError, WebServer, find_survivors, run_web_server, stop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Four runs in processes of their own and the server's start: more than the usual limit on a busy machine.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DATASET_JOB = "classification_dataset_level"
MODEL_JOB = "classification_model_level"
COMPARISON_JOB = "classification_comparison_level"
ON_MODEL_LEVEL = {key.to_user_string() for family in all_families() for key in family.asset_keys(MODEL)}
DATASET = "breast_cancer"
PARTITION = "breast_cancer|logistic_regression"

ASSETS = """
{
  assetNodes {
    assetKey { path }
    description
    kinds
    groupName
    codeVersion: opVersion
    jobNames
    partitionDefinition { dimensionTypes { name } }
    assetChecksOrError {
      ... on AssetChecks { checks { name description partitionDefinition { dimensionTypes { name } } } }
    }
  }
}
"""
STALENESS = """
query Staleness($key: AssetKeyInput!, $partition: String!) {
  assetNodeOrError(assetKey: $key) {
    ... on AssetNode { staleStatus(partition: $partition) staleCauses(partition: $partition) { reason } }
  }
}
"""
METADATA = """
query Metadata($key: AssetKeyInput!, $partitions: [String!]!) {
  assetNodeOrError(assetKey: $key) {
    ... on AssetNode {
      latestMaterializationByPartition(partitions: $partitions) {
        metadataEntries {
          label
          ... on IntMetadataEntry { intValue }
          ... on MarkdownMetadataEntry { mdStr }
          ... on TableMetadataEntry { table { records schema { columns { name } } } }
          ... on TableSchemaMetadataEntry { schema { columns { name type } } }
        }
      }
    }
  }
}
"""
CHECK_EXECUTIONS = """
query CheckExecutions($key: AssetKeyInput!, $check: String!) {
  assetCheckExecutions(assetKey: $key, checkName: $check, limit: 5) { status partition }
}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    """A web server with every level of one partition materialized through it."""
    with run_web_server(tmp_path_factory.mktemp("web_ui")) as running:
        for job, partition in ((DATASET_JOB, DATASET), (MODEL_JOB, PARTITION), (COMPARISON_JOB, DATASET)):
            run_id = running.launch(job, partition)
            status = running.wait_for_run(run_id)
            assert status == "SUCCESS", "\n".join(running.read_failures(run_id))
        yield running


@pytest.fixture(scope="module")
def assets(server: WebServer) -> dict[str, dict[str, Any]]:
    nodes = server.query(ASSETS)["assetNodes"]
    return {"/".join(node["assetKey"]["path"]): node for node in nodes}


def test_every_asset_says_what_it_is(assets: dict[str, dict[str, Any]]) -> None:
    assert assets
    for name, asset in assets.items():
        assert asset["description"], name
        assert asset["kinds"], name
        assert asset["codeVersion"], name
        assert asset["groupName"] == name.split("/")[0]
        assert asset["jobNames"] != ["__ASSET_JOB"], f"{name} belongs to no job"


def test_every_asset_and_every_check_is_partitioned_by_dataset_or_by_dataset_and_model(
    assets: dict[str, dict[str, Any]],
) -> None:
    n_checks = 0
    for name, asset in assets.items():
        dimensions = _dimensions(asset)
        expected = {"default"} if _partition_of(name) == DATASET else {"dataset", "model"}
        assert dimensions == expected, name
        for check in asset["assetChecksOrError"]["checks"]:
            assert _dimensions(check) == dimensions, f"{name}: {check['name']}"
            assert check["description"], f"{name}: {check['name']}"
            n_checks += 1
    assert n_checks > 0


def test_every_check_of_the_partition_was_evaluated(server: WebServer, assets: dict[str, dict[str, Any]]) -> None:
    for name, asset in assets.items():
        if asset["groupName"] != "classification":
            continue
        for check in asset["assetChecksOrError"]["checks"]:
            found = server.query(CHECK_EXECUTIONS, key={"path": name.split("/")}, check=check["name"])
            executions = [(execution["partition"], execution["status"]) for execution in found["assetCheckExecutions"]]
            partition = _partition_of(name)
            assert executions in ([(partition, "SUCCEEDED")], [(partition, "FAILED")]), f"{name}: {check['name']}"


def test_every_datalab_issue_type_runs_in_the_process_of_a_launched_run(server: WebServer) -> None:
    key = {"path": ["classification", "datalab_issues"]}
    executions = server.query(CHECK_EXECUTIONS, key=key, check="every_issue_type_ran")["assetCheckExecutions"]

    assert executions[0]["status"] == "SUCCEEDED"


def test_label_issues_show_row_count_columns_worst_rows_and_plot(server: WebServer) -> None:
    entries = _read_metadata(server, "label_issues", PARTITION)

    assert entries["dagster/row_count"]["intValue"] == 569, "every row is audited, test rows included"
    columns = {column["name"]: column["type"] for column in entries["dagster/column_schema"]["schema"]["columns"]}
    assert {"row_id", "given_label", "suggested_label", "label_quality", "is_label_issue", "rank"} <= set(columns)
    assert all(columns.values())
    tables = [entry["table"] for entry in entries.values() if "table" in entry]
    worst = next(table for table in tables if {"row_id", "rank"} <= set(json.loads(table["records"][0])))
    assert [json.loads(record)["rank"] for record in worst["records"]][:3] == [1, 2, 3]
    plots = [
        entry["mdStr"] for entry in entries.values() if "](data:image/png;base64,iVBORw0KGgo" in entry.get("mdStr", "")
    ]
    assert plots


def test_what_was_just_materialized_is_fresh(server: WebServer, assets: dict[str, dict[str, Any]]) -> None:
    for name, asset in assets.items():
        if asset["groupName"] != "classification":
            continue
        variables = {"key": {"path": name.split("/")}, "partition": _partition_of(name)}
        node = server.query(STALENESS, **variables)["assetNodeOrError"]
        assert node["staleStatus"] == "FRESH", f"{name}: {node['staleCauses']}"


def test_other_partitions_are_missing(server: WebServer) -> None:
    key = {"path": ["classification", "label_issues"]}
    node = server.query(STALENESS, key=key, partition="digits|logistic_regression")["assetNodeOrError"]

    assert node["staleStatus"] == "MISSING"


@pytest.mark.parametrize(
    ("job", "partition", "message"),
    [
        pytest.param(
            DATASET_JOB, "no_such", "unknown dataset 'no_such': expected one of .*breast_cancer", id="dataset"
        ),
        pytest.param(MODEL_JOB, f"{DATASET}|no_such", r"Nonexistent partition keys:\s+\['no_such'\]", id="model"),
    ],
)
def test_a_run_of_an_unknown_partition_fails_and_says_which(
    server: WebServer, job: str, partition: str, message: str
) -> None:
    run_id = server.launch(job, partition)

    assert server.wait_for_run(run_id) == "FAILURE"
    assert re.search(message, "\n".join(server.read_failures(run_id)))


def test_an_unknown_setting_is_refused_before_launch_and_the_known_ones_are_named(server: WebServer) -> None:
    config = {"ops": {"classification__training_set": {"config": {"foldz": 3}}}}

    with pytest.raises(LaunchError, match=r'unexpected config entry "foldz".*folds'):
        server.launch(DATASET_JOB, DATASET, config)


def test_a_setting_out_of_bounds_fails_the_run_and_is_named(server: WebServer) -> None:
    run_id = server.launch(DATASET_JOB, DATASET, {"ops": {"classification__training_set": {"config": {"folds": 1}}}})

    assert server.wait_for_run(run_id) == "FAILURE"
    assert re.search(r"folds\s+Input should be greater than or equal to 2", "\n".join(server.read_failures(run_id)))


def test_the_asset_graph_page_shows_every_asset_in_a_browser(
    server: WebServer, assets: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on the path")
    page = f"{server.url}/locations/__repository__@cleanlab_assets/asset-groups/classification"
    command = [
        *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=3000,6000"),
        *(f"--user-data-dir={tmp_path}", "--virtual-time-budget=30000", "--timeout=60000", "--dump-dom", page),
    ]

    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=180)

    names = [name.split("/")[-1] for name in assets if name.startswith("classification/")]
    assert [name for name in names if name not in found.stdout] == []


def test_a_stopped_server_leaves_no_process_behind(tmp_path: Path) -> None:
    with run_web_server(tmp_path) as running:
        assert len(find_survivors(running)) > 1

        assert stop(running) == []
        assert running.process.returncode == 0


def _partition_of(asset: str) -> str:
    return PARTITION if asset in ON_MODEL_LEVEL else DATASET


def _dimensions(partitioned: dict[str, Any]) -> set[str]:
    return {dimension["name"] for dimension in partitioned["partitionDefinition"]["dimensionTypes"]}


def _read_metadata(server: WebServer, asset: str, partition: str) -> dict[str, dict[str, Any]]:
    key = {"path": ["classification", asset]}
    node = server.query(METADATA, key=key, partitions=[partition])["assetNodeOrError"]
    (latest,) = node["latestMaterializationByPartition"]
    return {entry["label"]: entry for entry in latest["metadataEntries"]}
