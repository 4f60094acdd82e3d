"""What estimators on torch share: device, seeds, batches, and the loop that trains."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import nn
from torch.nn.utils import parametrize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Item = TypeVar("Item")
Network = TypeVar("Network", bound=nn.Module)
_GRADIENT_LIMIT = 5.0
_SHORTEST_CYCLE = 10
_logger = logging.getLogger(__name__)


class NotTrainedError(RuntimeError):
    """A network that was neither trained nor given weights, and is asked for predictions."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast a network is trained: one cycle of the learning rates, with a warm start.

    Source: Smith and Topin, Super-Convergence, 2018 (``torch.optim.lr_scheduler.OneCycleLR``).

    Attributes:
        epochs: passes over the training examples.
        batch_size: examples at a time.
        learning_rate: highest rate of AdamW.
        weight_decay: of AdamW.
        kernel_learning_rate: highest rate of Muon, for the kernels that it trains.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 1e-3
    kernel_learning_rate: float = 0.05


def pick_device() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def mixed_precision(device: torch.device) -> torch.autocast:
    """Return the context in which a network is trained: half precision on a GPU, bfloat16 on a CPU that multiplies it.

    A CPU without such instructions would take longer than with floats of 32 bits, which it uses instead.
    """
    if device.type == "cuda":
        return torch.autocast("cuda")
    is_native = bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_native)


@contextmanager
def predicting(device: torch.device) -> Iterator[None]:
    """Predict inside the block: without gradients, and in half precision on a GPU."""
    with torch.inference_mode(), torch.autocast(device.type, enabled=device.type == "cuda"):
        yield


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Make torch draw from a seed inside the block, and leave its generators as they were after it."""
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def convolve(channels: int, out_channels: int, *, stride: int = 1) -> nn.Sequential:
    """Return a convolution of 3 x 3 pixels with batch normalization and rectifier: the brick of the small networks."""
    return nn.Sequential(
        nn.Conv2d(channels, out_channels, 3, stride, 1, bias=False), nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)
    )


def iterate_batches(items: Sequence[Item], batch_size: int) -> Iterator[list[Item]]:
    """Yield the items in order, so many at a time."""
    for start in range(0, len(items), batch_size):
        yield list(items[start : start + batch_size])


def train_network(
    network: Network,
    items: Sequence[Item],
    compute_loss: Callable[[Network, list[Item], np.random.Generator], torch.Tensor],
    *,
    schedule: Schedule,
    device: torch.device,
    seed: int,
    kernels: Sequence[nn.Conv2d] = (),
) -> float:
    """Train a network on shuffled batches, in mixed precision; progress is logged after each epoch.

    Args:
        network: network on the device; trained in place.
        items: training examples.
        compute_loss: the loss of a batch, from the network, the batch, and a generator for augmentation.
        schedule: epochs, batch size and learning rates.
        device: where the network lies.
        seed: seed of the shuffling and the augmentation.
        kernels: convolutions inside the network, none that gives its output, whose kernels are trained as matrices by
            Muon, which learns far more from few steps than AdamW does (Jordan et al., Muon, 2024;
            ``torch.optim.Muon``). All other weights are trained by AdamW.

    Returns:
        The mean loss of the last epoch.

    Raises:
        FloatingPointError: the loss is not finite; the message says in which epoch.
    """
    rng = np.random.default_rng(seed)
    n_batches = -(-len(items) // schedule.batch_size)
    # Of fewer steps a fifth is less than the two that a rise of the rate takes.
    n_steps = max(schedule.epochs * n_batches, _SHORTEST_CYCLE)
    # Only half precision needs its losses scaled.
    scaler = torch.amp.GradScaler(enabled=device.type == "cuda")
    network.train()
    mean_loss = float("nan")
    with _kernels_as_matrices(kernels) as matrices:
        optimizers = _build_optimizers(network, matrices, schedule)
        cycles = [
            torch.optim.lr_scheduler.OneCycleLR(
                optimizer, optimizer.defaults["lr"], total_steps=n_steps, pct_start=0.2, cycle_momentum=False
            )
            for optimizer in optimizers
        ]
        for epoch in range(schedule.epochs):
            losses = []
            order = rng.permutation(len(items))
            for positions in iterate_batches(order.tolist(), schedule.batch_size):
                with mixed_precision(device):
                    loss = compute_loss(network, [items[position] for position in positions], rng)
                network.zero_grad(set_to_none=True)
                scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
                for optimizer in optimizers:
                    scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(network.parameters(), _GRADIENT_LIMIT)
                scale = scaler.get_scale()
                for optimizer in optimizers:
                    scaler.step(optimizer)
                scaler.update()
                if scaler.get_scale() >= scale:  # the step was not skipped for an overflow
                    for cycle in cycles:
                        cycle.step()
                losses.append(float(loss.detach()))
            mean_loss = float(np.mean(losses))
            if not np.isfinite(mean_loss):
                raise FloatingPointError(f"the loss of epoch {epoch + 1} is {mean_loss}: lower the learning rate")
            _logger.info("epoch %d of %d: loss %.4f", epoch + 1, schedule.epochs, mean_loss)
    return mean_loss


class _AsMatrix(nn.Module):
    """Keeps a kernel of shape (out, in, height, width) as a matrix of shape (out, in * height * width)."""

    def __init__(self, shape: torch.Size) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, matrix: torch.Tensor) -> torch.Tensor:
        return matrix.view(self.shape)

    def right_inverse(self, kernel: torch.Tensor) -> torch.Tensor:
        return kernel.flatten(1)


@contextmanager
def _kernels_as_matrices(kernels: Sequence[nn.Conv2d]) -> Iterator[list[torch.Tensor]]:
    """Give the kernels as matrices inside the block, as Muon takes them; they are kernels again after it."""
    for kernel in kernels:
        parametrize.register_parametrization(kernel, "weight", _AsMatrix(kernel.weight.shape))
    try:
        yield [kernel.parametrizations["weight"].original for kernel in kernels]  # type: ignore[index, union-attr]
    finally:
        for kernel in kernels:
            parametrize.remove_parametrizations(kernel, "weight")


def _build_optimizers(
    network: nn.Module, matrices: Sequence[torch.Tensor], schedule: Schedule
) -> list[torch.optim.Optimizer]:
    of_muon = {id(matrix) for matrix in matrices}
    others = [values for values in network.parameters() if id(values) not in of_muon]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(others, lr=schedule.learning_rate, weight_decay=schedule.weight_decay, fused=True)
    ]
    if matrices:
        # Fewer momentum and iterations than the defaults, which are made for runs a hundred times as long.
        optimizers.append(
            torch.optim.Muon(
                list(matrices), lr=schedule.kernel_learning_rate, weight_decay=0.0, momentum=0.9, ns_steps=3
            )
        )
    return optimizers


def export_weights(network: nn.Module) -> dict[str, np.ndarray]:
    """Return the weights of a network by name, as arrays on the CPU."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}


