# %% [markdown]
# # A study: does a VAE need more than two latents?
#
# One training of each, and the better number wins? Another seed may give another winner. A study trains
# every arm with several seeds on one budget, measures each run, and says in a sentence what may be said.

# %%
import genkit
from genkit.families.vae import VAE


class Perceptron(VAE):
    """The built-in VAE as a class, whose trainings run in this process: quicker than a start for each."""


settings = ["model.network=mlp", "model.hidden=256", "optim=adam", "optim.lr=3e-3"]
found = genkit.study(
    name="latents",
    question="Does a VAE draw better digits from twelve latents than from two?",
    common=["data=digits", "trainer=cpu", "trainer.threads=1", "callbacks.progress=none"],
    arms={
        "two": [Perceptron, *settings, "model.latent_size=2"],
        "twelve": [Perceptron, *settings, "model.latent_size=12"],
    },
    seeds=3,
    budget={"steps": 300},
    primary="kid",
    evaluate={"metrics": ["kid", "recall"], "n": 300, "checkpoint": "last"},
)
found.verdict

# %% [markdown]
# Three pairs of runs allow no test to tell anything: the least p that they can have is a quarter. The table
# has the mean of each arm, and its interval over trainings.

# %%
import pandas

pandas.read_csv(found.page.parent / "tables" / "summary.csv", index_col="metric", keep_default_na=False)

# %%
from IPython.display import Image

Image(found.page.parent / "figures" / "intervals.png", width=500)

# %% [markdown]
# `found.page` is a whole report: curves against examples, operations and seconds, samples on the same
# seeds, failures, the protocol, and the methods as a paragraph. `seeds=8` in the same call adds five seeds to
# those that there are. Arms that are words alone (`["model=vae"]`) train in processes of their own.
# [Compare two models properly](../guides/compare.md) has the rest.
