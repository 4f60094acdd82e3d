"""What estimators on torch share: device, seeds, batches, and the loop that trains."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Item = TypeVar("Item")
_GRADIENT_LIMIT = 5.0
_SHORTEST_CYCLE = 10
_logger = logging.getLogger(__name__)


class NotTrainedError(RuntimeError):
    """A network that was neither trained nor given weights, and is asked for predictions."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast a network is trained: one cycle of the learning rate, with a warm start.

    Source: Smith and Topin, Super-Convergence, 2018 (``torch.optim.lr_scheduler.OneCycleLR``).
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 1e-3


def pick_device() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Make torch draw from a seed inside the block, and leave its generators as they were after it."""
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def iterate_batches(items: Sequence[Item], batch_size: int) -> Iterator[list[Item]]:
    """Yield the items in order, so many at a time."""
    for start in range(0, len(items), batch_size):
        yield list(items[start : start + batch_size])


def train_network(
    network: torch.nn.Module,
    items: Sequence[Item],
    compute_loss: Callable[[torch.nn.Module, list[Item], np.random.Generator], torch.Tensor],
    *,
    schedule: Schedule,
    device: torch.device,
    seed: int,
) -> float:
    """Train a network on shuffled batches, in mixed precision on a GPU; progress is logged after each epoch.

    Args:
        network: network on the device; trained in place.
        items: training examples.
        compute_loss: the loss of a batch, from the network, the batch, and a generator for augmentation.
        schedule: epochs, batch size and learning rate.
        device: where the network lies.
        seed: seed of the shuffling and the augmentation.

    Returns:
        The mean loss of the last epoch.

    Raises:
        FloatingPointError: the loss is not finite; the message says in which epoch.
    """
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay)
    n_batches = -(-len(items) // schedule.batch_size)
    # Of fewer steps a fifth is less than the two that a rise of the rate takes.
    n_steps = max(schedule.epochs * n_batches, _SHORTEST_CYCLE)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, schedule.learning_rate, total_steps=n_steps, pct_start=0.2)
    uses_gpu = device.type == "cuda"
    scaler = torch.amp.GradScaler(enabled=uses_gpu)
    network.train()
    mean_loss = float("nan")
    for epoch in range(schedule.epochs):
        losses = []
        order = rng.permutation(len(items))
        for positions in iterate_batches(order.tolist(), schedule.batch_size):
            with torch.autocast(device.type, enabled=uses_gpu):
                loss = compute_loss(network, [items[position] for position in positions], rng)
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(network.parameters(), _GRADIENT_LIMIT)
            scale = scaler.get_scale()
            scaler.step(optimizer)
            scaler.update()
            if scaler.get_scale() >= scale:  # the step was not skipped for an overflow
                cycle.step()
            losses.append(float(loss.detach()))
        mean_loss = float(np.mean(losses))
        if not np.isfinite(mean_loss):
            raise FloatingPointError(f"the loss of epoch {epoch + 1} is {mean_loss}: lower the learning rate")
        _logger.info("epoch %d of %d: loss %.4f", epoch + 1, schedule.epochs, mean_loss)
    return mean_loss


def export_weights(network: torch.nn.Module) -> dict[str, np.ndarray]:
    """Return the weights of a network by name, as arrays on the CPU."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}


def load_weights(network: torch.nn.Module, weights: dict[str, Any]) -> torch.nn.Module:
    """Load weights that ``export_weights`` gave; every name must be there, and no other.

    Raises:
        RuntimeError: names or shapes are others than those of the network.
    """
    network.load_state_dict({name: torch.as_tensor(values) for name, values in weights.items()})
    return network
