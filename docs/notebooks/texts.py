# %% [markdown]
# # Texts: a small GPT
#
# A GPT learns Chinese sentences about colours and fruit, character by character, in a few seconds, and goes
# on with a beginning of yours. The sentences are made by a small grammar that comes with genkit, so nothing
# is fetched.

# %%
import os
import tempfile

import genkit

os.environ["GENKIT_RUNS_DIR"] = tempfile.mkdtemp()  # new each time, so that this cell can run again
words = ["model=gpt", "model.n_layer=2", "model.n_head=4", "model.n_embd=64", "model.block_size=32"]
words += ["data=colors", "optim=muon", "batch_size=32", "budget.steps=150", "trainer.val_every=50"]
record = genkit.train([*words, "name=colors"])

# %% [markdown]
# One line a validation: the loss of the last batch, and `val/nll`, what the model scores on sentences that
# it never saw, in nats a character. The words are those of the command line (`genkit train model=gpt …`),
# and the run lies in a folder that other calls know by its name.

# %%
model = genkit.load("colors")
model.sample(3, seed=0, prompt="我喜欢的颜色是")

# %% [markdown]
# Samples show themselves. Sample *i* depends on the seed, on *i* and on the weights alone, so the same
# three sentences come again tomorrow. A higher temperature dares more:

# %%
model.sample(3, seed=0, prompt="我喜欢的颜色是", temperature=1.6)

# %% [markdown]
# ## How sure it was
#
# With `logprobs=True` each character comes with its log-probability. The model is sure of the grammar, and
# open where a sentence is: which colour, like what.

# %%
import matplotlib.pyplot as plt
import numpy as np

(drawn,) = model.sample(1, seed=0, prompt="我喜欢的颜色是", logprobs=True).drawn_tokens
figure, axes = plt.subplots(figsize=(8, 2.2), layout="constrained")
axes.bar(np.arange(len(drawn.ids)), np.exp(drawn.logprobs), color="#4878a8")
axes.set(xlabel="character after the prompt", ylabel="probability", ylim=(0, 1))
plt.show()

# %% [markdown]
# ## What it is worth
#
# `evaluate` measures on the test part, from which nothing was learnt and by which nothing was chosen. Each
# number has its interval, its unit and its protocol.

# %%
genkit.evaluate("colors", checkpoint="last", metrics=["likelihood"])

# %% [markdown]
# A text of your own takes the same path: `genkit.train(["model=gpt_tiny"], data=TEXT)`, where `TEXT` is one
# text or a list of them. [Texts](../guides/texts.md) has files, tokenisers and checkpoints of others.
