"""What the columns mean that the tables of several families have, for whoever reads a table."""

from __future__ import annotations

COLUMN_DESCRIPTIONS = {
    "row_id": "File and line of the row in its source: the same in every table.",
    "given_label": "The label as it is in the data (after planting errors, if any were planted).",
    "true_label": "The true label, as the source states it or before an error was planted; missing where unknown.",
    "planted_error": "Whether the given label was made wrong on purpose.",
    "planted_kind": "Kind of the planted error.",
    "split": "train: models learn from the row; validation: it helps to choose a variant; test: it compares variants.",
    "time_block": "Block of consecutive times that the row belongs to: its rows depend on each other.",
    "row_weight": "How much the row counts in fits and metrics.",
    "fold": "Fold of the cross-validation; -1 on rows that are kept aside.",
    "suggested_label": "The likeliest class, or the predicted value, by the out-of-sample predictions.",
    "predicted_label": "The likeliest class by the out-of-sample predicted probabilities.",
    "label_quality": "Label quality score in [0, 1]; lower is worse.",
    "is_label_issue": "Flagged as a likely label error.",
    "own_id": "Your own name of the row.",
    "rank": "Rank by label quality; 1 is the worst.",
    "given_label_probability": "Out-of-sample predicted probability of the given label.",
    "suggested_label_probability": "Out-of-sample predicted probability of the suggested label.",
    "reason": "Why the row is flagged, or why something did not run.",
    "neighbor_1": "Nearest train row: its position among the train rows.",
    "distance_1": "Euclidean distance to the nearest train row, after robust scaling.",
    "nearest_neighbor": "Row id of the nearest train row.",
    "distance_to_nearest_neighbor": "Euclidean distance to it, after scaling.",
    "duplicate_set": "Number of the set of near duplicates that the row belongs to.",
    "keep": "The row of the set to keep.",
    "n_models_flagging": "How many of the compared models flag the row.",
    "mean_label_quality": "Mean of the models' label quality scores.",
    "n_issues": "Rows flagged; missing where the type did not run.",
    "share": "Share of the audited rows that are flagged.",
}
