"""Strided convolutions over a single axis, by their polyphase form: faster on a CPU, the same values.

What a convolution of stride s sees of s neighbouring places can as well stand in s times the channels of one
place (Vaidyanathan 1993, section 4.3), where a kernel of 25 at stride 4 is one of 7 at stride 1.  With the
channels of a place side by side in memory that rearrangement moves nothing, and oneDNN's kernels for such
images of one row take a half to two thirds of the time of those of `Conv1d` (experiments/benchmarks).

Legend: B batch, C channels of the longer sound, T places of the shorter one, F features, s stride.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Decimation(nn.Conv1d):
    """`Conv1d`; (B, C, sT) to (B, F, T) by the faster route."""

    def forward(self, input: Tensor) -> Tensor:
        form = _form(self)
        if form is None or not _faster(input) or input.shape[-1] % form[0]:
            return super().forward(input)
        s, taps, before = form
        B, C, long = input.shape
        rows = input.transpose(1, 2).reshape(B, 1, long // s, s * C).permute(0, 3, 1, 2)
        kernel = _split(self.weight, s, taps, before).permute(0, 3, 1, 2).flatten(1, 2)  # (F, s·C, taps)
        found = F.conv2d(_lying(rows), _lying(kernel[:, :, None]), self.bias, 1, (0, taps // 2))
        return found.squeeze(2)


class Interpolation(nn.ConvTranspose1d):
    """`ConvTranspose1d`; (B, F, T) to (B, C, sT) by the faster route."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        form = _form(self)
        if form is None or not _faster(input):
            return super().forward(input, output_size)
        s, taps, before = form
        B, _, short = input.shape
        kernel = _split(self.weight, s, taps, before).permute(0, 3, 1, 2).flatten(1, 2)  # (F, s·C, taps)
        rows = F.conv_transpose2d(
            _lying(input[:, :, None]), _lying(kernel[:, :, None]), None, 1, (0, taps // 2)
        )
        found = rows.permute(0, 2, 3, 1).reshape(B, short * s, self.out_channels).transpose(1, 2)
        return found if self.bias is None else found + self.bias[:, None]


def _form(layer: nn.Conv1d | nn.ConvTranspose1d) -> tuple[int, int, int] | None:
    """Stride, the taps of the kernel at stride 1, and the zeros before the long one's first entry; None of a
    layer that has no such form of the same length."""
    (kernel,), (s,), padding = layer.kernel_size, layer.stride, layer.padding
    p = padding[0] if isinstance(padding, tuple) else 0
    reach = -(-p // s)  # whole places of the shorter sound that the padding lies in
    taps, before = 2 * reach + 1, reach * s - p
    plain = layer.groups == 1 and layer.dilation == (1,) and layer.padding_mode == "zeros"
    rest = layer.output_padding[0] if isinstance(layer, nn.ConvTranspose1d) else None
    whole = before + kernel <= taps * s and rest in (None, 2 * p + s - kernel)
    # Shorter than the reach to the right: the last tap would be zeros alone.
    return (s, taps, before) if plain and s > 1 and whole and before + kernel > (taps - 1) * s else None


def _faster(x: Tensor) -> bool:
    return x.device.type == "cpu" and not torch.compiler.is_compiling()


def _split(weight: Tensor, s: int, taps: int, before: int) -> Tensor:
    """Kernels (F, C, K) with zeros around, cut into taps of s entries, (F, C, taps, s)."""
    after = taps * s - before - weight.shape[2]
    return F.pad(weight, (before, after)).view(*weight.shape[:2], taps, s)


def _lying(rows: Tensor) -> Tensor:
    """Images of one row with the channels of a place side by side."""
    return rows.contiguous(memory_format=torch.channels_last)
