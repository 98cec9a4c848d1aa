"""Which noise goes with which example: pairs whose paths hardly cross (Pooladian et al. 2023; Tong et al.
2024).

Legend: B rows, N numbers of each, G rows of a group.
"""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def matched(noise: Tensor, data: Tensor, group: int) -> Tensor:
    """Rows of noise in an order in which those of each group of G consecutive rows are as near to the data of
    their group as any order makes them, by the sum of squared distances: optimal transport between the two.

    Args:
        noise, data: (B, …); B is a multiple of G.
    """
    rows, places = (part.detach().flatten(1).unflatten(0, (-1, group)) for part in (data, noise))
    far = torch.cdist(rows, places)  # (B / G, G, G)
    costs = far.square().double().cpu().numpy()
    order = torch.cat(
        [
            torch.from_numpy(linear_sum_assignment(cost)[1]) + number * group
            for number, cost in enumerate(costs)
        ]
    )
    return noise[order.to(noise.device)]
