"""A headless Chromium: the machine's, else the one that Playwright brought."""

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
NONE_HERE = "No Chromium here: install one, or run `.venv/bin/playwright install chromium`."
# No sandbox: it does not work for root or in most containers, and the only pages are our own.
# No background networking: Chromium would look up its maker's hosts.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


@asynccontextmanager
async def launched(playwright: Playwright) -> AsyncGenerator[Browser]:
    """Hold a browser that runs. Raises LookupError where there is none."""
    path = next(filter(None, map(shutil.which, NAMES)), None) or playwright.chromium.executable_path
    if not shutil.which(path):
        raise LookupError(NONE_HERE)
    chromium = await playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
    try:
        yield chromium
    finally:
        await chromium.close()
