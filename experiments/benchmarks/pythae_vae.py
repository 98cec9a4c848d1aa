"""The VAE of `vae_epochs.py` by pythae: `python pythae_vae.py DATA_DIR EPOCHS OUT`.

pythae asks for old versions of what it uses; so
`pip install --no-deps pythae` in an environment with torch serves.
"""

from __future__ import annotations

import sys

import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import Tensor, nn
from torchvision.datasets import MNIST

HIDDEN, LATENT = 400, 20


class Encoder(BaseEncoder):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(784, HIDDEN), nn.ReLU())
        self.mean, self.log_variance = nn.Linear(HIDDEN, LATENT), nn.Linear(HIDDEN, LATENT)

    def forward(self, x: Tensor) -> ModelOutput:
        hidden = self.hidden(x.flatten(1))
        return ModelOutput(embedding=self.mean(hidden), log_covariance=self.log_variance(hidden))


class Decoder(BaseDecoder):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 784), nn.Sigmoid()
        )

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.layers(z).view(-1, 1, 28, 28))


def main(data_dir: str, epochs: str, out: str) -> None:
    train, test = (MNIST(data_dir, part).data[:, None].float() / 255 for part in (True, False))
    model = VAE(
        VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT, reconstruction_loss="bce"), Encoder(), Decoder()
    )
    settings = BaseTrainerConfig(
        output_dir=out,
        num_epochs=int(epochs),
        learning_rate=1e-3,
        per_device_train_batch_size=128,
        per_device_eval_batch_size=128,
        no_cuda=True,
    )
    sets = [BaseDataset(part, torch.zeros(len(part))) for part in (train, test)]
    trainer = BaseTrainer(model, *sets, training_config=settings)
    trainer.train()
    model.eval()
    with torch.no_grad():
        losses = [float(model({"data": part}).loss) * len(part) for part in test.split(128)]
    print(f"test {sum(losses) / len(test):.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
