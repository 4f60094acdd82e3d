"""The dataset level of the token chain: the tokens under audit, shared by every model."""

import dagster as dg
import pandas as pd

from cleanlab_assets.families.token_classification.plant import plant_token_errors
from cleanlab_assets.families.token_classification.training_set import build_token_training_set
from cleanlab_assets.models.catalogue import BuildContext, PipelineFactory
from cleanlab_assets.models.encoding import FeatureKinds
from cleanlab_assets.orchestration.datasets import get_dataset
from cleanlab_assets.orchestration.family_asset import StepResult, family_asset
from cleanlab_assets.orchestration.metadata import as_notes, as_table
from cleanlab_assets.orchestration.partitions import DATASET, dataset_of
from cleanlab_assets.orchestration.raw_dataset import build_raw_dataset
from cleanlab_assets.orchestration.token_classification.config import TrainingSetConfig
from cleanlab_assets.orchestration.token_classification.contracts import TOKEN_TRAINING_SET

FAMILY = "token_classification"
CONFUSED_MODEL = "logistic_regression"
"""The model whose confusion structure errors are planted by."""

raw_dataset = build_raw_dataset(FAMILY)


@family_asset(
    FAMILY,
    level=DATASET,
    storage="parquet",
    code_version="1",
    kinds={"pandas", "parquet"},
    contract=TOKEN_TRAINING_SET,
)
def training_set(context: dg.AssetExecutionContext, config: TrainingSetConfig, raw_dataset: pd.DataFrame) -> StepResult:
    """The tokens under audit: an optional sample of sentences, the split by file, and folds of whole documents.

    The train file is audited, the dev file chooses between variants, the test file stays untouched. Tag errors can be
    planted in the train rows to measure how well they are found; other tags are never touched.
    """
    dataset = get_dataset(dataset_of(context))
    built = build_token_training_set(
        raw_dataset,
        dataset,
        max_sentences=config.max_sentences,
        validation_fraction=config.validation_fraction,
        test_fraction=config.test_fraction,
        folds=config.folds,
        seed=config.seed,
    )
    table = built.table
    if config.planted_error_fraction > 0:
        build_context = BuildContext(
            kinds=FeatureKinds.of(dataset.columns), n_classes=len(dataset.class_names), seed=config.seed
        )
        build = PipelineFactory(FAMILY, CONFUSED_MODEL, build_context, {})
        table = plant_token_errors(
            table,
            fraction=config.planted_error_fraction,
            kind=config.planted_error_kind,
            build=build,
            features=build.features,
            seed=config.seed,
        )
    table.attrs = {"seed": config.seed, "folds": config.folds, "notes": list(built.notes)}
    balance = pd.crosstab(table["given_label"], table["split"]).reset_index().astype({"given_label": str})
    sizes = table["split"].value_counts()
    return StepResult(
        table,
        {
            **{f"{split}_rows": int(n_rows) for split, n_rows in sizes.items()},
            "train_sentences": int(table.loc[table["split"] == "train", "sentence_id"].nunique()),
            "planted_errors": int(table["planted_error"].sum()) if "planted_error" in table else 0,
            "class_balance": as_table(balance, len(balance)),
            "preview": as_table(table, columns=["row_id", "token", "given_label", "split", "fold", "sentence"]),
            "notes": as_notes(built.notes),
        },
    )
