"""The command that summarizes an audit in words: ``ai-report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cleanlab_assets.cli import options
from cleanlab_assets.cli.gates import end_on_failed_gates, end_on_failure
from cleanlab_assets.cli.instance import RunProgress, open_instance
from cleanlab_assets.cli.terminal import ExitCode, fail, print_summary
from cleanlab_assets.datasets.errors import cut
from cleanlab_assets.settings import load_settings

if TYPE_CHECKING:
    import dagster as dg

    from cleanlab_assets.orchestration.family import Family

DatasetOption = Annotated[
    str, typer.Option("--dataset", "-d", help="Dataset that was audited.", show_default=options.DEFAULT_DATASET)
]


def report(
    result: Annotated[
        Path | None, typer.Argument(help="Result file of `run -o`. Default: the stored audit of -d and -m.")
    ] = None,
    dataset: DatasetOption = "",
    model: options.ModelOption = "",
    family_name: options.FamilyOption = "",
    ai: Annotated[
        bool, typer.Option("--ai/--no-ai", help="Let a language model write it, if one is configured.")
    ] = True,
) -> None:
    """Summarize an audit in words: by a language model if a key is set, otherwise by rules. The output says which.

    Example: cleanlab-demo ai-report -d adult_income -m random_forest

    Another: cleanlab-demo ai-report result.json --no-ai
    """
    if result is not None:
        if dataset or model or family_name:
            fail(ExitCode.WRONG_USE, "give either a result file or --dataset and --model, not both")
        _report_file(result, use_ai=ai)
    else:
        dataset = dataset or options.DEFAULT_DATASET
        family, model = options.choose_model(dataset, model, family_name)
        _report_audit(family, dataset, model, use_ai=ai)


def _report_file(path: Path, *, use_ai: bool) -> None:
    from pydantic import ValidationError

    from cleanlab_assets.orchestration.ai_summary import AiSummarySettings, build_writer
    from cleanlab_assets.orchestration.audit_result import AuditResult
    from cleanlab_assets.reports.written_summary import write_summary

    try:
        audit = AuditResult.model_validate_json(path.read_bytes())
    except OSError as error:
        fail(ExitCode.WRONG_USE, f"cannot read {cut(str(path), options.LONGEST_PATH)}: {error.strerror}")
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        found = f"{place}: {first['msg']}" if place else first["msg"]
        fail(ExitCode.WRONG_USE, f"{path} is not a result of `cleanlab-demo run -o`: {found}")
    if audit.facts is None:
        fail(ExitCode.WRONG_USE, f"{path} contains no audit: it was created with --no-cleanlab")
    print_summary(
        write_summary(
            audit.facts, writer=build_writer(AiSummarySettings.model_validate({"use_ai": use_ai}), load_settings())
        )
    )


def _report_audit(family: Family, dataset: str, model: str, *, use_ai: bool) -> None:
    from cleanlab_assets.families.audit_facts import AUDIT_FACTS
    from cleanlab_assets.families.step import MODEL
    from cleanlab_assets.orchestration.ai_summary import ai_summary
    from cleanlab_assets.orchestration.history import latest_materialization
    from cleanlab_assets.orchestration.partitions import partition_keys
    from cleanlab_assets.orchestration.runs import materialize_level, resolve_configs
    from cleanlab_assets.orchestration.storage import read_result

    key, partition = family.key(ai_summary.name), partition_keys(dataset, model)[MODEL]
    with open_instance() as instance, RunProgress(f"{dataset} / {model}") as progress:
        if latest_materialization(instance, family.key(AUDIT_FACTS), partition) is None:
            fail(ExitCode.WRONG_USE, f"there is no audit yet: cleanlab-demo run -d {dataset} -m {model}")
        config = _read_settings_of_last_summary(instance, key, partition) | {"use_ai": use_ai}
        run_config = {"ops": {key.to_python_identifier(): {"config": config}}}
        outcome = materialize_level(
            progress.load_definitions(instance),
            instance,
            family,
            MODEL,
            partition,
            configs=resolve_configs(family, run_config),
            force=True,
            left_out=frozenset(family.asset_keys(MODEL)) - {key},
            announce=progress.expect,
        )
        end_on_failure(family, outcome)
        latest = latest_materialization(instance, key, partition)
        assert latest is not None  # noqa: S101 - it was materialized
    print_summary(read_result(str(latest.metadata["path"].value), ai_summary).value)
    end_on_failed_gates(outcome.checks)


def _read_settings_of_last_summary(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> dict[str, Any]:
    """Read the settings that the partition's last summary was written with, those that there still are."""
    from cleanlab_assets.orchestration.ai_summary import AiSummarySettings
    from cleanlab_assets.orchestration.history import latest_provenance

    record = latest_provenance(instance, key, partition)
    config = {} if record is None else record.config
    return {name: value for name, value in config.items() if name in AiSummarySettings.model_fields}
