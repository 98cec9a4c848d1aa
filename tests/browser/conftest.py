"""A real browser for whoever has one, the machine's Chromium driven by Playwright, and a page of runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from genkit import train
from tests.browser.visit import Visit
from tests.integration.conftest import QUICK, TINY
from tests.page_server import served
from tests.spoken import talk, write_tones

SMALL = ["model.latent_size=4", "model.width=2", "model.hidden=16"]
HEARD = 1_024  # samples of a sound that is streamed
TOKENS = ["model.n_layer=1", "model.n_head=2", "model.n_embd=16"]
WAVES = ["data.view=mu_law", "data.levels=16", "data.patch=2", "model.conditional=true"]
MODELS = {
    "digits": [*TINY["vae"], "model.conditional=true"],
    "others": [*TINY["vae"], "seed=1"],
    "texts": TINY["gpt"],
    "sounds": ["model=vae", "data=plucks", *SMALL],
    "videos": ["model=vae", "data=moving_digits", *SMALL],
    "talks": ["model=gpt", *TOKENS, "model.block_size=48"],
    "waves": [*("model=gpt_pixels", *TOKENS, "data=audio_folder", f"data.length={HEARD}"), *WAVES],
}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium; every test opens contexts of its own in it.

    It is closed at the end of a file: while it is open, nothing else in this process can run an event loop.
    """
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    with driver.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """`runs(name, …)`: folders of runs of 2 steps, each made once."""
    folder, made = tmp_path_factory.mktemp("runs"), {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GENKIT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))

        def of(*names):
            for name in names:
                if name not in made:
                    words = [*MODELS[name], *QUICK, "budget.steps=2", f"paths.runs_dir={folder}"]
                    if name == "waves":
                        write_tones(folder / "tones", HEARD)
                        words.append(f"data.path={folder / 'tones'}")
                    data = [talk(i) for i in range(64)] if name == "talks" else None
                    made[name] = Path(train([*words, f"name={name}"], data=data)["run"])
            return [made[name] for name in names]

        yield of


@pytest.fixture(scope="module")
def page(runs, browser):
    """All of the models, served; it needs the extra app."""
    with served(*runs(*MODELS)) as found:
        yield found


@pytest.fixture
def visit(page, browser):
    """`visit(**look)`: a visitor of that page; what it must not do is looked at when it leaves."""
    visits = []

    def come(**look):
        visits.append(Visit(browser, page.address, **look))
        return visits[-1]

    yield come
    for one in visits:
        one.__exit__()
        assert one.faults == []
        assert [url for url in one.asked if not url.startswith((page.address, "data:", "blob:"))] == []
