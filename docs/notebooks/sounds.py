# %% [markdown]
# # Sounds: plucked strings by their pitch
#
# Half a second of a plucked string, computed on the spot, at one of five pitches. A VAE learns their
# log-mel pictures and draws the pitch that it is asked for; what it draws is turned into a sound again.

# %%
import os
import tempfile

import genkit

os.environ["GENKIT_RUNS_DIR"] = tempfile.mkdtemp()  # new each time, so that this cell can run again
words = ["data=plucks", "data.view=mel", "data.bands=64", "data.hop=256", "data.pitches=5"]
words += ["data.examples=800", "model=vae", "model.conditional=true", "model.likelihood=categorical"]
words += ["model.beta=0.5", "model.latent_size=8", "model.width=8", "model.hidden=128", "optim=adam"]
words += ["optim.lr=3e-3", "batch_size=16", "budget.steps=240", "trainer.val_every=120"]
record = genkit.train([*words, "callbacks.metrics.n=0", "name=strings"])

# %% [markdown]
# ## Listen
#
# Sounds show themselves as players over their spectrograms: time runs to the right, pitch upwards.

# %%
model = genkit.load("strings")
model.sample(1, seed=0, label=["A3", "B3", "Db4"])

# %% [markdown]
# One alone is a clip, which is saved as a `.wav`:

# %%
clip = model.sample(1, seed=1, label="C4")[0]
clip.save("c4.wav")
clip

# %% [markdown]
# ## Is it the note that was asked for?
#
# The fundamental of each sample is measured by an algorithm that knows nothing of the model. `in_tune` is
# the share within half a semitone of what was asked for.

# %%
genkit.evaluate("strings", checkpoint="last", metrics=["sounds"], n=100)

# %% [markdown]
# Recordings of your own: [Sounds](../guides/sounds.md).
