"""Reads in what the pages need while the user looks at the first one: else the first click would wait a second."""

from __future__ import annotations

import importlib
import logging
import threading

from mocap.gui.views.pages import PAGES

# So long after the window is there, ms: by then the library is read.
AFTER_MS = 700
# The review first: it needs most, and is wanted most.
MODULES = ("mocap.gui.views.review.page", "pyqtgraph.opengl", *(page.module for page in PAGES))


def warm_up() -> threading.Thread:
    """Import them in a thread; classes are made by that, and no widget."""
    thread = threading.Thread(target=_import_all, name="warm up", daemon=True)
    thread.start()
    return thread


def _import_all() -> None:
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError as error:  # the page says so, with what to do, once it is wanted
            logging.getLogger(__name__).debug("%s cannot be imported: %s", name, error)
