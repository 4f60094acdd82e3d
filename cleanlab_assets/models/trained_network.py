"""The weights of a trained network with its card, stored without pickle."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from cleanlab_assets.extras import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

_LONGEST_HEADER = 100_000_000
"""Bytes; the limit of safetensors."""


@dataclass(frozen=True)
class TrainedNetwork:
    """Weights by name, and the card: what the network is, what it was trained on, and how well it does."""

    weights: Mapping[str, np.ndarray]
    card: Mapping[str, Any]

    def content_hash(self) -> str:
        """Hash the card, which states everything that the training depends on."""
        return hashlib.sha256(json.dumps(self.card, sort_keys=True, default=str).encode()).hexdigest()

    def to_bytes(self, provenance: Mapping[str, Any]) -> bytes:
        """Serialize as safetensors: weights, with card and provenance in the file's metadata."""
        require("the file of a trained network", "safetensors")
        from safetensors.numpy import save

        card = json.dumps({**self.card, "provenance": dict(provenance)}, default=str)
        return bytes(save(dict(self.weights), metadata={"card": card}))

    @classmethod
    def from_bytes(cls, content: bytes) -> TrainedNetwork:
        """Read a network that ``to_bytes`` wrote."""
        require("the file of a trained network", "safetensors")
        from safetensors.numpy import load

        header = _read_header(io.BytesIO(content))
        return cls(weights=load(content), card=json.loads(header["__metadata__"]["card"]))

    @staticmethod
    def read_provenance(stream: BinaryIO) -> Any:
        """Read the provenance alone, from the beginning of the file.

        Raises:
            ValueError: the file is cut short or damaged.
            KeyError: it holds no card.
        """
        header = _read_header(stream)
        end = max(entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__")
        begin = stream.tell()
        if stream.seek(0, io.SEEK_END) != begin + end:
            raise ValueError(f"it has {stream.tell():,} bytes, its header says {begin + end:,}")
        return json.loads(header["__metadata__"]["card"])["provenance"]


def _read_header(stream: BinaryIO) -> Any:
    """Read the header of a safetensors file: its length in 8 bytes, then JSON."""
    length = int.from_bytes(stream.read(8), "little")
    if length > _LONGEST_HEADER:
        raise ValueError(f"it states a header of {length:,} bytes, more than the format allows")
    return json.loads(stream.read(length))
