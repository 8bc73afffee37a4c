"""`signoff report --html FILE`: the report as one page, for a browser on any machine."""

import asyncio
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from agent.masking import patterns_masker
from agent.reports.period.read import Period, period
from bot.cards.harmless_text import cut, visible
from bot.commands.report import refuse_nothing
from bot.config.file import load_config
from bot.config.refusal import Refusal
from bot.config.settings import Settings
from bot.stores.database import connected

NAME_CHARACTERS = 120


def write_page(settings: Settings, since: datetime, file: Path) -> None:
    """Write the report of what happened since then (UTC) into a file, which is replaced. Raises Refusal."""
    if find_spec("plotly") is None:
        raise Refusal("The charts of the page need plotly: run `pip install 'signoff[report]'`, or leave out --html.")
    from bot.report.page import page
    from bot.report.sections import heading, sections

    mask = patterns_masker(load_config(settings.signoff_config).masking.wanted())
    found = asyncio.run(_query_period(settings, since))
    try:
        file.write_text(
            page(heading(found), sections(found, lambda words: cut(visible(mask(words)), NAME_CHARACTERS))), encoding="utf-8"
        )
    except OSError as error:
        raise Refusal(f"{file} cannot be written ({error.strerror}): name a file in a folder that you may write to.") from None


async def _query_period(settings: Settings, since: datetime) -> Period:
    async with connected(settings) as connection:
        await refuse_nothing(connection)
        return await period(connection, since, datetime.now(UTC))
