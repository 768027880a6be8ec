"""Sphinx settings. The build reads nothing from the network."""

import spinlab

project = "spinlab"
author = "The spinlab developers"
copyright = author
release = version = spinlab.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"spinlab {release}"
myst_enable_extensions = ["dollarmath", "deflist", "colon_fence"]
myst_heading_anchors = 3

# The `__all__` of a package is its registry, so the reference follows it.
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "groupwise"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True

napoleon_google_docstring = False
napoleon_use_ivar = True  # attributes of dataclasses are listed once
napoleon_use_rtype = False
