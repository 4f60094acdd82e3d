"""Schemas of the tables of the object detection chain."""

import dagster_pandas as dgp

from cleanlab_assets.families.object_detection.issues import BOX_ISSUE_KINDS, OVERLOOKED

_ROW_ID = dgp.PandasColumn.string_column("row_id", non_nullable=True, unique=True, is_required=True)
_GIVEN_LABEL = dgp.PandasColumn.exists("given_label", non_nullable=True)

BOX_TRAINING_SET = dgp.create_dagster_pandas_dataframe_type(
    "BoxTrainingSet",
    "Images under audit: picture, given boxes with their classes, split and fold (-1 on test images).",
    [
        _ROW_ID,
        _GIVEN_LABEL,
        dgp.PandasColumn.exists("image", non_nullable=True),
        dgp.PandasColumn.exists("boxes", non_nullable=True),
        dgp.PandasColumn.exists("box_labels", non_nullable=True),
        dgp.PandasColumn.categorical_column("split", categories={"train", "test"}, non_nullable=True),
        dgp.PandasColumn.integer_column("fold", min_value=-1, non_nullable=True),
    ],
)
BOX_PREDICTIONS = dgp.create_dagster_pandas_dataframe_type(
    "BoxPredictions",
    "Out-of-sample predicted boxes of each image with class and calibrated probability, as JSON.",
    [
        _ROW_ID,
        _GIVEN_LABEL,
        *(
            dgp.PandasColumn.exists(name, non_nullable=True)
            for name in ("predicted_boxes", "predicted_classes", "probabilities")
        ),
    ],
)
BOX_ISSUES = dgp.create_dagster_pandas_dataframe_type(
    "BoxIssues",
    "Every given box, and every object that nobody boxed, with the issue it most likely has, worst first.",
    [
        dgp.PandasColumn.string_column("row_id", non_nullable=True),
        dgp.PandasColumn.integer_column("box", min_value=-1, non_nullable=True),
        dgp.PandasColumn.categorical_column("issue", categories=set(BOX_ISSUE_KINDS), non_nullable=True),
        dgp.PandasColumn.float_column("label_quality", min_value=0.0, max_value=1.0, non_nullable=True),
        dgp.PandasColumn.boolean_column("is_box_issue", non_nullable=True),
        dgp.PandasColumn.integer_column("rank", min_value=1, non_nullable=True, unique=True),
    ],
)
BOX_LABEL_ISSUES = dgp.create_dagster_pandas_dataframe_type(
    "BoxLabelIssues",
    "Every train image with the classes of its given boxes, those suggested, label quality, flag and rank.",
    [
        _ROW_ID,
        _GIVEN_LABEL,
        dgp.PandasColumn.exists("suggested_label", non_nullable=True),
        dgp.PandasColumn.float_column("label_quality", min_value=0.0, max_value=1.0, non_nullable=True),
        dgp.PandasColumn.boolean_column("is_label_issue", non_nullable=True),
        dgp.PandasColumn.integer_column("rank", min_value=1, non_nullable=True, unique=True),
        dgp.PandasColumn.integer_column(f"n_{OVERLOOKED}", min_value=0, non_nullable=True),
    ],
)
