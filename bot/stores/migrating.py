"""A database is brought to this version, or a sentence says what to mend. Loads what the migrations are written with."""

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

import migrations
from bot.config.refusal import ExitStatus, Refusal
from bot.stores.database import UNUSABLE, unusable

NEWER = "The database belongs to a newer Signoff: run that one, or restore a database of before its update."


def upgrade(database_url: str) -> None:
    """Bring it to the newest schema. Blocks. Raises Refusal."""
    try:
        migrations.upgrade(database_url)
    except (SQLAlchemyError, *UNUSABLE) as error:
        raise unusable(_of_the_driver(error)) from None
    except migrations.NewerError:
        raise Refusal(NEWER) from None


def say_why_not_ours(database_url: str, named: str) -> None:
    """Raise Refusal: why a database is not at this version's schema."""
    try:
        applied = migrations.applied(database_url)
    except (SQLAlchemyError, *UNUSABLE) as error:
        raise unusable(_of_the_driver(error)) from None
    if not applied:
        raise Refusal(f"{named} holds nothing of Signoff: name the one that the bot uses.", status=ExitStatus.FOUND)
    if applied - set(migrations.revisions()):
        raise Refusal(NEWER)
    raise Refusal(f"{named} is at an older schema: run `signoff migrate`, then try again.")


def _of_the_driver(error: Exception) -> Exception:
    """Return what the driver said, in place of what was made of it."""
    return error.orig if isinstance(error, DBAPIError) and isinstance(error.orig, Exception) else error
