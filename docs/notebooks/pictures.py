# %% [markdown]
# # Pictures: a VAE, and a walk through its latents
#
# A variational autoencoder learns scikit-learn's handwritten digits, 8×8 pixels each, in a few seconds on
# one core: enough to draw from it, to walk between digits, and to ask what it is worth.

# %%
import os
import tempfile

import genkit

os.environ["GENKIT_RUNS_DIR"] = tempfile.mkdtemp()  # new each time, so that this cell can run again
words = ["data=digits", "model=vae_mlp", "model.latent_size=12", "optim=adam", "optim.lr=3e-3"]
words += ["batch_size=64", "budget.steps=1000", "trainer.val_every=250"]
record = genkit.train([*words, "name=digits"])

# %% [markdown]
# One line a validation: the loss of the last batch and its parts, and its scores on images that the model
# never saw.

# %%
model = genkit.load("digits")
model.sample(32, seed=0)

# %% [markdown]
# ## A walk
#
# A VAE draws a latent from a normal distribution and decodes it. On the circle through two latents every
# point is as likely as its ends, so each picture on the way is one that the model could have drawn.

# %%
import math

import torch

ends = torch.randn(8, model.latent_size, generator=torch.Generator().manual_seed(1))
turns = torch.linspace(0, math.pi / 2, 12)[:, None]
with torch.no_grad():
    walks = [model.decode(turns.cos() * ends[i] + turns.sin() * ends[i + 1]) for i in range(0, 8, 2)]
genkit.Samples(torch.cat(walks), model.spec, seed=1).grid(columns=12)

# %% [markdown]
# ## There and back
#
# Real digits above, and what is left of each after twelve numbers have told all of it.

# %%
from sklearn.datasets import load_digits

real = torch.from_numpy(load_digits().images[:12]).float()[:, None] / 16
with torch.no_grad():
    back = model.reconstruct(real)
genkit.Samples(torch.cat([real, back]), model.spec, seed=0).grid(columns=12)

# %% [markdown]
# ## What it is worth
#
# How far the samples are from real digits: the floor is what other real digits reach, the ceiling what a
# draw of every pixel by itself does. Each number has its interval, its unit and its protocol.

# %%
genkit.evaluate("digits", checkpoint="last", metrics=["kid", "precision", "recall"], n=500)

# %% [markdown]
# Pictures of your own: `genkit.train(["model=vae"], data=ARRAY)` with an array of images or a list of
# Pillow's, or [a folder of them](../guides/pictures.md).
