"""Muon against the singular value decomposition and against torch's own."""

import copy

import pytest
import torch
from torch import nn

from genkit.core.optim.muon import Muon, _fast_dtype, orthogonalise

SETTINGS = {"adam_lr": 1e-2, "betas": (0.9, 0.95), "eps": 1e-8, "fused": True}


@pytest.mark.parametrize("shape", [(4, 16, 16), (3, 8, 32), (2, 32, 8)])
def test_orthogonalised_matrices_have_singular_values_near_one(shape):
    torch.manual_seed(0)
    matrices = torch.randn(shape)
    result = orthogonalise(matrices)
    u, _, vt = torch.linalg.svd(matrices, full_matrices=False)
    singular = torch.linalg.svdvals(result)
    assert float(singular.max()) < 1.3
    assert float(singular.median()) > 0.6
    # The same singular vectors: Uᵀ X V is diagonal.
    rotated = u.mT @ result @ vt.mT
    off = rotated - torch.diag_embed(rotated.diagonal(dim1=-2, dim2=-1))
    assert float(off.abs().max()) < max(1e-3, 4 * torch.finfo(_fast_dtype("cpu")).eps)


@pytest.mark.parametrize("shape", [(16, 16), (32, 8), (8, 32)])
def test_updates_equal_torchs_muon(shape):
    torch.manual_seed(0)
    start, gradients = torch.randn(shape), torch.randn(5, *shape)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    rest = nn.Parameter(torch.zeros(1))
    mine = Muon([ours], [{"params": [rest]}], lr=0.02, momentum=0.95, weight_decay=0.1, **SETTINGS)
    peer = torch.optim.Muon([theirs], lr=0.02, momentum=0.95, weight_decay=0.1, adjust_lr_fn="original")
    for gradient in gradients:
        ours.grad, theirs.grad, rest.grad = gradient.clone(), gradient.clone(), torch.ones(1)
        mine.step()
        peer.step()
    # torch iterates in bfloat16, which has three significant digits
    moved = (theirs.detach() - start).norm()
    assert float((ours.detach() - theirs.detach()).norm() / moved) < 0.03


def test_a_fused_projection_is_three_matrices_and_the_rest_is_adamw():
    torch.manual_seed(0)
    fused, other = nn.Parameter(torch.randn(24, 8)), nn.Parameter(torch.randn(5))
    parts = [nn.Parameter(piece.detach().clone()) for piece in fused.split(8)]
    adam = nn.Parameter(other.detach().clone())
    options = {"lr": 0.02, "momentum": 0.95, "weight_decay": 0.0, **SETTINGS}
    whole = Muon([fused], [{"params": [other], "weight_decay": 0.0}], **options)
    split = Muon(parts, [{"params": [nn.Parameter(torch.zeros(1))], "weight_decay": 0.0}], **options)
    peer = torch.optim.AdamW([adam], lr=1e-2, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    for _ in range(3):
        gradient = torch.randn(24, 8)
        fused.grad = gradient.clone()
        for part, piece in zip(parts, gradient.split(8), strict=True):
            part.grad = piece.clone()
        other.grad = torch.randn(5)
        adam.grad = other.grad.clone()
        for optimizer in (whole, split, peer):
            optimizer.step()
    torch.testing.assert_close(fused, torch.cat([p.detach() for p in parts]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(other, adam)


def test_state_survives_saving():
    torch.manual_seed(0)
    parameters = [[nn.Parameter(torch.ones(4, 4)), nn.Parameter(torch.ones(3))] for _ in range(2)]
    options = {"lr": 0.02, "momentum": 0.95, "weight_decay": 0.0, **SETTINGS}
    first, second = (Muon([m], [{"params": [v], "weight_decay": 0.0}], **options) for m, v in parameters)

    def step(optimizer, pair, seed):
        generator = torch.Generator().manual_seed(seed)
        for parameter in pair:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()

    step(first, parameters[0], 0)
    step(second, parameters[1], 7)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for a, b in zip(*parameters, strict=True):
        b.data.copy_(a.data)
    for optimizer, pair in zip((first, second), parameters, strict=True):
        step(optimizer, pair, 1)
    for a, b in zip(*parameters, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
