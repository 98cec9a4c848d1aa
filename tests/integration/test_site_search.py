"""What a person asks is found by the site's own search, in a real browser, among its first hits."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.integration.test_site import site as site

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FIRST = 5  # hits that a person looks at
# What is asked, and the pages that answer it; one of them must be among the first.
QUESTIONS = {
    "set the discriminator's learning rate alone": ("guides/training", "reference/training"),
    "FID against my folder with Inception": ("guides/pictures", "guides/evaluate"),
    "load the weights in plain PyTorch": ("guides/weights",),
    "how do I train on my own pictures": ("guides/pictures",),
    "train on MP4 videos": ("guides/videos",),
    "recordings of several sampling rates": ("guides/sounds", "reference/data/audio_folder"),
    "parquet column of texts": ("guides/texts", "reference/data/text_file"),
    "resume an interrupted run": ("guides/training",),
    "how many seeds do I need": ("explanations/seeds", "guides/compare"),
    "exit code 5": ("reference/exit-codes",),
    "mode collapse": ("guides/findings",),
    "posterior collapse": ("guides/findings", "reference/findings"),
    "kernel distance of features": ("reference/metrics/images",),
    "SLURM": ("guides/hardware",),
    "two GPUs": ("guides/hardware", "reference/training"),
    "mixed precision bf16": ("guides/hardware", "reference/training"),
    "byte pair tokenizer": ("guides/texts", "guides/prompts"),
    "fine-tune Llama with LoRA": ("guides/finetune",),
    "chat template of a tokeniser": ("guides/pairs",),
    "export to transformers": ("guides/weights", "guides/finetune"),
    "guidance": ("reference/families/flow", "guides/prompts"),
    "a metric of my own": ("guides/extend", "guides/python"),
    "my own dataset": ("guides/extend", "guides/pictures"),
    "write a family in a notebook": ("guides/python",),
    "complete the hidden half of an image": ("guides/drawing",),
    "bits per dimension": ("explanations/bounds",),
    "Weights & Biases": ("guides/training",),
    "memory of a batch": ("guides/training",),
    "same sample at another batch size": ("explanations/noise",),
    "is a stranger's run safe": ("reference/run-folder", "explanations/reliability", "families"),
    "copies of training examples": ("guides/findings", "reference/findings"),
    "early stopping": ("guides/training", "reference/training"),
    "where are checkpoints": ("reference/run-folder",),
    "temperature top_k": ("reference/families/gpt", "guides/texts"),
    "equivalence margin": ("guides/compare", "explanations/seeds"),
    "genkit verify": ("reference/commands/verify",),
}


@pytest.fixture(scope="module")
def page(site: Path):
    """The page of search in a browser, and every address that it asked for."""
    play = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("needs a Chromium on this machine")
    with play.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_page()
        opened.asked = []
        opened.on("request", lambda request: opened.asked.append(request.url))
        yield opened
        browser.close()


def found(page, site: Path, question: str) -> list[str]:
    """The pages that the search lists for a question, the first ones."""
    page.goto(f"{(site / 'search.html').as_uri()}?q={quote(question)}")
    page.wait_for_function(
        "document.querySelector('#search-results .search-summary')?.innerText.match(/found|match/)"
    )
    links = page.eval_on_selector_all("#search-results li a", "all => all.map(one => one.href)")
    places = [link.partition("#")[0].partition("?")[0].removeprefix(f"{site.as_uri()}/") for link in links]
    return [*dict.fromkeys(place.removesuffix(".html") for place in places)][:FIRST]


@pytest.mark.slow
def test_thirty_questions_are_answered_by_the_sites_own_search(page, site):
    assert len(QUESTIONS) >= 30
    wrong = {}
    for question, answers in QUESTIONS.items():
        hits = found(page, site, question)
        if not set(hits) & set(answers):
            wrong[question] = hits
    assert wrong == {}
    assert [address for address in page.asked if not address.startswith("file://")] == []
