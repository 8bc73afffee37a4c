"""When a server that was asked too much wants to be asked again."""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return what `retry-after-ms` says, or `retry-after` in seconds or as an HTTP date (RFC 9110, 10.2.3). `headers` must not
    care for capitals."""
    if (milliseconds := headers.get("retry-after-ms")) is not None and milliseconds.isdigit():
        return int(milliseconds) / 1000
    stated = headers.get("retry-after")
    if stated is None:
        return None
    try:
        return max(0.0, float(stated))
    except ValueError:
        pass  # then it is a date
    try:
        return max(0.0, parsedate_to_datetime(stated).timestamp() - time.time())
    except ValueError:
        return None
