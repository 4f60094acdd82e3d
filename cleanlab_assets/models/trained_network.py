"""The weights of a trained network with its card, stored without pickle."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np


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
        from safetensors.numpy import save

        card = json.dumps({**self.card, "provenance": dict(provenance)}, default=str)
        return bytes(save(dict(self.weights), metadata={"card": card}))

    @classmethod
    def from_bytes(cls, content: bytes) -> TrainedNetwork:
        """Read a network that ``to_bytes`` wrote."""
        from safetensors.numpy import load

        header_length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + header_length])
        return cls(weights=load(content), card=json.loads(header["__metadata__"]["card"]))
