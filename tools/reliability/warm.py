"""Imported by the fork server: all that a training imports on its way; nothing computes with torch here."""

import joblib  # noqa: F401
import pandas  # noqa: F401
import sklearn.datasets

from genkit import config
from genkit.families import FAMILIES
from genkit.report import figures  # noqa: F401
from tools.reliability import children, tiny  # noqa: F401

sklearn.datasets.load_digits()
for family, words in tiny.MODELS.items():
    config.compose("train", words)
    FAMILIES.load(family)
