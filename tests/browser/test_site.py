"""The site as it is built: no warning, no request to anybody, and answers to what its search is asked."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest

from tests.integration.blocks import DOCS

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
    "write a family in a notebook": ("guides/python", "notebooks/family"),
    "use it in a notebook": ("notebooks/index", "guides/python"),
    "Jupyter": ("notebooks/index",),
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
    "train on a folder of wav files": ("guides/sounds", "reference/data/audio_folder"),
    "change the image size": ("guides/pictures", "reference/data/image_folder"),
    "use a GPU": ("guides/hardware",),
    "learning rate schedule cosine": ("reference/training", "guides/training"),
    "exponential moving average of weights": ("reference/training", "guides/training"),
    "generate 1000 images to a folder": ("guides/drawing", "reference/commands/sample"),
    "stop generation at a newline": (
        "guides/texts",
        "reference/families/gpt",
        "guides/drawing",
        "reference/commands/sample",
    ),
    "how long will training take": ("guides/training", "recipes", "start"),
    "out of memory": ("guides/training", "guides/hardware"),
    "nan loss": ("guides/findings", "reference/findings", "reference/exit-codes"),
    "continue training for more steps": ("guides/training",),
    "compare two runs": ("guides/compare", "reference/commands/compare"),
    "what does KID mean": ("reference/metrics/images", "guides/evaluate"),
    "precision and recall": ("reference/metrics/images", "guides/evaluate"),
    "conditional generation by class": ("guides/drawing", "families", "guides/prompts"),
    "classifier free guidance": ("reference/families/flow", "guides/prompts", "families"),
    "interpolate between two images": (
        "guides/drawing",
        "reference/commands/interpolate",
        "notebooks/pictures",
    ),
    "inpainting": ("guides/drawing", "reference/commands/complete"),
    "super resolution": ("guides/drawing", "reference/commands/upscale"),
    "tensorboard": ("guides/training", "reference/training"),
    "hyperparameter search": ("guides/compare",),
    "sweep over seeds": ("guides/compare", "guides/training", "guides/hardware"),
    "reproducibility same seed": ("explanations/noise", "guides/training", "explanations/seeds"),
    "chinese text": (
        "start",
        "guides/texts",
        "reference/data/tang_poems",
        "reference/data/colors",
        "notebooks/texts",
    ),
    "tokenizer from hugging face": ("guides/texts", "guides/prompts", "guides/finetune"),
    "upload model to the hub": ("guides/sharing", "reference/commands/push"),
    "serve a model in the browser": ("guides/app", "reference/commands/app"),
    "export to safetensors": ("guides/weights", "guides/sharing", "reference/run-folder"),
    "WGAN-GP": ("reference/families/dcgan", "families"),
    "VQ-VAE codes": ("guides/codes", "explanations/codes", "reference/families/codes"),
    "validation split of my data": ("guides/data",),
    "delete old checkpoints": ("guides/training", "reference/training", "reference/run-folder"),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built as `make docs` builds it."""
    pytest.importorskip("furo", reason="needs the extra docs")
    folder = tmp_path_factory.mktemp("site")
    words = ["--fail-on-warning", "--keep-going", "--quiet", "-b", "html", "-d", folder / "doctrees", DOCS]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *words, folder / "html"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


class Links(HTMLParser):
    """The anchors of a page, where its links lead, and what a browser would fetch for it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if said.get("id"):
            self.anchors.add(str(said["id"]))
        if tag == "a" and said.get("href"):
            self.links.append(str(said["href"]))
        self.fetched += [str(said["src"])] if said.get("src") else []
        self.fetched += [str(said["href"])] if tag == "link" and said.get("href") else []


def parsed(site: Path) -> Iterator[tuple[Path, Links]]:
    for file in site.rglob("*.html"):
        yield file, Links(file.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_every_link_leads_to_a_place_of_the_site(site):
    found = dict(parsed(site))
    assert len(found) > 120
    for file, page in found.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or link == "#":
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            assert target.is_file(), f"{file.name}: {link}"
            if parts.fragment and target in found:
                assert unquote(parts.fragment) in found[target].anchors, f"{file.name}: {link}"


@pytest.mark.slow
def test_a_page_asks_nobody_for_anything(site):
    for file, page in parsed(site):
        elsewhere = [place for place in page.fetched if "//" in place and not place.startswith("data:")]
        assert elsewhere == [], file
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?(https?:)?//", style.read_text(encoding="utf-8")), style


@pytest.mark.slow
def test_a_block_that_is_not_run_says_so_on_its_page(site):
    text = (site / "guides" / "hardware.html").read_text(encoding="utf-8")
    assert 'class="not-run"' in text
    assert "Not run by the tests: it needs a cluster." in text


@pytest.fixture
def page(browser, site):
    """A page of search in a browser, and every address that it asked for."""
    with browser.new_context() as context:
        opened = context.new_page()
        opened.asked = []
        opened.on("request", lambda request: opened.asked.append(request.url))
        yield opened


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


CONTRAST = (Path(__file__).parent / "contrast.js").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_of_a_page_stands_out_and_the_keyboard_is_seen(page, site, scheme):
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto((site / "guides" / "evaluate.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.evaluate(CONTRAST) == []
    for _ in range(60):
        page.keyboard.press("Tab")
        tag, outline = page.evaluate(
            "[document.activeElement.tagName, getComputedStyle(document.activeElement).outlineStyle]"
        )
        if tag == "BODY":
            break
        assert outline != "none", tag


@pytest.mark.slow
@pytest.mark.parametrize("name", ["guides/evaluate", "results/041_sound", "recipes"])
def test_on_paper_stands_the_page_alone_and_whole(page, site, name):
    page.set_viewport_size({"width": 718, "height": 1_000})  # of A4 between margins of a centimetre
    page.goto((site / f"{name}.html").as_uri())
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") == 718
    for apart in (".sidebar-drawer", ".toc-drawer", ".copybtn"):
        assert not any(one.is_visible() for one in page.locator(apart).all()), apart
    cut = """() => [...document.querySelectorAll(".content *")].filter((e) => e.checkVisibility())
      .filter((e) => e.getBoundingClientRect().right > 719
        || (getComputedStyle(e).overflowX !== "visible" && e.scrollWidth > e.clientWidth + 1))
      .map((e) => [e.tagName, e.className, e.textContent.slice(0, 30)])"""
    assert page.evaluate(cut) == []
