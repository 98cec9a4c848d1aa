"""The pages of the site that are made from the declarations: what the code says, no table of it kept by hand.

`pages()` has them all as Markdown by their places below `docs/`; `docs/conf.py` writes them before a build.
"""
