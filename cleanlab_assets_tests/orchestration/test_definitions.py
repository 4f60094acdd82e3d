from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest

from cleanlab_assets.definitions import defs
from cleanlab_assets.families.registry import FAMILIES
from cleanlab_assets.families.step import COMPARISON, DATASET, MODEL
from cleanlab_assets.models.catalogue import models_of
from cleanlab_assets.orchestration.datasets import all_datasets
from cleanlab_assets.orchestration.families import all_families

if TYPE_CHECKING:
    from cleanlab_assets.orchestration.family import Family

every_family = pytest.mark.parametrize("family", all_families(), ids=lambda family: family.name)


def test_the_code_location_is_loadable() -> None:
    dg.Definitions.validate_loadable(defs)


def test_every_asset_and_check_belongs_to_a_registered_family_and_its_group() -> None:
    graph = defs.resolve_asset_graph()
    assert [family.name for family in all_families()] == [task.name for task in FAMILIES]
    assert graph.get_all_asset_keys() == {asset.key for family in all_families() for asset in family.all_assets}
    assert graph.asset_check_keys == {check.check_key for family in all_families() for check in family.checks}
    for family in all_families():
        for asset in family.all_assets:
            assert asset.key.path[0] == asset.get_asset_spec().group_name == family.name


@every_family
def test_every_dataset_meets_every_model_of_its_family_and_no_other(family: Family) -> None:
    datasets = [dataset.name for dataset in all_datasets().values() if family.name in dataset.families]
    pairs = [f"{dataset}|{model}" for dataset in datasets for model in models_of(family.name)]
    expected = {DATASET: datasets, MODEL: pairs, COMPARISON: datasets}
    for level, assets in family.assets.items():
        for asset in assets:
            assert asset.partitions_def is not None
            assert list(asset.partitions_def.get_partition_keys()) == expected[level], asset.key


@every_family
def test_a_step_says_to_users_what_it_is_and_what_its_settings_mean(family: Family) -> None:
    for asset in family.all_assets:
        spec = asset.get_asset_spec()
        assert spec.description, spec.key
        assert spec.kinds, spec.key
    for check in family.checks:
        assert all(item.description for item in check.check_specs), check.check_key
    for name, settings in family.configs.items():
        for setting, field in settings.model_fields.items():
            assert field.description, f"{name}.{setting}"


@every_family
def test_the_jobs_of_a_level_make_its_assets_and_evaluate_their_checks(family: Family) -> None:
    for level in family.assets:
        keys = set(family.asset_keys(level))
        checks = {spec.key for key in keys for spec in family.checks_of(key)}
        job = defs.resolve_job_def(family.job_name(level))
        only_checks = defs.resolve_job_def(family.checks_job_name(level))
        assert set(job.asset_layer.selected_asset_keys) == keys
        assert set(job.asset_layer.asset_graph.asset_check_keys) == checks
        assert set(only_checks.asset_layer.selected_asset_keys) == set()
        assert set(only_checks.asset_layer.asset_graph.asset_check_keys) == checks


@every_family
def test_a_run_config_reaches_a_step_by_the_settings_that_the_family_lists(family: Family) -> None:
    for asset in family.all_assets:
        settings = family.configs.get(asset.key.path[-1])
        schema = asset.op.config_schema
        fields = getattr(schema.config_type, "fields", None) or {} if schema else {}
        assert set(fields) == (set(settings.model_fields) if settings else set()), asset.key
