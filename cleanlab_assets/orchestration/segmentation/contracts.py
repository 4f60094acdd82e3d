"""Schemas of the tables of the segmentation chain."""

import dagster_pandas as dgp

_ROW_ID = dgp.PandasColumn.string_column("row_id", non_nullable=True, unique=True, is_required=True)
_GIVEN_LABEL = dgp.PandasColumn.exists("given_label", non_nullable=True)
_QUALITY = [
    dgp.PandasColumn.exists("suggested_label", non_nullable=True),
    dgp.PandasColumn.float_column("label_quality", min_value=0.0, max_value=1.0, non_nullable=True),
    dgp.PandasColumn.float_column("object_quality", min_value=0.0, max_value=1.0, non_nullable=True),
    dgp.PandasColumn.boolean_column("is_label_issue", non_nullable=True),
    dgp.PandasColumn.integer_column("rank", min_value=1, non_nullable=True, unique=True),
]

MASK_TRAINING_SET = dgp.create_dagster_pandas_dataframe_type(
    "MaskTrainingSet",
    "Images under audit: picture, given class mask, split and fold (-1 on test images).",
    [
        _ROW_ID,
        _GIVEN_LABEL,
        dgp.PandasColumn.exists("image", non_nullable=True),
        dgp.PandasColumn.exists("class_mask", non_nullable=True),
        dgp.PandasColumn.categorical_column("split", categories={"train", "test"}, non_nullable=True),
        dgp.PandasColumn.integer_column("fold", min_value=-1, non_nullable=True),
    ],
)
MASK_PREDICTIONS = dgp.create_dagster_pandas_dataframe_type(
    "MaskPredictions",
    "Out-of-sample predicted probabilities of the pixels of each image, background first, packed as float16.",
    [_ROW_ID, _GIVEN_LABEL, dgp.PandasColumn.exists("probabilities", non_nullable=True)],
)
PIXEL_ISSUES = dgp.create_dagster_pandas_dataframe_type(
    "PixelIssues",
    "Every train image with the mask of its pixel issues, their largest region, its worst object and a suggested mask.",
    [
        _ROW_ID,
        _GIVEN_LABEL,
        *_QUALITY,
        dgp.PandasColumn.float_column("issue_share", min_value=0.0, max_value=1.0, non_nullable=True),
        dgp.PandasColumn.exists("issue_mask", non_nullable=True),
        dgp.PandasColumn.exists("suggested_mask", non_nullable=True),
    ],
)
MASK_LABEL_ISSUES = dgp.create_dagster_pandas_dataframe_type(
    "MaskLabelIssues",
    "Every train image with the classes of its given mask, those suggested, label quality, flag and rank.",
    [_ROW_ID, _GIVEN_LABEL, *_QUALITY],
)
CLASS_SUMMARY = dgp.create_dagster_pandas_dataframe_type(
    "ClassSummary",
    "Every class, background first: pixels given and predicted, overlap, and pixel issues.",
    [
        dgp.PandasColumn.string_column("class_name", non_nullable=True, unique=True),
        dgp.PandasColumn.integer_column("given_pixels", min_value=0, non_nullable=True),
        dgp.PandasColumn.integer_column("issue_pixels", min_value=0, non_nullable=True),
    ],
)
CLASS_CONFUSIONS = dgp.create_dagster_pandas_dataframe_type(
    "ClassConfusions",
    "Pairs of given and suggested class among the pixel issues, most frequent first.",
    [
        dgp.PandasColumn.exists("given_class", non_nullable=True),
        dgp.PandasColumn.exists("suggested_class", non_nullable=True),
        dgp.PandasColumn.integer_column("n_pixel_issues", min_value=1, non_nullable=True),
    ],
)