def load_weights(network: Network, weights: dict[str, Any]) -> Network:
    """Load weights that ``export_weights`` gave; every name must be there, and no other.

    Raises:
        RuntimeError: names or shapes are others than those of the network.
    """
    network.load_state_dict({name: torch.as_tensor(values) for name, values in weights.items()})
    return network


class NetworkEstimator(BaseEstimator):  # type: ignore[misc]
    """An estimator on annotated images: ``fit`` leaves the weights of a network that ``predict`` builds anew."""

    weights_: dict[str, np.ndarray]
    class_names_: tuple[str, ...]

    def _build(self) -> Any:
        """Return the network for ``class_names_`` with untrained weights, which those of the fit replace."""
        raise NotImplementedError

    def _wrap(self, network: nn.Module) -> nn.Module:
        """Return what sees the pictures: the network itself, or one around it."""
        return network

    def _restore(self, absence: str) -> Any:
        """Return the network with the weights of the fit, ready to predict.

        Raises:
            NotTrainedError: there are none; the message begins with ``absence``.
        """
        if not hasattr(self, "weights_"):
            raise NotTrainedError(f"{absence}: call fit first")
        return self._wrap(load_weights(self._build(), self.weights_)).to(pick_device()).eval()


@dataclass(kw_only=True, eq=False, repr=False)
class TrainedEstimator(NetworkEstimator):
    """An estimator that trains its network.

    Args:
        epochs: passes over the training images.
        batch_size: images at a time.
        learning_rate: highest rate of the cycle of AdamW, which trains all but the kernels that Muon trains.
        random_state: seed of all that is drawn: weights, order and augmentation.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    random_state: int = 0

    def _train(
        self,
        network: nn.Module,
        items: Sequence[Any],
        compute_loss: Callable[[Any, list[Any], np.random.Generator], torch.Tensor],
        *,
        kernels: Sequence[nn.Conv2d] = (),
        **rates: float,
    ) -> None:
        """Train a network, see ``train_network``, and keep its last loss as ``loss_``."""
        device = pick_device()
        self.loss_ = train_network(
            self._wrap(network).to(device),
            items,
            compute_loss,
            schedule=Schedule(
                epochs=self.epochs, batch_size=self.batch_size, learning_rate=self.learning_rate, **rates
            ),
            device=device,
            seed=self.random_state,
            kernels=kernels,
        )
