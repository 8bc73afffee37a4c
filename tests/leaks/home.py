"""The pages of a Home tab that say what is remembered."""

from collections.abc import Iterator, Sequence

from bot.home.home_view import PAGE, HomeContent, home_view
from bot.home.memories import SeenItem


def pages(remembered: Sequence[SeenItem] | None) -> Iterator[str]:
    """Each as it is published, as text."""
    for page in range(1, 2 + len(remembered or ()) // PAGE):
        yield str(home_view(HomeContent(remembered=remembered), {"memory": page}, {}, "https://slack.example/"))
