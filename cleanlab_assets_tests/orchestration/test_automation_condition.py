"""The automation condition on a chain of the same shape as a family's, whose steps only pass on what they read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from pydantic import BaseModel

from cleanlab_assets.families.classification.family import CLASSIFICATION
from cleanlab_assets.families.step import COMPARISON, DATASET, MODEL, Level, Step
from cleanlab_assets.methods.result import NoFacts, Result
from cleanlab_assets.orchestration.assets import build_asset
from cleanlab_assets.orchestration.chain import list_shared_steps
from cleanlab_assets.orchestration.families import all_families
from cleanlab_assets.orchestration.family import Family
from cleanlab_assets.orchestration.history import latest_provenance, read_data_version
from cleanlab_assets.orchestration.partitions import Partition, partitions_of, upstream_partitions
from cleanlab_assets.orchestration.storage import build_io_managers
from cleanlab_assets.settings import Settings
from cleanlab_assets_tests.conftest import open_instance

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from cleanlab_assets.families.step import StepContext

FAMILIES = all_families()


class Text(BaseModel):
    """What the steps of the chain pass on."""

    text: str


Requests = dict[str, set[str]]
"""Requested assets by partition: each partition becomes one run."""

FAMILY = CLASSIFICATION.name
LEVELS: tuple[Level, ...] = (DATASET, MODEL, COMPARISON)
UPSTREAM: Mapping[str, tuple[Level, tuple[str, ...]]] = {
    "raw_dataset": (DATASET, ()),
    "training_set": (DATASET, ("raw_dataset",)),
    "neighbor_graph": (DATASET, ("training_set",)),
    "predictions": (MODEL, ("training_set",)),
    "label_issues": (MODEL, ("training_set", "predictions")),
    "datalab_issues": (MODEL, ("training_set", "neighbor_graph", "predictions")),
    "datalab_report": (MODEL, ("training_set", "datalab_issues")),
    "audit_facts": (MODEL, ("label_issues", "datalab_issues")),
    "model_comparison": (COMPARISON, ("label_issues", "audit_facts")),
    "comparison_report": (COMPARISON, ("model_comparison",)),
}
BLOCKED = ("raw_dataset", "predictions")
DATASET_LEVEL = {name for name, (level, _) in UPSTREAM.items() if level == DATASET}
DOWNSTREAM_OF_RAW = DATASET_LEVEL - {"raw_dataset"}
MODEL_LEVEL = {name for name, (level, _) in UPSTREAM.items() if level == MODEL}
COMPARISON_LEVEL = {name for name, (level, _) in UPSTREAM.items() if level == COMPARISON}


def _to_text(read: Result[Text, NoFacts] | Mapping[str, Result[Text, NoFacts]]) -> str:
    """Say what a step has read: a result, or those of several models."""
    if isinstance(read, Result):
        return read.value.text
    return str({model: result.value.text for model, result in sorted(read.items())})


@dataclass
class Chain:
    """The chain, what its steps do next, and the state of the automation sensor."""

    instance: dg.DagsterInstance
    directory: Path
    content: dict[str, str] = field(default_factory=dict)
    """What a step adds to what it reads: another content is another data version."""
    broken: set[tuple[str, str]] = field(default_factory=set)
    """Steps that fail, each with the partition."""
    invalid: set[str] = field(default_factory=set)
    """Assets whose blocking check fails."""
    meanwhile: dict[str, Callable[[], object]] = field(default_factory=dict)
    """What happens while a step runs."""
    code_versions: dict[str, str] = field(default_factory=dict)
    cursor: Any = None

    def __post_init__(self) -> None:
        self.deploy()

    def deploy(self, **code_versions: str) -> None:
        """Load the code location again, with other code versions of some assets."""
        self.code_versions |= code_versions
        steps = {name: self._make_step(name) for name in UPSTREAM}
        shared = list_shared_steps(list(steps.values()))
        assets = [
            build_asset(
                CLASSIFICATION,
                item,
                [steps[name] for name in item.inputs],
                shared=shared,
                unwatched="corrected_dataset",
            )
            for item in steps.values()
        ]
        by_level: dict[Level, list[Step]] = {
            level: [item for item in steps.values() if item.level == level] for level in LEVELS
        }
        family = Family(task=CLASSIFICATION, steps=by_level, assets={}, checks=())
        settings = Settings(_env_file=None, artifacts_dir=str(self.directory), data_dir=self.directory)
        self.definitions = dg.Definitions(
            assets=assets,
            asset_checks=[self._build_check(asset) for asset in assets if asset.key.path[-1] in BLOCKED],
            jobs=[
                dg.define_asset_job(level, [asset for asset in assets if UPSTREAM[asset.key.path[-1]][0] == level])
                for level in LEVELS
            ],
            resources={
                "settings": settings,
                "process": None,
                "families": {FAMILY: family},
                **build_io_managers(settings.artifacts_dir, [family]),
            },
        )

    def _make_step(self, name: str) -> Step:
        level, upstream = UPSTREAM[name]

        def run(context: StepContext, **inputs: Any) -> Result[Text, NoFacts]:
            self.meanwhile.pop(name, lambda: None)()
            if (name, str(Partition(context.dataset.name, context.model))) in self.broken:
                raise RuntimeError(f"{name} is broken")
            read = sorted((other, _to_text(result)) for other, result in inputs.items())
            return Result(value=Text(text=f"{name} {self.content.get(name, '')} {read}"), facts=NoFacts())

        return Step(
            name=name,
            level=level,
            run=run,
            inputs=upstream,
            code_version=self.code_versions.get(name, "1"),
            kinds=frozenset({"json"}),
            value=Text,
            storage="json",
            description=f"Stands in for {name}.",
        )

    def _build_check(self, asset: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
        name = asset.key.path[-1]

        @dg.asset_check(
            asset=asset, name="is_valid", partitions_def=partitions_of(FAMILY, UPSTREAM[name][0]), blocking=True
        )
        def is_valid() -> dg.AssetCheckResult:
            return dg.AssetCheckResult(passed=name not in self.invalid)

        return is_valid

    def run(self, partition: str, names: Collection[str]) -> bool:
        """Materialize assets of one level in one run and say whether it succeeded."""
        (level,) = {UPSTREAM[name][0] for name in names}
        result = self.definitions.resolve_job_def(level).execute_in_process(
            instance=self.instance,
            partition_key=partition,
            asset_selection=[dg.AssetKey([FAMILY, name]) for name in names],
            raise_on_error=False,
        )
        return result.success

    def audit(self, dataset: str, *models: str) -> None:
        """Materialize the dataset level, the model level of some models, and the comparison."""
        assert self.run(dataset, DATASET_LEVEL)
        for model in models:
            assert self.run(f"{dataset}|{model}", MODEL_LEVEL)
        assert self.run(dataset, COMPARISON_LEVEL)

    def evaluate(self) -> Requests:
        """Evaluate the conditions of all assets, as the automation sensor does every 30 seconds."""
        result = dg.evaluate_automation_conditions(self.definitions, self.instance, cursor=self.cursor)
        self.cursor = result.cursor
        requests: Requests = {}
        for name in UPSTREAM:
            for partition in result.get_requested_partitions(dg.AssetKey([FAMILY, name])):
                requests.setdefault(str(partition), set()).add(name)
        return requests

    def follow(self) -> list[Requests]:
        """Evaluate and run what is requested until nothing is requested any more."""
        history: list[Requests] = []
        while requests := self.evaluate():
            assert len(history) < 10, f"no end of requests: {history}"
            history.append(requests)
            self.run_all(requests)
        return history

    def run_all(self, requests: Requests) -> None:
        """Run what was requested, successfully or not, the upper levels first: that is the worst order."""
        for partition, names in reversed(requests.items()):
            self.run(partition, names)

    def find_outdated(self, partition: str) -> dict[str, set[str]]:
        """Find model-level assets that were made from other versions than the latest, with these inputs."""
        outdated: dict[str, set[str]] = {}
        for name in MODEL_LEVEL:
            record = latest_provenance(self.instance, dg.AssetKey([FAMILY, name]), partition)
            assert record is not None
            for upstream in UPSTREAM[name][1]:
                key = dg.AssetKey([FAMILY, upstream])
                partitions = upstream_partitions(FAMILY, UPSTREAM[upstream][0], partition)
                if record.inputs[key.to_user_string()] != read_data_version(self.instance, key, partitions):
                    outdated.setdefault(name, set()).add(upstream)
        return outdated


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    """A chain where the conditions were evaluated once, before anything was materialized."""
    with open_instance(tmp_path / "dagster") as instance:
        chain = Chain(instance, tmp_path)
        assert chain.evaluate() == {}
        yield chain


@pytest.fixture
def audited(chain: Chain) -> Chain:
    """A chain where two of the five models of digits are audited."""
    chain.audit("digits", "knn", "random_forest")
    assert chain.evaluate() == {}
    return chain


BOTH_MODELS: Requests = {"digits|knn": MODEL_LEVEL, "digits|random_forest": MODEL_LEVEL}


def test_what_nobody_made_stays_missing(chain: Chain) -> None:
    assert chain.run("digits", DATASET_LEVEL)

    assert chain.follow() == []


@pytest.mark.slow
def test_equal_content_refreshes_nothing(audited: Chain) -> None:
    assert audited.run("digits", ["raw_dataset"])
    after_the_raw_dataset = audited.follow()
    assert audited.run("digits", DATASET_LEVEL)

    assert after_the_raw_dataset == []
    assert audited.follow() == []


@pytest.mark.slow
def test_new_raw_content_refreshes_exactly_what_was_made_from_it_level_by_level(audited: Chain) -> None:
    audited.audit("breast_cancer", "knn")
    audited.content["raw_dataset"] = "new"
    assert audited.run("digits", ["raw_dataset"])

    assert audited.follow() == [{"digits": DOWNSTREAM_OF_RAW}, BOTH_MODELS, {"digits": COMPARISON_LEVEL}]


@pytest.mark.slow
def test_new_facts_of_one_model_refresh_the_comparison_though_other_models_are_missing(audited: Chain) -> None:
    audited.content["label_issues"] = "new"
    assert audited.run("digits|knn", ["label_issues", "audit_facts"])

    assert audited.follow() == [{"digits": COMPARISON_LEVEL}]


@pytest.mark.slow
def test_a_new_code_version_of_equal_content_stops_at_the_end_of_its_run(audited: Chain) -> None:
    audited.deploy(training_set="2")

    assert audited.follow() == [{"digits": DOWNSTREAM_OF_RAW}]


@pytest.mark.slow
def test_new_code_on_several_levels_runs_from_the_bottom_up(audited: Chain) -> None:
    audited.content |= {"raw_dataset": "new", "label_issues": "new"}
    audited.deploy(raw_dataset="2", label_issues="2", model_comparison="2")

    assert audited.follow() == [
        {"digits": DATASET_LEVEL},
        # It does not wait for the models, since some may never be refreshed, and runs again after them.
        BOTH_MODELS | {"digits": COMPARISON_LEVEL},
        {"digits": COMPARISON_LEVEL},
    ]


@pytest.mark.slow
def test_models_wait_for_the_end_of_the_dataset_level_and_then_start_as_one_run_each(audited: Chain) -> None:
    seen: list[Requests] = []
    audited.content["raw_dataset"] = "new"
    audited.meanwhile["neighbor_graph"] = lambda: seen.append(audited.evaluate())
    assert audited.run("digits", DATASET_LEVEL)

    assert seen == [{}], "the training set is new, the neighbour graph is not"
    assert audited.evaluate() == BOTH_MODELS


@pytest.mark.slow
def test_new_code_of_a_model_level_asset_waits_for_a_dataset_level_that_is_being_made_again(audited: Chain) -> None:
    seen: list[Requests] = []

    def deploy() -> None:
        audited.deploy(audit_facts="2")
        seen.append(audited.evaluate())

    audited.meanwhile["raw_dataset"] = deploy
    assert audited.run("digits", DATASET_LEVEL)

    assert seen == [{}]
    assert audited.evaluate() == {partition: {"audit_facts"} for partition in BOTH_MODELS}


@pytest.mark.slow
def test_models_wait_for_the_neighbor_graph_of_a_training_set_that_was_made_alone(audited: Chain) -> None:
    audited.content["training_set"] = "new"
    assert audited.run("digits", ["training_set"])

    assert audited.follow() == [{"digits": {"neighbor_graph"}}, BOTH_MODELS, {"digits": COMPARISON_LEVEL}]


@pytest.mark.slow
def test_a_half_refreshed_dataset_level_holds_the_models_until_it_is_whole(audited: Chain) -> None:
    audited.content["raw_dataset"] = "new"
    audited.broken.add(("neighbor_graph", "digits"))
    assert not audited.run("digits", DATASET_LEVEL)

    attempts = audited.follow()
    audited.broken.clear()
    assert audited.run("digits", ["neighbor_graph"])

    assert attempts == [{"digits": {"neighbor_graph"}}] * 2
    assert audited.evaluate() == BOTH_MODELS


@pytest.mark.slow
def test_a_failed_blocking_check_upstream_holds_back_until_it_passes(audited: Chain) -> None:
    audited.content["raw_dataset"] = "new"
    audited.invalid.add("raw_dataset")
    assert not audited.run("digits", DATASET_LEVEL)
    while_invalid = audited.follow()
    audited.invalid.clear()
    assert audited.run("digits", ["raw_dataset"])

    assert while_invalid == []
    assert audited.evaluate() == {"digits": DOWNSTREAM_OF_RAW}


@pytest.mark.slow
def test_a_check_that_failed_before_does_not_split_the_run_that_evaluates_it_again(audited: Chain) -> None:
    audited.invalid.add("predictions")
    assert not audited.run("digits|knn", ["predictions"])
    audited.invalid.clear()
    audited.content["training_set"] = "new"
    assert audited.run("digits", DATASET_LEVEL)

    assert audited.evaluate() == BOTH_MODELS


@pytest.mark.slow
def test_a_failed_run_is_repeated_once_for_each_change_and_does_not_hold_the_comparison(audited: Chain) -> None:
    audited.content["training_set"] = "new"
    audited.broken.add(("predictions", "digits|knn"))
    assert audited.run("digits", DATASET_LEVEL)
    history = audited.follow()
    audited.broken.clear()
    audited.content["training_set"] = "newer"
    assert audited.run("digits", DATASET_LEVEL)

    assert history == [BOTH_MODELS, {"digits|knn": MODEL_LEVEL, "digits": COMPARISON_LEVEL}]
    assert audited.evaluate() == BOTH_MODELS


@pytest.mark.slow
def test_a_failed_run_that_a_person_started_is_not_repeated(audited: Chain) -> None:
    audited.broken.add(("predictions", "digits|knn"))
    assert not audited.run("digits|knn", MODEL_LEVEL)

    assert audited.follow() == []


@pytest.mark.slow
def test_what_was_made_just_before_its_input_changed_is_refreshed_and_just_after_is_not(audited: Chain) -> None:
    assert audited.run("digits|knn", MODEL_LEVEL)
    audited.content["training_set"] = "new"
    assert audited.run("digits", DATASET_LEVEL)
    assert audited.run("digits|random_forest", MODEL_LEVEL)

    requests = audited.evaluate()

    assert requests.get("digits|knn") == MODEL_LEVEL
    assert "digits|random_forest" not in requests


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "names"),
    [("datalab_issues", MODEL_LEVEL), ("predictions", {"predictions"})],
    ids=["whole run", "one step"],
)
def test_a_run_whose_inputs_change_under_way_is_followed_by_another(audited: Chain, step: str, names: set[str]) -> None:
    requested_meanwhile: Requests = {}

    def refresh_the_dataset_level() -> None:
        audited.content["training_set"] = "new"
        assert audited.run("digits", DATASET_LEVEL)
        requested_meanwhile.update(audited.evaluate())

    audited.meanwhile[step] = refresh_the_dataset_level
    assert audited.run("digits|knn", names)
    audited.run_all(requested_meanwhile)
    audited.follow()

    assert "datalab_report" not in requested_meanwhile.get("digits|knn", set()), "its issues wait for a refresh"
    assert audited.find_outdated("digits|knn") == {}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_assets_that_models_share_are_those_that_they_wait_for(family: Family) -> None:
    upstream = {asset.key: set(asset.dependency_keys) for asset in family.all_assets}
    read = set().union(*(upstream[key] for key in family.asset_keys(MODEL)))
    while more := set().union(*(upstream[key] for key in read)) - read:
        read |= more

    shared = {key.path[-1] for key in read.intersection(family.asset_keys(DATASET))}

    of_reviews = {"corrections", "corrected_dataset"}
    assert shared - of_reviews == set(list_shared_steps([step for steps in family.steps.values() for step in steps]))
    assert {"raw_dataset", "training_set", *of_reviews} <= shared


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_new_raw_content_refreshes_every_level_of_the_real_chain(family: Family) -> None:
    dataset = partitions_of(family.name, DATASET).get_partition_keys()[0]
    model = f"{dataset}|{family.task.default_model}"
    raw_dataset, *downstream_of_raw = family.asset_keys(DATASET)
    with dg.DagsterInstance.ephemeral() as instance:
        record = RecordedChain(family, instance)
        record.begin(dataset, model)
        at_rest = record.evaluate()
        record.materialize([raw_dataset], dataset, "2")
        first = record.evaluate()
        record.materialize(downstream_of_raw, dataset, "2")
        second = record.evaluate()
        record.materialize(family.asset_keys(MODEL), model, "2")
        third = record.evaluate()

    assert at_rest == {}
    assert first == {dataset: set(downstream_of_raw)}
    assert second == {model: set(family.asset_keys(MODEL))}
    assert third == {dataset: set(family.asset_keys(COMPARISON))}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_new_decisions_refresh_no_audit_and_hold_none_back(family: Family) -> None:
    dataset = partitions_of(family.name, DATASET).get_partition_keys()[0]
    model = f"{dataset}|{family.task.default_model}"
    with dg.DagsterInstance.ephemeral() as instance:
        record = RecordedChain(family, instance)
        record.begin(dataset, model)
        record.evaluate()
        record.materialize([family.key("corrections"), family.key("corrected_dataset")], dataset, "2")
        after_decisions = record.evaluate()
        record.materialize([family.key("training_set")], dataset, "2")
        after_a_run = record.evaluate()

    assert after_decisions == {}
    shared = family.downstream_of("training_set", DATASET) - {family.key("training_set")}
    assert after_a_run == ({dataset: shared} if shared else {model: set(family.asset_keys(MODEL))})


@dataclass
class RecordedChain:
    """The real assets of a family, without checks; materializations are recorded and nothing runs."""

    family: Family
    instance: dg.DagsterInstance
    cursor: Any = None

    def __post_init__(self) -> None:
        resources: dict[str, Any] = {
            "settings": None,
            "process": None,
            "families": {},
            **build_io_managers("never written", []),
        }
        self.definitions = dg.Definitions(assets=self.family.all_assets, resources=resources)

    def begin(self, dataset: str, model: str) -> None:
        """Record a first materialization of every level, after a first look."""
        self.evaluate()
        partitions: dict[Level, str] = {DATASET: dataset, MODEL: model, COMPARISON: dataset}
        for level, partition in partitions.items():
            self.materialize(self.family.asset_keys(level), partition, "1")

    def materialize(self, keys: Collection[dg.AssetKey], partition: str, version: str) -> None:
        """Record materializations of a data version."""
        for key in keys:
            self.instance.report_runless_asset_event(
                dg.AssetMaterialization(key, partition=partition, tags={"dagster/data_version": version})
            )

    def evaluate(self) -> dict[str, set[dg.AssetKey]]:
        """Evaluate the conditions and return what is requested by partition."""
        result = dg.evaluate_automation_conditions(self.definitions, self.instance, cursor=self.cursor)
        self.cursor = result.cursor
        requests: dict[str, set[dg.AssetKey]] = {}
        for asset in self.family.all_assets:
            for partition in result.get_requested_partitions(asset.key):
                requests.setdefault(str(partition), set()).add(asset.key)
        return requests
