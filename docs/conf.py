"""How the site is built; `make docs` does it, without a network."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import genkit

project = "genkit"
author = "The genkit authors"
project_copyright = "The genkit authors, Apache-2.0"
version = release = genkit.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "tools.site.marks",
]
exclude_patterns = ["_build", "_static"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
nb_execution_mode = "off"  # a notebook is shown as `make notebooks` ran it, and the suite runs it again
smartquotes = False  # a word of a command stays as it is typed
default_role = "code"
nitpicky = True
# Of others' libraries nothing is known here without a network, and of ours the public names alone are pages.
nitpick_ignore_regex = [("py:.*", ".*")]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
napoleon_use_rtype = False

html_theme = "furo"
html_title = "genkit"
html_static_path = ["_static"]
html_css_files = ["site.css"]
# (The file is read into what a page of search loads.)
html_search_scorer = str(Path(__file__).parent / "_static" / "search_order.js")
html_copy_source = False
html_show_sourcelink = False
pygments_style = "a11y-light"  # (comes with furo; every colour has a contrast of 4.5 to its ground)
pygments_dark_style = "monokai"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
