"""Pictures with their given and predicted boxes or masks drawn over them and the issue marked, or many side by side.

Given annotations are blue and solid, predicted or suggested ones orange and dashed, the issue vermilion and thick:
colours of the Okabe-Ito palette, which colour-blind readers can tell apart, and line styles that tell them apart
without colour.
"""

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.datasets.images import decode_image, to_eight_bits
from cleanlab_assets.reports.plots import DOTS_PER_INCH, INK, RULE, to_png

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

GIVEN = "#0072B2"
PREDICTED = "#E69F00"
ISSUE = "#D55E00"
HALO = "#FFFFFF"
ISSUE_WIDTH = 8.0
"""So thick that it shows on both sides of a box drawn over it."""
_LONGEST_SIDE = 4.2
"""Inches: two pictures stand side by side on a page of full width."""
THUMBNAIL_SIDE = 72
MONTAGE_PALETTE = 256
_MONTAGE_COLUMNS = 4
_MONTAGE_CELL = 1.8
_CAPTION_LINE = 0.15
_CAPTION_WIDTH = 26
_MOST_CAPTION_LINES = 5


def draw_thumbnail(image: bytes) -> bytes:
    """Return a picture as a PNG of at most 72 pixels a side; a smaller one is enlarged by whole pixels."""
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(image)) as picture:
        turned = to_eight_bits(ImageOps.exif_transpose(picture))
        small = turned.convert("L" if turned.mode in {"1", "L", "LA"} else "RGB")
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    factor = max(1, THUMBNAIL_SIDE // max(small.size))
    stream = io.BytesIO()
    small.resize((small.width * factor, small.height * factor), Image.Resampling.NEAREST).save(stream, format="PNG")
    return stream.getvalue()


def draw_box_overlay(
    image: bytes,
    given: np.ndarray,
    given_labels: Sequence[str],
    predicted: np.ndarray,
    predicted_labels: Sequence[str],
    *,
    issues: np.ndarray | None = None,
) -> bytes:
    """Draw a picture with its boxes.

    Args:
        image: the encoded picture.
        given: given boxes, shape (n, 4): x1, y1, x2, y2 in pixels.
        given_labels: their classes, drawn above the box.
        predicted: predicted boxes, shape (m, 4).
        predicted_labels: their classes, or class and score, drawn below the box.
        issues: boxes to mark, shape (k, 4); none if absent.

    Returns:
        A PNG with a legend below the picture.
    """
    marked = np.zeros((0, 4)) if issues is None else issues
    figure, axes = _show(decode_image(image))
    for box in marked:
        _draw_box(axes, box, ISSUE, width=ISSUE_WIDTH, style="solid")
    for box, label in zip(given, given_labels, strict=True):
        _draw_box(axes, box, GIVEN, width=1.8, style="solid")
        _write(axes, box[0], box[1], label, GIVEN, above=True)
    for box, label in zip(predicted, predicted_labels, strict=True):
        _draw_box(axes, box, PREDICTED, width=1.8, style="dashed")
        _write(axes, box[0], box[3], label, PREDICTED, above=False)
    _add_legend(figure, dashed="predicted" if len(predicted) else "", has_issue=len(marked) > 0)
    return _to_png(figure)


def draw_mask_overlay(
    image: bytes, given: np.ndarray, suggested: np.ndarray | None = None, *, issue: np.ndarray | None = None
) -> bytes:
    """Draw a picture with the outlines of its class masks; the suggested one shows where it differs from the given one.

    Args:
        image: the encoded picture.
        given: given class mask, 0 = background, shape (height, width).
        suggested: suggested class mask; not drawn if absent.
        issue: bool, shape (height, width): the pixels to mark, which are hatched; none if absent.

    Returns:
        A PNG with a legend below the picture.
    """
    figure, axes = _show(decode_image(image))
    if issue is not None and issue.any():
        marking: dict[str, Any] = {"levels": [0.5, 1.5], "colors": [ISSUE], "alpha": 0.45, "hatches": ["////"]}
        axes.contourf(*_middles_of_pixels(issue), issue.astype(float), **marking)
    if suggested is not None:
        _draw_outlines(axes, suggested, PREDICTED, "dashed")
    _draw_outlines(axes, given, GIVEN, "solid")  # above the other, which is equal to it in most places
    dashed = "" if suggested is None else "suggested"
    _add_legend(figure, dashed=dashed, has_issue=issue is not None and bool(issue.any()))
    return _to_png(figure)


def draw_montage(images: Sequence[bytes], captions: Sequence[str]) -> bytes:
    """Draw pictures side by side, four in a row, each scaled down into a square with its caption below.

    Args:
        images: the encoded pictures, at least one.
        captions: one for each; lines are wrapped, and cut after five.

    Returns:
        A PNG with a palette, which is small enough to be stored beside every result.
    """
    from matplotlib.figure import Figure

    texts = [_wrap(caption) for caption in captions]
    n_columns = min(_MONTAGE_COLUMNS, len(images))
    n_rows = -(-len(images) // n_columns)
    n_lines = max(text.count("\n") + 1 for text in texts)
    height = n_rows * (_MONTAGE_CELL + n_lines * _CAPTION_LINE)
    figure = Figure(figsize=(n_columns * _MONTAGE_CELL, height), dpi=DOTS_PER_INCH, layout="constrained")
    cells = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axes in cells[len(images) :]:
        axes.set_axis_off()
    for axes, image, text in zip(cells, images, texts, strict=False):
        axes.imshow(_shrink(image))
        axes.set(xticks=[], yticks=[], anchor="S")
        axes.spines[:].set_color(RULE)
        axes.set_xlabel(text, fontsize=8, color=INK)
    return to_png(figure, n_colours=MONTAGE_PALETTE)


def _wrap(caption: str) -> str:
    lines = [part for line in caption.splitlines() for part in textwrap.wrap(line, _CAPTION_WIDTH)]
    if len(lines) > _MOST_CAPTION_LINES:
        lines = [*lines[: _MOST_CAPTION_LINES - 1], "…"]
    return "\n".join(lines)


def _shrink(image: bytes) -> np.ndarray:
    """Decode a picture to no more pixels than a cell of the montage shows."""
    from PIL import Image

    picture = Image.fromarray(decode_image(image))
    side = round(_MONTAGE_CELL * DOTS_PER_INCH)
    picture.thumbnail((side, side))
    return np.asarray(picture)


def _show(pixels: np.ndarray) -> tuple[Any, Axes]:
    from matplotlib.figure import Figure

    height, width = pixels.shape[:2]
    scale = _LONGEST_SIDE / max(height, width)
    figure = Figure(figsize=(max(width * scale, 2.4), height * scale), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(pixels, interpolation="nearest", extent=(0, width, height, 0))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    return figure, axes


def _draw_box(axes: Axes, box: np.ndarray, colour: str, *, width: float, style: str) -> None:
    from matplotlib.patches import Rectangle

    corner, sides = (box[0], box[1]), (box[2] - box[0], box[3] - box[1])
    axes.add_patch(Rectangle(corner, *sides, fill=False, edgecolor=HALO, linewidth=width + 1.2, alpha=0.8))
    axes.add_patch(Rectangle(corner, *sides, fill=False, edgecolor=colour, linewidth=width, linestyle=style))


def _write(axes: Axes, x: float, y: float, text: str, colour: str, *, above: bool) -> None:
    axes.text(
        x,
        y,
        text,
        color=INK,
        fontsize=8,
        va="bottom" if above else "top",
        clip_on=True,
        bbox={"facecolor": HALO, "edgecolor": colour, "pad": 1.2, "alpha": 0.85},
    )


def _middles_of_pixels(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where the columns and the rows of a mask lie on the axes."""
    height, width = mask.shape
    return np.arange(width) + 0.5, np.arange(height) + 0.5


def _draw_outlines(axes: Axes, mask: np.ndarray, colour: str, style: str) -> None:
    columns, rows = _middles_of_pixels(mask)
    for code in np.unique(mask[mask > 0]):
        region = (mask == code).astype(float)
        if region.all():
            continue  # a mask that fills the picture has no outline
        axes.contour(columns, rows, region, levels=[0.5], colors=[HALO], linewidths=2.8, alpha=0.8)
        axes.contour(columns, rows, region, levels=[0.5], colors=[colour], linewidths=1.6, linestyles=[style])


def _add_legend(figure: Any, *, dashed: str, has_issue: bool) -> None:
    from matplotlib.lines import Line2D

    entries = [Line2D([], [], color=GIVEN, linewidth=2, label="given")]
    if dashed:
        entries.append(Line2D([], [], color=PREDICTED, linewidth=2, linestyle="dashed", label=dashed))
    if has_issue:
        entries.append(Line2D([], [], color=ISSUE, linewidth=5, label="issue"))
    figure.legend(handles=entries, loc="outside lower center", ncols=len(entries), frameon=False, fontsize=9)


def _to_png(figure: Any) -> bytes:
    """Encode with all colours: a palette as plots have would blur the picture and the colours of the lines."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DOTS_PER_INCH)
    return stream.getvalue()
