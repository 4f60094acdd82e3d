"""The checks that families on images share."""

import dagster as dg
import pandas as pd

from cleanlab_assets.orchestration.check_results import family_check
from cleanlab_assets.orchestration.metadata import as_table
from cleanlab_assets.orchestration.partitions import DATASET
from cleanlab_assets.orchestration.tabular.checks import MINIMUM_LIFT


def judge_detection_power_by_kind(power: pd.DataFrame) -> dg.AssetCheckResult:
    """Judge whether each kind of planted error ranks far worse than by chance: the detector has signal.

    Args:
        power: one row a kind, with ``kind``, ``average_precision`` and ``chance``.
    """
    weak = power[power["average_precision"] < MINIMUM_LIFT * power["chance"]]
    shown = ", ".join(
        f"{kind} {value:.2f} (chance {chance:.2f})"
        for kind, value, chance in power[["kind", "average_precision", "chance"]].itertuples(index=False)
    )
    return dg.AssetCheckResult(
        passed=weak.empty,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"average precision by kind of planted error: {shown}; at least {MINIMUM_LIFT:g} times chance "
        "wanted",
        metadata={"by_kind": as_table(power, len(power), columns=list(power.columns))},
    )


def build_split_check(family: str, training_set: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    """Build the blocking check of the split."""

    @family_check(family, training_set, DATASET, blocking=True)
    def no_equal_images_across_splits(
        context: dg.AssetCheckExecutionContext,  # noqa: ARG001
        training_set: pd.DataFrame,
    ) -> dg.AssetCheckResult:
        """No row id comes twice, and images of equal bytes lie on one side of the split."""
        groups = pd.factorize(training_set["image"])[0]
        straddles = (training_set["split"].cat.codes.groupby(groups).transform("nunique") > 1).to_numpy()
        repeated = training_set["row_id"].duplicated(keep=False).to_numpy()
        wrong = straddles | repeated
        return dg.AssetCheckResult(
            passed=not wrong.any(),
            description=f"{straddles.sum():,} of {len(training_set):,} images have an equal one on the other side, "
            f"{repeated.sum():,} share their row id",
            metadata={"n_wrong": int(wrong.sum()), "rows": training_set.loc[wrong, "row_id"].head(20).tolist()},
        )

    return no_equal_images_across_splits
