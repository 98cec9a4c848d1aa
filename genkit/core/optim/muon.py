"""Muon for hidden matrices, AdamW for the rest, as one optimiser.

Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"
(https://kellerjordan.github.io/posts/muon).

Momentum is replaced by the nearest semi-orthogonal matrix before it is applied.  `torch.optim.Muon` does so
one matrix at a time in bfloat16, which CPUs are slow at; here all matrices of one shape are orthogonalised
together, in bfloat16 on a GPU or a CPU with matrix units for it (AMX), and in float32 elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

# Coefficients of the quintic iteration (Jordan et al.): steep at 0, so that small singular values grow
# quickly; they end between about 0.7 and 1.2.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


@lru_cache
def _fast_dtype(device: str) -> torch.dtype:
    """In which matrix products are fast enough and exact enough for an orthogonalisation."""
    narrow = device == "cuda" or (device == "cpu" and torch.cpu._is_amx_tile_supported())
    return torch.bfloat16 if narrow else torch.float32


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """U Vᵀ of the singular value decomposition U S Vᵀ of each matrix, roughly: (N, rows, columns)."""
    a, b, c = NEWTON_SCHULZ
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x.to(_fast_dtype(x.device.type))
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).to(matrices.dtype)


class Muon(torch.optim.AdamW):
    """One optimiser over two kinds of groups: those with `muon=True` hold matrices to orthogonalise.

    Args:
        matrices: 2-D parameters.  A fused projection counts as as many square matrices as are stacked in it.
        others: groups of all other parameters, for AdamW.
        lr, momentum, weight_decay: of the matrices; the update of a (rows, columns) matrix is scaled by
            √max(1, rows / columns).
        adam_lr, betas, eps, fused: of the others.
    """

    def __init__(
        self,
        matrices: Sequence[nn.Parameter],
        others: Sequence[dict[str, object]],
        *,
        lr: float,
        momentum: float,
        weight_decay: float,
        adam_lr: float,
        betas: tuple[float, float],
        eps: float,
        fused: bool,
    ) -> None:
        groups = [
            *({**group, "muon": False, "lr": adam_lr} for group in others),
            {"params": list(matrices), "muon": True, "lr": lr, "weight_decay": weight_decay},
        ]
        super().__init__(groups, lr=lr, betas=betas, eps=eps, fused=fused)
        for group in self.param_groups:
            group["momentum"] = momentum

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        groups = self.param_groups
        try:
            self.param_groups = [group for group in groups if not group["muon"]]
            super().step()
        finally:
            self.param_groups = groups
        for group in groups:
            if group["muon"]:
                self._step_matrices(group)
        return loss

    def _step_matrices(self, group: dict[str, Any]) -> None:
        parameters = [p for p in group["params"] if p.grad is not None]
        gradients = [p.grad for p in parameters]
        momenta = [self._momentum(p) for p in parameters]
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        directions = torch._foreach_lerp(gradients, momenta, group["momentum"])  # Nesterov
        torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        pieces = [piece for p, d in zip(parameters, directions, strict=True) for piece in _squares(p, d)]
        for target, update in _orthogonalised(pieces):
            rows, columns = target.shape
            target.add_(update, alpha=-group["lr"] * math.sqrt(max(1.0, rows / columns)))

    def _momentum(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if not state:  # AdamW expects a counter in every state that it loads
            state.update(step=torch.zeros(()), momentum=torch.zeros_like(parameter))
        momentum: Tensor = state["momentum"]
        return momentum


def _squares(parameter: Tensor, direction: Tensor) -> list[tuple[Tensor, Tensor]]:
    """A fused query-key-value projection (3 D, D) as its three matrices, any other matrix as itself."""
    rows, columns = parameter.shape
    if rows == 3 * columns:
        return list(zip(parameter.split(columns), direction.split(columns), strict=True))
    return [(parameter, direction)]


def _orthogonalised(pieces: list[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
    """Each target with its orthogonalised direction; one batched iteration a shape (or its transpose)."""
    by_shape: dict[tuple[int, ...], list[tuple[Tensor, Tensor]]] = {}
    for target, direction in pieces:
        by_shape.setdefault(tuple(sorted(target.shape)), []).append((target, direction))
    done = []
    for shape, same in by_shape.items():
        wide = torch.stack([d if d.shape == shape else d.mT for _, d in same])
        for (target, _), update in zip(same, orthogonalise(wide), strict=True):
            done.append((target, update if target.shape == shape else update.mT))
    return done
