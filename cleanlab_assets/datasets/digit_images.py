"""Digit images: the handwritten digits that ship with scikit-learn, as pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from cleanlab_assets.datasets import digits
from cleanlab_assets.datasets.dataset import Column
from cleanlab_assets.datasets.images import encode_png

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

PICTURE = "picture"
MOST_INK = 16


def load_digit_images(files: Mapping[str, Path]) -> pd.DataFrame:
    """Draw each row of the digits as a grey picture of 8 x 8 pixels, white on black."""
    table = digits.load_digits(files)
    ink = table[list(digits.PIXELS)].to_numpy(dtype=np.float64).reshape(-1, digits.SIDE, digits.SIDE)
    grey = np.round(ink * 255 / MOST_INK).astype(np.uint8)
    pictures = table[["row_id"]].assign(**{PICTURE: [encode_png(pixels) for pixels in grey]})
    return pictures.assign(**{digits.LABEL: table[digits.LABEL]})


DATASET = replace(
    digits.DATASET,
    name="digit_images",
    title="Handwritten digits as pictures",
    description="Read the digit in a grey picture of 8x8 pixels: the rows of digits, drawn.",
    load=load_digit_images,
    columns=(
        Column(name=PICTURE, kind="picture", description="The digit as a PNG."),
        Column(name=digits.LABEL, kind="categorical", is_feature=False, description="The digit that was written."),
    ),
)
