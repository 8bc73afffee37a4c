"""The world of the dialogs."""

from tests.dialog.conftest import world

__all__ = ["world"]
