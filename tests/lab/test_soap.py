"""SOAP: what it must share with Adam, and where it must be better."""

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import Tensor

from confcodec.lab.training.soap import Soap


def _minimise(make: Callable[[Tensor], torch.optim.Optimizer], steps: int) -> float:
    """A badly scaled quadratic whose axes lie across the weight's; what is left of it."""
    generator = torch.Generator().manual_seed(3)
    turns = [
        torch.linalg.qr(torch.randn(n, n, generator=generator))[0] for n in (12, 8)
    ]
    curvature = torch.logspace(0, -3, 12)[:, None] * torch.logspace(0, -3, 8)
    weight = torch.zeros(12, 8, 1, 1, requires_grad=True)
    goal = torch.randn(12, 8, generator=generator)
    optimizer, left = make(weight), 0.0
    for _ in range(steps):
        optimizer.zero_grad()
        error = turns[0] @ (weight[:, :, 0, 0] - goal) @ turns[1]
        loss = (curvature * error.square()).sum()
        loss.backward()
        optimizer.step()
        left = float(loss.detach())
    return left


def test_it_gets_further_than_adam_where_coordinates_depend_on_each_other() -> None:
    betas = (0.9, 0.98)
    adam = _minimise(lambda w: torch.optim.Adam([w], 0.02, betas), 300)
    soap = _minimise(lambda w: Soap([w], 0.02, betas), 300)
    assert soap < 0.5 * adam


def test_a_vector_moves_as_with_adam_after_the_first_gradient() -> None:
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(7, generator=generator)
    ours, theirs = start.clone(), start.clone()
    soap = Soap([ours], 0.1, (0.9, 0.98), warmup=1)
    adam = torch.optim.Adam([theirs], 0.1, (0.9, 0.98))
    ours.grad = torch.randn(7, generator=generator)
    soap.step()
    assert torch.equal(ours, start)
    for _ in range(30):
        ours.grad = theirs.grad = torch.randn(7, generator=generator)
        soap.step()
        adam.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "shape", [(6,), (5, 4), (5, 4, 1, 1), (6, 1, 3, 3), (4, 3, 2, 2)]
)
def test_bases_stay_orthogonal_and_saved_moments_go_on(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(2)
    weight = torch.randn(shape, generator=generator)
    gradients = [torch.randn(shape, generator=generator) for _ in range(50)]
    soap = Soap([weight], 0.01, every=3)
    for gradient in gradients[:25]:
        weight.grad = gradient
        soap.step()
    for basis in soap.state[weight]["bases"]:
        torch.testing.assert_close(basis @ basis.T, torch.eye(len(basis)))
    copy = weight.clone()
    resumed = Soap([copy], 0.01, every=3)
    resumed.load_state_dict(deepcopy(soap.state_dict()))
    for gradient in gradients[25:]:
        weight.grad = copy.grad = gradient
        soap.step()
        resumed.step()
    assert torch.equal(weight, copy)
