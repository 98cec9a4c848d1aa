# %% [markdown]
# # A family of your own, in a cell
#
# A family is a class. What its `__init__` takes after the spec are its knobs, and what it derives from says
# what it reads and what it can do. This one is a mixture of templates (a latent class model): each picture
# comes from one of *K* templates, each pixel of which is white with a probability of its own. Its
# likelihood is exact:
#
# `log p(x) = log Σₖ πₖ Πᵢ pₖᵢ^xᵢ (1 − pₖᵢ)^(1 − xᵢ)`

# %%
import os
import tempfile

import torch
import torch.nn.functional as F

import genkit


class Templates(genkit.GenerativeModule[genkit.ArraySpec], genkit.Likelihood):
    """Pictures of two levels as a mixture of `count` templates.  K templates, B batch, D pixels."""

    units = {"nll": "nats"}

    def __init__(self, spec: genkit.ArraySpec, count: int = 10):
        super().__init__(spec)
        self.pixels = torch.nn.Parameter(torch.randn(count, *spec.shape))  # logits
        self.weights_of = torch.nn.Parameter(torch.zeros(count))  # logits

    def phases(self):
        return (genkit.Phase("likelihood", (self,), self.loss),)

    def loss(self, batch, noise):
        nll = -self.log_likelihood(batch, noise).mean()
        return genkit.LossTerms(nll, {"nll": nll})

    def score_batch(self, batch, noise):
        return {"nll": -self.log_likelihood(batch, noise)}

    def log_likelihood(self, batch, noise, *, importance_samples=1):  # (B,)
        x, logits = batch.data.flatten(1), self.pixels.flatten(1)  # (B, D), (K, D)
        each = x @ F.logsigmoid(logits).T + (1 - x) @ F.logsigmoid(-logits).T  # (B, K)
        return (each + self.weights_of.log_softmax(0)).logsumexp(1)

    def likelihood_kind(self):
        return genkit.LikelihoodKind("exact", of="probability")

    def draw(self, noise, condition, options):
        chances = self.weights_of.softmax(0).cumsum(0)
        chosen = (noise.uniform("template", 1) > chances[:-1]).sum(-1)  # (B,)
        return (noise.uniform("pixels", *self.spec.shape) < self.pixels[chosen].sigmoid()).float()


# %% [markdown]
# ## Trained as any other
#
# The class takes the place of `model=`. Optimisers, validation, checkpoints and the checks of a training's
# health are the same for all.

# %%
os.environ["GENKIT_RUNS_DIR"] = tempfile.mkdtemp()  # new each time, so that this cell can run again
words = ["data=digits", "data.levels=2", "batch_size=64", "optim=adam", "optim.ema=null"]
words += ["trainer.val_every=400", "budget.steps=400"]
mine = genkit.train([*words, "model.count=60", "optim.lr=0.05", "name=templates"], family=Templates)

# %% [markdown]
# Its templates, and what it draws. A run writes down the name of its family, not its code, so loading it
# needs the class.

# %%
model = genkit.load("templates", family=Templates)
genkit.Samples(model.pixels.detach().sigmoid(), model.spec, seed=0).grid(columns=20)

# %%
model.sample(40, seed=0).grid(columns=20)

# %% [markdown]
# ## Beside a built-in one
#
# A VAE on the same examples, for as many steps.

# %%
vae = genkit.train([*words, "model=vae_mlp", "model.latent_size=12", "optim.lr=3e-3", "name=vae"])
genkit.load("vae").sample(40, seed=0).grid(columns=20)

# %%
rows = genkit.evaluate("templates", "last", metrics=["likelihood", "kid"], family=Templates, n=500)
rows + genkit.evaluate("vae", "last", metrics=["likelihood", "kid"], n=500)

# %% [markdown]
# One training of each is one point of each: [the notebook on studies](study.ipynb) has the rest. What else
# a family can declare, and how it becomes a distribution of its own: [With code of your
# own](../guides/extend.md).
