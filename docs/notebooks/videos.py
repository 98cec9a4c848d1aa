# %% [markdown]
# # Moving pictures: a digit that bounces
#
# Eight frames of 16×16 pixels, in which one of scikit-learn's digits moves and bounces at the walls. A VAE
# with a network for what moves makes one picture and a path: what it looks like and where it goes are
# latents apart.

# %%
import os
import tempfile

import genkit

os.environ["GENKIT_RUNS_DIR"] = tempfile.mkdtemp()  # new each time, so that this cell can run again
words = ["data=moving_digits", "data.levels=2", "data.examples=1000", "model=vae", "model.network=moving"]
words += ["model.conditional=true", "model.latent_size=19", "model.width=8", "model.hidden=256"]
words += ["model.blurred=200", "model.beta_warmup=100", "optim=adam", "optim.lr=3e-3", "optim.clip=50"]
words += ["optim.schedule=cosine", "batch_size=32", "budget.steps=500", "trainer.val_every=250"]
record = genkit.train([*words, "callbacks.metrics.n=0", "name=moving"])

# %% [markdown]
# ## Frame by frame
#
# A row a clip, the digit that was asked for before it.

# %%
model = genkit.load("moving")
samples = model.sample(1, seed=0, label=[0, 2, 4, 6])
samples.grid()

# %% [markdown]
# ## Moving
#
# Samples show themselves moving, all in one grid.

# %%
model.sample(12, seed=1)

# %% [markdown]
# One alone is a clip, and is saved as `.gif`, `.webp` or `.mp4`:

# %%
clip = samples[0]
clip.save("zero.gif")
clip

# %% [markdown]
# Sharp digits on straight paths take some thousand steps more (`genkit train experiment=moving_digits_vae`,
# two minutes of a core). Films of your own: [Videos](../guides/videos.md).
