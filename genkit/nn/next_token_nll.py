"""What a transformer's predictions of the next tokens cost, also where its vocabulary is large.

Legend: B batch, T tokens, N tokens at once, D width, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.dense_layer import times
from genkit.nn.precision import widened
from genkit.nn.transformer import Transformer

OUTSIDE = -1  # a target that is not to be predicted
# From so many tokens on, logits are made of some places at a time: of all they would take the most memory of
# a step, and would be read and written several times.
LARGE, AT_ONCE = 8_192, 256


def next_token_nll(
    network: Transformer,
    inputs: Tensor,
    targets: Tensor,
    reduction: str,
    *,
    first: int = 0,
    segments: Tensor | None = None,
) -> Tensor:
    """-log p of targets (B, T - first) given inputs (B, T), in nats.

    Args:
        targets: below 0 where nothing is to be predicted.
        reduction: "none": each, (B, T - first), 0 outside; "mean" or "sum": over those to be predicted.
        first: the place from which on targets are.
        segments: as `Transformer.features` takes them.
    """
    if not _in_parts(network, inputs, reduction):
        logits = widened(network(inputs, first=first, segments=segments))
        nll = F.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=OUTSIDE, reduction=reduction
        )
        return nll.view_as(targets) if reduction == "none" else nll
    features = network.features(inputs, segments=segments)[:, first:].flatten(0, 1)
    weight, wanted = network.head.weight, targets.flatten()
    if reduction == "none":
        parts = zip(features.split(AT_ONCE), wanted.split(AT_ONCE), strict=True)
        each = [
            F.cross_entropy(F.linear(x, weight), y, ignore_index=OUTSIDE, reduction="none") for x, y in parts
        ]
        return torch.cat(each).view_as(targets)
    within = wanted >= 0
    counted = within.sum()
    if wanted.device.type == "cpu" and counted < len(wanted):  # elsewhere it would be waited for
        features, wanted = features[within], wanted[within]
    total: Tensor = _SummedNLL.apply(features, weight, wanted)
    return total / counted if reduction == "mean" else total


def _in_parts(network: Transformer, inputs: Tensor, reduction: str) -> bool:
    """Whether the network is so large, and as plain as it must be: neither compiled, sharded nor rounded."""
    head = network.head
    return (
        network.config.logits >= LARGE
        and type(head) is nn.Linear
        and type(head.weight.data) is Tensor
        and head.weight.dtype == torch.float32
        and (reduction != "none" or not torch.is_grad_enabled())
        and not torch.is_autocast_enabled(inputs.device.type)
        and not torch.compiler.is_compiling()
        and getattr(network, "_compiled_call_impl", None) is None
    )


class _SummedNLL(torch.autograd.Function):
    """The sum of -log softmax(x W^T)[target] over features (N, D), by W (V, D) and targets (N,).

    Its gradients are made beside it, while the logits of some places are at hand: by the logits they are
    softmax - one-hot.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        wanted_x, wanted_w = ctx.needs_input_grad[:2]
        by_x = torch.empty_like(features) if wanted_x else None
        by_w = torch.zeros_like(weight) if wanted_w else None
        total = features.new_zeros(())
        for begin in range(0, len(features), AT_ONCE):
            part = slice(begin, begin + AT_ONCE)
            x, within = features[part], targets[part, None] >= 0
            target = targets[part, None].clamp(min=0)
            logits = times(x, weight)
            picked = logits.gather(1, target)
            highest = logits.amax(1, keepdim=True)
            chances = logits.sub_(highest).exp_()
            summed = chances.sum(1, keepdim=True)
            total += ((summed.log() + highest - picked) * within).sum()
            if by_x is None and by_w is None:
                continue
            by_logits = chances.mul_(within / summed)
            by_logits.scatter_add_(1, target, -within.to(x.dtype))
            if by_x is not None:
                by_x[part] = times(by_logits, weight.T)
            if by_w is not None:
                by_w.addmm_(by_logits.T, x)
        ctx.save_for_backward(by_x, by_w)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        by_x, by_w = (
            ctx.saved_tensors
        )  # each once: torch refuses a second backward pass over what has changed
        return (
            None if by_x is None else by_x.mul_(gradient),
            None if by_w is None else by_w.mul_(gradient),
            None,
        )
