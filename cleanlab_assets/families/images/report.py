"""The part of a report about the images themselves: bad pictures, copies, and pictures unlike all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.families.images.issues import IMAGE_ISSUE_TYPES, INFORMATIVE_TYPES
from cleanlab_assets.families.report import build_report
from cleanlab_assets.methods.split_counts import count_by_split, say_by_split
from cleanlab_assets.methods.training_set import train_rows
from cleanlab_assets.reports.formatting import format_number, format_share, name_metric
from cleanlab_assets.reports.html import Figure, Report, Section, Table, Tile, Tone
from cleanlab_assets.reports.image_overlays import draw_montage
from cleanlab_assets.reports.issue_evidence import require_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cleanlab_assets.datasets.dataset import Dataset, Gates
    from cleanlab_assets.datasets.images import AnnotatedImage
    from cleanlab_assets.methods.score_choice import ScoreChoice

MONTAGE_IMAGES = 12
TITLES = {
    "dark": "Dark",
    "light": "Too bright",
    "blurry": "Blurry",
    "low_information": "Low information",
    "odd_aspect_ratio": "Odd aspect ratio",
    "odd_size": "Odd size",
    "grayscale": "Greyscale",
    "exact_duplicate": "Exact copies",
    "hash_duplicate": "Copies by hash",
    "outlier": "Outliers",
    "near_duplicate": "Near duplicates",
}
"""Heading of each issue type."""
_SHOWN_IF_PRESENT = ("duplicate_set", "keep", "nearest_neighbor", "distance_to_nearest_neighbor")


def rank_flagged_images(image_issues: pd.DataFrame) -> pd.DataFrame:
    """List the images with an issue: the worst of every issue type first, then the second of each, and so on.

    Scores of different types do not compare, so that types take turns. Types that are mere information flag nothing
    here, but are named where an image has another issue.

    Args:
        image_issues: per-image table with ``is_<type>_issue`` and ``<type>_score`` of each type that ran.

    Returns:
        Table with ``row_id``, ``issues`` (names of the types, separated by commas) and, where the table has them, the
        set of copies, whether to keep the image, and its nearest neighbour.
    """
    ran = [name for name in IMAGE_ISSUE_TYPES if f"is_{name}_issue" in image_issues]
    flags = {name: image_issues[f"is_{name}_issue"].to_numpy(dtype=bool) for name in ran}
    turn = np.full(len(image_issues), np.inf)
    for position, name in enumerate(ran):
        if name not in INFORMATIVE_TYPES:
            flagged = np.flatnonzero(flags[name])
            order = np.argsort(image_issues[f"{name}_score"].to_numpy()[flagged], kind="stable")
            turns = np.arange(len(flagged)) + position / len(ran)
            turn[flagged[order]] = np.minimum(turn[flagged[order]], turns)
    rows = [row for row in np.argsort(turn, kind="stable") if np.isfinite(turn[row])]
    names = [", ".join(name.replace("_", " ") for name in ran if flags[name][row]) for row in rows]
    shown = image_issues.iloc[rows].reset_index(drop=True)
    if "keep" in shown:  # a question only where there are copies
        shown["keep"] = shown["keep"].astype("boolean").mask(shown["duplicate_set"].isna())
    columns = [name for name in _SHOWN_IF_PRESENT if name in shown]
    return pd.DataFrame({"row_id": shown["row_id"], "issues": names, **{name: shown[name] for name in columns}})


def draw_worst_images(ranked: pd.DataFrame, images: pd.DataFrame, n_images: int = MONTAGE_IMAGES) -> bytes | None:
    """Draw the first images of a ranking with their names and issues; None if there are none.

    Args:
        ranked: ``row_id`` and ``issues``, worst first.
        images: ``row_id`` and ``image`` (encoded bytes) of these and maybe other images.
        n_images: most images to draw.

    Returns:
        A PNG.
    """
    worst = ranked.head(n_images)
    if worst.empty:
        return None
    pictures = dict(zip(images["row_id"], images["image"], strict=True))
    captions = [f"{row_id}\n{issues}" for row_id, issues in zip(worst["row_id"], worst["issues"], strict=True)]
    return draw_montage([pictures[row_id] for row_id in worst["row_id"]], captions)


def build_image_issue_section(
    image_issues: pd.DataFrame,
    summary: pd.DataFrame,
    images: pd.DataFrame,
    *,
    embedding: str = "",
    gates: Gates,
    top_rows: int,
    full_table: str,
) -> Section:
    """Build the section on the issues of the images.

    Args:
        image_issues: per-image table, see ``ImageIssues``.
        summary: one row for each issue type, see ``ImageIssues``.
        images: ``row_id`` and ``image`` (encoded bytes) of the audited images, maybe of others too.
        embedding: what images were compared by, in words.
        gates: thresholds of the dataset.
        top_rows: most rows of the table of images.
        full_table: where the table with every image lies, in words.

    Returns:
        A section with a tile for each type, pictures of the worst images, and a table of all that are flagged.

    Raises:
        ValueError: a table lacks a column.
    """
    require_columns("summary", summary, ("issue_type", "description", "n_issues", "share", "status", "reason"))
    require_columns("image_issues", image_issues, ("row_id", "duplicate_set", "keep"))
    ranked = rank_flagged_images(image_issues)
    montage = draw_worst_images(ranked, images)
    advice = {
        "Why it matters": (
            "An image that shows nothing holds no information and makes a correct label look wrong. A copy counts "
            "twice, and a copy on both sides of a split makes the test too easy."
        ),
        "What to do": (
            "Look at the images below. Replace or remove broken ones; of a set of copies keep the marked image. Keep "
            "rare but real images, such as night scenes, and check that the test images include some of them."
        ),
    }
    n_shown = min(len(ranked), MONTAGE_IMAGES)
    return Section(
        key="image_issues",
        title="The images themselves",
        explanation=(
            "What is found in the train images without their labels: dark, bright, blurry and empty ones, odd shapes "
            "and sizes, copies, and outliers. It is the same for every model."
        ),
        advice=advice if len(ranked) else {},
        badge=f"{len(ranked):,}" if len(ranked) else "none",
        tiles=_build_tiles(image_issues, summary, n_flagged=len(ranked), gates=gates),
        figures=[]
        if montage is None
        else [
            Figure(
                f"The worst images: {n_shown:,} of {len(ranked):,}",
                montage,
                "Pictures side by side: " + "; ".join(f"{row.row_id}: {row.issues}" for row in _first(ranked, n_shown)),
            )
        ],
        tables=[*_tabulate_images(ranked, top_rows, full_table), _tabulate_types(summary)],
        facts=_state_settings(summary, embedding),
    )


def _first(ranked: pd.DataFrame, n_rows: int) -> list[Any]:
    return list(ranked.head(n_rows).itertuples(index=False))


def _build_tiles(image_issues: pd.DataFrame, summary: pd.DataFrame, *, n_flagged: int, gates: Gates) -> list[Tile]:
    n_images, n_sets = len(image_issues), int(image_issues["duplicate_set"].nunique())
    n_surplus = int((~image_issues["keep"]).sum())
    tiles = [
        Tile("Images checked", f"{n_images:,}", f"{n_flagged:,} have an issue"),
        Tile("Sets of copies", f"{n_sets:,}", f"{n_surplus:,} images repeat a kept one" if n_sets else ""),
    ]
    limits = {"outlier": gates.outlier_rate, "near_duplicate": gates.near_duplicate_rate}
    for record in summary.to_dict("records"):
        name = record["issue_type"]
        label = TITLES.get(name, name)
        if record["status"] != "ran":
            tiles.append(Tile(label, "not run", record["reason"]))
            continue
        hint, limit = f"{format_share(record['share'])} of the images", limits.get(name)
        if limit is not None:
            tone: Any = "warn" if record["share"] > limit else "good"
            tiles.append(Tile(label, f"{record['n_issues']:,}", f"{hint}; limit {format_share(limit)}", tone))
        else:
            is_bad = record["n_issues"] > 0 and name not in INFORMATIVE_TYPES
            tiles.append(Tile(label, f"{record['n_issues']:,}", hint, "warn" if is_bad else "neutral"))
    return tiles


def _tabulate_images(ranked: pd.DataFrame, top_rows: int, full_table: str) -> list[Table]:
    if ranked.empty:
        return []
    caption = "The worst image of every issue type first, then the second of each, and so on."
    return [Table("Images with an issue", ranked, caption, max_rows=top_rows, full_table=full_table)]


def _tabulate_types(summary: pd.DataFrame) -> Table:
    shown = summary[["issue_type", "description", "n_issues", "share", "status", "reason"]]
    return Table("What was checked", shown, max_rows=len(shown), shares=("share",))


def _state_settings(summary: pd.DataFrame, embedding: str) -> dict[str, str]:
    by_distance = summary[(summary["status"] == "ran") & summary["k"].notna()]
    facts = {
        "Pictures and copies": "CleanVision with its default thresholds; exact copies have equal pixels",
        "Limits": "blurred pictures of low contrast or with a bright border are overlooked",
    }
    if len(by_distance):
        first = by_distance.iloc[0]
        facts["Outliers and near duplicates"] = (
            f"Datalab, {first['metric']} distance of standardised embeddings to {first['k']} nearest neighbours"
        )
    if embedding:
        facts["Embedding"] = embedding
    return facts


@dataclass(frozen=True, kw_only=True)
class ImageAudit:
    """What the reports of families on images have in common: annotations of all images, issues of train images.

    Attributes:
        dataset: The catalogue entry; its gate decides whether the share of flagged images asks for attention.
        model: Name of the model whose out-of-sample predictions the audit used.
        images: The audited images with their given annotations.
        label_issues: One row for each image, with ``split``, and ``planted_error`` where errors were planted.
        cross_validation: Metrics of the out-of-sample predictions of the train images against their annotations.
        facts: How the audit was made, for the last section.
        extra_sections: Further sections, such as that of the image checks.
        full_table: Where the whole tables lie, in words.
        ranked_by: Which score ranks the images; None where there is one.
    """

    dataset: Dataset
    model: str
    images: Sequence[AnnotatedImage]
    label_issues: pd.DataFrame
    cross_validation: Mapping[str, float]
    facts: Mapping[str, object]
    extra_sections: Sequence[Section] = ()
    full_table: str = ""
    ranked_by: ScoreChoice | None = None

    @property
    def n_flagged(self) -> int:
        """Number of flagged images."""
        return int(self.label_issues["is_label_issue"].sum())

    def build(
        self,
        *,
        annotations: str,
        hint: str,
        tiles: Sequence[Tile],
        sections: Sequence[Section],
        detection_by_kind: pd.DataFrame,
        rest: str,
        last_tiles: Sequence[Tile] = (),
    ) -> Report:
        """Build the report.

        Args:
            annotations: What the images are annotated with, such as ``boxes``.
            hint: Said of the images audited.
            tiles: The family's own tiles of the summary.
            sections: The family's own sections.
            detection_by_kind: How well each kind of planted error was found; empty where none was planted.
            rest: What each kind of planted error is told from.
            last_tiles: Further tiles after those of the metrics.
        """
        n_images, limit = len(self.label_issues), self.dataset.gates.label_issue_rate
        tone: Tone = "warn" if self.n_flagged > limit * n_images else "good"
        by_split = say_by_split(count_by_split(self.label_issues), "image")
        share = f"{format_share(self.n_flagged / n_images)} ({by_split}); limit {format_share(limit)}"
        notes = []
        if "planted_error" in self.label_issues:
            is_planted = train_rows(self.label_issues)["planted_error"]
            notes.append(
                f"{annotations.capitalize()} were deliberately corrupted for evaluation: {int(is_planted.sum()):,} of "
                f"the {len(is_planted):,} train images carry a planted error, and no other image does. Counts describe "
                f"the corrupted {annotations}, not the source."
            )
        return build_report(
            self.dataset,
            self.model,
            self.facts,
            title=f"audit of the {annotations}",
            tiles=[
                Tile("Images audited", f"{n_images:,}", hint),
                Tile("Flagged images", f"{self.n_flagged:,}", share, tone),
                *tiles,
                *(
                    Tile(f"Cross-validated {name_metric(name)}", format_number(value))
                    for name, value in self.cross_validation.items()
                ),
                *last_tiles,
            ],
            notes=notes,
            sections=[
                *sections,
                *([] if self.ranked_by is None else [_describe_ranking(self.ranked_by)]),
                *_describe_detection(detection_by_kind, rest),
                *self.extra_sections,
            ],
        )


def _describe_ranking(ranked_by: ScoreChoice) -> Section:
    """Tell which score ranks the images, and why."""
    table = Table(
        "Scores",
        ranked_by.to_table(),
        "Average precision of errors planted in a copy of the train annotations, and its difference to that of the "
        "first score, which ranks unless the whole interval of another one's difference lies above zero.",
    )
    return Section(
        key="ranking",
        title="What ranks the images",
        explanation=f"Images are ranked by the score {ranked_by.chosen}. {ranked_by.note}".rstrip(),
        badge=ranked_by.chosen,
        tables=[table] if ranked_by.figures else [],
    )


def _describe_detection(by_kind: pd.DataFrame, rest: str) -> list[Section]:
    if by_kind.empty:
        return []
    table = Table("Planted errors", by_kind, f"Each kind among {rest} planted error.", shares={"recall"})
    return [
        Section(
            key="planted",
            title="How well planted errors are found",
            explanation="Average precision of the ranking, recall of the flags, and what a random ranking would reach.",
            tables=[table],
        )
    ]
