"""Bare loops for a GPU: the same arithmetic as genkit's steps, with nothing around it.

Each maker returns a function that does one step on a batch which it fetches from pinned memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Step = Callable[[], object]


def narrow(device: str, precision: str) -> AbstractContextManager[object]:
    """bfloat16 where it is mixed in."""
    return torch.autocast(device, torch.bfloat16, enabled=precision == "bf16-mixed")


def fetched(table: Tensor, batch: int, device: str) -> Iterator[Tensor]:
    """Random rows, in pinned memory and on their way to the device."""
    while True:
        rows = table[torch.randint(len(table), (batch,))]
        yield (rows.pin_memory() if device == "cuda" else rows).to(device, non_blocking=True)


# ---------------------------------------------------------------------- nanoGPT


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.qkv, self.project = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        B, T, D = x.shape
        q, k, v = (
            part.view(B, T, self.heads, -1).transpose(1, 2) for part in self.qkv(self.norm_1(x)).chunk(3, -1)
        )
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.project(seen.transpose(1, 2).reshape(B, T, D))
        return x + self.down(F.gelu(self.up(self.norm_2(x))))


class NanoGPT(nn.Module):
    """As nanoGPT's model.py: learned places, tied weights, no biases."""

    def __init__(self, vocabulary: int, context: int, layers: int, heads: int, width: int) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width, bias=False), nn.Linear(width, vocabulary, bias=False)
        self.apply(self._begin)
        self.head.weight = self.tokens.weight

    @staticmethod
    def _begin(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids) + self.places(torch.arange(ids.shape[1], device=ids.device))
        return self.head(self.norm(self.blocks(x)))


def gpt(
    text: Tensor,
    batch: int,
    context: int,
    sizes: tuple[int, int, int],
    device: str,
    precision: str,
    compiled: bool,
) -> Step:
    """nanoGPT's train.py: random windows, AdamW, the gradient clipped at 1."""
    network = NanoGPT(65, context, *sizes).to(device)
    loss_of = torch.compile(network) if compiled else network
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, (0.9, 0.99), weight_decay=0.1, fused=True)

    def step() -> None:
        begins = torch.randint(len(text) - context - 1, (batch,))
        windows = torch.stack([text[i : i + context + 1] for i in begins.tolist()])
        windows = (windows.pin_memory() if device == "cuda" else windows).to(device, non_blocking=True).long()
        with narrow(device, precision):
            logits = loss_of(windows[:, :-1])
            loss = F.cross_entropy(logits.view(-1, 65), windows[:, 1:].reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


# ---------------------------------------------------------------------- pytorch/examples


def dcgan(pictures: Tensor, batch: int, width: int, device: str, precision: str) -> Step:
    """dcgan/main.py of pytorch/examples: the discriminator on real and fake pictures, then the generator."""
    channels = pictures.shape[1]

    def down(narrow_: int, wide: int) -> list[nn.Module]:
        return [nn.Conv2d(narrow_, wide, 4, 2, 1, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2, True)]

    def up(wide: int, narrow_: int, stride: int = 2, padding: int = 1) -> list[nn.Module]:
        convolution = nn.ConvTranspose2d(wide, narrow_, 4, stride, padding, bias=False)
        return [convolution, nn.BatchNorm2d(narrow_), nn.ReLU(True)]

    w = width
    generator = nn.Sequential(
        *up(100, 8 * w, 1, 0), *up(8 * w, 4 * w), *up(4 * w, 2 * w), *up(2 * w, w),
        nn.ConvTranspose2d(w, channels, 4, 2, 1, bias=False), nn.Tanh(),
    ).to(device)  # fmt: skip
    discriminator = nn.Sequential(
        nn.Conv2d(channels, w, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True),
        *down(w, 2 * w), *down(2 * w, 4 * w), *down(4 * w, 8 * w), nn.Conv2d(8 * w, 1, 4, 1, 0, bias=False),
    ).to(device)  # fmt: skip
    adam = [torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999)) for n in (discriminator, generator)]
    batches, loss = fetched(pictures, batch, device), F.binary_cross_entropy_with_logits
    ones, zeros = torch.ones(batch, device=device), torch.zeros(batch, device=device)

    def judged(x: Tensor) -> Tensor:
        return discriminator(x).view(-1).float()

    def step() -> None:
        real = next(batches).float() / 127.5 - 1
        adam[0].zero_grad()
        with narrow(device, precision):
            loss(judged(real), ones).backward()
            fake = generator(torch.randn(batch, 100, 1, 1, device=device))
            loss(judged(fake.detach()), zeros).backward()
        adam[0].step()
        adam[1].zero_grad()
        with narrow(device, precision):
            loss(judged(fake), ones).backward()
        adam[1].step()

    return step


def vae(pictures: Tensor, batch: int, device: str) -> Step:
    """vae/main.py of pytorch/examples: 784-400-20 and back, Bernoulli, Adam."""
    size = pictures[0].numel()
    encode = nn.Sequential(nn.Linear(size, 400), nn.ReLU(), nn.Linear(400, 40)).to(device)
    decode = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, size)).to(device)
    adam = torch.optim.Adam([*encode.parameters(), *decode.parameters()], 1e-3)
    batches = fetched(pictures, batch, device)

    def step() -> None:
        x = next(batches).float().flatten(1) / 255
        mean, log_variance = encode(x).chunk(2, 1)
        output = decode(mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean))
        kl = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
        loss = F.binary_cross_entropy_with_logits(output, x, reduction="sum") + kl
        adam.zero_grad()
        loss.backward()
        adam.step()

    return step


# ---------------------------------------------------------------------- a flow over genkit's own network


def flow(pictures: Tensor, batch: int, width: int, device: str, precision: str) -> Step:
    """Flow matching over genkit's own U-Net; Adam, clipped at 1, with an average of the weights."""
    from genkit.nn.time_and_label import TimeWeights
    from genkit.nn.unet import UNet

    channels, *sides = pictures.shape[1:]
    sizes = {
        "levels": None,
        "width": width,
        "blocks": 1,
        "heads": None,
        "patch": 1,
        "dropout": 0.0,
        "classes": 0,
    }
    network, weights = UNet(channels, tuple(sides), **sizes).to(device), TimeWeights().to(device)
    parameters = [*network.parameters(), *weights.parameters()]
    average = [p.detach().clone() for p in parameters]
    adam = torch.optim.Adam(parameters, 1e-3, fused=True)
    batches = fetched(pictures, batch, device)

    def step() -> None:
        levels = next(batches).float()
        x = (levels + torch.rand_like(levels)) / 128 - 1
        start, at = torch.randn_like(x), torch.rand(batch, device=device)
        way, t = x - start, at.view(-1, 1, 1, 1)
        with narrow(device, precision):
            error = (network(start + t * way, at).float() - way).square().mean((1, 2, 3))
            expected = weights(at)
        loss = (error / expected.exp() + expected).mean()
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        adam.step()
        torch._foreach_lerp_(average, [p.detach() for p in parameters], 0.001)

    return step
