"""What can be wrong with the choice of an encoder."""

from __future__ import annotations

from cleanlab_assets.datasets.errors import UnreadableInputError


class UnknownEncoderError(UnreadableInputError):
    """An encoder that there is not."""
