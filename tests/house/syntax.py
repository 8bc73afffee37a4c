"""Syntax trees of our files: many tests look at them, none changes them, and to parse all of them takes seconds."""

import ast
import gc
from functools import cache
from pathlib import Path


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file, by its whole path.

    A tree is thousands of objects, none of them garbage: to look for some meanwhile would take twice as long as to parse.
    """
    looked_for = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(path.read_text())
    finally:
        if looked_for:
            gc.enable()
