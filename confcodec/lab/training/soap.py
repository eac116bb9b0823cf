"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner (arXiv:2409.11321)."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class Soap(torch.optim.Optimizer):
    """Adam whose moments live where the gradient's coordinates hardly correlate.

    Of a weight's gradient G, an average of G G^T over each dimension is kept; its
    eigenvectors rotate the gradient, Adam takes its step there, and the step is rotated
    back. The eigenvectors follow by one power iteration and a QR decomposition every
    `every` steps. The two sides of a kernel count as one dimension; vectors
    are left to plain Adam. arXiv:2601.20769 has it for learned codecs.

    Args:
        parameters: tensors of up to four dimensions, or groups of them.
        lr: learning rate; Adam's own does.
        betas: decay of the first and of the second moment; the latter's is that of
            the preconditioner, too.
        every: steps between two updates of the eigenvectors.
        warmup: steps over which the learning rate rises, while the moments are young.
    """

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.98),
        eps: float = 1e-8,
        every: int = 10,
        warmup: int = 100,
    ) -> None:
        settings = {"lr": lr, "betas": betas, "eps": eps}
        super().__init__(parameters, {**settings, "every": every, "warmup": warmup})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient; `closure` is not called."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group)

    def _move(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        g = _matrix(gradient)
        if not state:
            # The first gradient only tells the directions; it moves nothing.
            state.update(step=0, exp_avg=torch.zeros_like(g))
            state["exp_avg_sq"] = torch.zeros_like(g)
            state["factors"] = [c.mul_(0.02) for c in _correlations(g)]
            state["bases"] = [torch.linalg.eigh(f)[1].flip(1) for f in state["factors"]]
            return
        state["step"] += 1
        first, second = group["betas"]
        bases = state["bases"]
        rotated = _rotate(g, bases, 0)
        state["exp_avg"].lerp_(g, 1 - first)
        state["exp_avg_sq"].mul_(second).addcmul_(rotated, rotated, value=1 - second)
        bias = (1 - second ** state["step"]) ** 0.5
        scale = state["exp_avg_sq"].sqrt().div_(bias).add_(group["eps"])
        move = _rotate(_rotate(state["exp_avg"], bases, 0).div_(scale), bases, 1)
        rate = group["lr"] * min(1.0, state["step"] / group["warmup"])
        rate /= 1 - first ** state["step"]
        parameter.sub_(move.reshape(parameter.shape), alpha=rate)
        for factor, correlation in zip(state["factors"], _correlations(g), strict=True):
            factor.lerp_(correlation, 1 - second)
        if state["step"] % group["every"] == 0:
            _follow(state)


def _matrix(x: Tensor) -> Tensor:
    """A kernel without its dimensions of one element, its two sides as one."""
    return x.flatten(2).squeeze() if x.ndim == 4 else x


def _correlations(g: Tensor) -> list[Tensor]:
    """G G^T over each dimension of `g`; of a vector, none."""
    if g.ndim < 2:
        return []
    flat = [g.movedim(axis, 0).flatten(1) for axis in range(g.ndim)]
    return [rows @ rows.T for rows in flat]


def _rotate(x: Tensor, bases: list[Tensor], axis: int) -> Tensor:
    """Along every dimension into the basis (`axis` 0) or out of it (1)."""
    for basis in bases:
        x = torch.tensordot(x, basis, dims=([0], [axis]))  # goes to the end
    return x.clone() if not bases else x


def _follow(state: dict[str, Any]) -> None:
    """Turn the bases towards the eigenvectors of today's factors, largest first."""
    for axis, factor in enumerate(state["factors"]):
        basis = state["bases"][axis]
        strength = (basis * (factor @ basis)).sum(0)
        order = strength.argsort(descending=True)
        state["exp_avg_sq"] = state["exp_avg_sq"].index_select(axis, order)
        state["bases"][axis] = torch.linalg.qr(factor @ basis[:, order])[0]
