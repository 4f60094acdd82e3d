from __future__ import annotations

from typing import Any

import numpy as np
import pytest


def make_network(seed: int = 0) -> Any:
    """A network that tells whether a picture of 8 x 8 pixels has vertical stripes."""
    import torch
    from torch import nn

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 1)
        )


def make_stripes(n_pictures: int) -> list[tuple[Any, float]]:
    import torch

    rng = np.random.default_rng(0)
    stripes = np.tile([1.0, -1.0], (8, 4)).astype(np.float32)
    pictures = []
    for number in range(n_pictures):
        is_vertical = number % 2
        drawn = (stripes if is_vertical else stripes.T) + rng.normal(0, 0.3, (8, 8)).astype(np.float32)
        pictures.append((torch.from_numpy(drawn)[None], float(is_vertical)))
    return pictures


def compute_loss(network: Any, batch: list[tuple[Any, float]], rng: np.random.Generator) -> Any:
    import torch

    del rng
    logits = network(torch.stack([picture for picture, _ in batch]))[:, 0].float()
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor([label for _, label in batch]))


def train(network: Any, *, with_kernels: bool, epochs: int = 3) -> float:
    from cleanlab_assets.models.estimators.torch_training import Schedule, pick_device, train_network

    return train_network(
        network.to(pick_device()),
        make_stripes(32),
        compute_loss,
        schedule=Schedule(epochs=epochs, batch_size=4, learning_rate=1e-3, kernel_learning_rate=0.2),
        device=pick_device(),
        seed=0,
        kernels=[network[0]] if with_kernels else [],
    )


def test_kernels_are_trained_as_matrices_and_are_kernels_again_after_it() -> None:
    import torch

    network, before = make_network(), make_network().state_dict()

    loss = train(network, with_kernels=True)

    after = network.state_dict()
    assert after.keys() == before.keys()
    assert after["0.weight"].shape == (8, 1, 3, 3)
    assert all(not torch.equal(after[name], before[name]) for name in before)
    # A step of Muon has about the same length in every direction, so a kernel learns in a few steps.
    assert loss < train(make_network(), with_kernels=False)


def test_the_same_seed_trains_the_same_weights_on_kernels() -> None:
    import torch

    first, second = make_network(), make_network()
    train(first, with_kernels=True)
    train(second, with_kernels=True)
    assert all(torch.equal(values, second.state_dict()[name]) for name, values in first.state_dict().items())


def test_a_loss_that_is_not_finite_is_an_error_that_names_the_epoch_and_frees_the_kernels() -> None:
    network = make_network()
    with pytest.raises(FloatingPointError, match="the loss of epoch 1 is nan: lower the learning rate"):
        train_on_nothing(network)
    assert network.state_dict()["0.weight"].shape == (8, 1, 3, 3)


def train_on_nothing(network: Any) -> None:
    from cleanlab_assets.models.estimators.torch_training import Schedule, pick_device, train_network

    train_network(
        network,
        make_stripes(4),
        lambda network, batch, rng: compute_loss(network, batch, rng) * float("nan"),
        schedule=Schedule(epochs=1, batch_size=4, learning_rate=1e-3),
        device=pick_device(),
        seed=0,
        kernels=[network[0]],
    )
