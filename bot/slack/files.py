"""Files that people attach, fetched with the bot's token: from Slack's own hosts only, wherever a redirect leads."""

import asyncio
import logging
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from agent.errors import DelayedError, RefusedError, UnclearError
from agent.types import Attachment
from bot.slack.seen_text import transcript
from bot.slack.web_api import called, meaning, trouble

log = logging.getLogger(__name__)

TRIES = 3
FIRST_WAIT_SECONDS = 0.5  # doubled with each try
LISTENING_SECONDS = 20.0  # that Slack is given to listen to a clip, in waits that double
LONGEST_WAIT_SECONDS = 20.0  # that Slack may ask for; people wait for an answer
DOWNLOAD_SECONDS = 60.0
MOST_REDIRECTS = 5
HOSTS = ("slack.com", "slack-gov.com")  # theirs, and every name below
AGAIN = "please attach it again"
NO_RIGHT = "Slack does not let the app have it; most often it lacks the scope files:read, which an admin can give it"


class SlackFiles:
    """The files port on Slack."""

    def __init__(self, client: AsyncWebClient) -> None:
        """Open a client for reading: with the session's own time limits, and without a fence, since reading changes nothing."""
        self._client = client

    async def fetch(self, file: Attachment, most_bytes: int) -> bytes:
        """See `Files.fetch`."""
        for number in range(TRIES):
            try:
                return await self._fetch(file, most_bytes)
            except DelayedError as error:
                wait_seconds = error.seconds
            except UnclearError as error:
                log.warning("file %s: %s", file.id, error)
                wait_seconds = FIRST_WAIT_SECONDS * 2**number
            if wait_seconds > LONGEST_WAIT_SECONDS or number == TRIES - 1:
                break
            await asyncio.sleep(wait_seconds)
        raise RefusedError(f"Slack does not give it at the moment; {AGAIN} later")

    async def _fetch(self, file: Attachment, most_bytes: int) -> bytes:
        """Make one try. Raises RefusedError, DelayedError, UnclearError."""
        found = await self._heard_file(file)
        heard, all_of_it = transcript(found)
        if heard:  # Slack had not listened yet when the clip was sent
            more = "" if all_of_it else " (only its beginning)"
            return f"Voice clip, as Slack heard it{more}: {heard}".encode(errors="replace")
        if is_listened_to(found):
            raise RefusedError(f"it is a clip, and Slack is still listening to it; {AGAIN} in a minute, or write what it says")
        if found.get("is_external") or not (url := found.get("url_private_download")):
            raise RefusedError("it lies outside of Slack, so only its name is known")
        if int(found.get("size") or 0) > most_bytes:
            raise RefusedError(f"it has {int(found['size']):,} bytes, and at most {most_bytes:,} can be read")
        if not is_slacks(str(url), self._client.base_url):
            raise RefusedError("its address is not one of Slack's")
        return await self._download(str(url), most_bytes, html="html" in str(found.get("mimetype")))

    async def _heard_file(self, file: Attachment) -> Any:
        """Return what Slack knows of a file; of a clip, if it can be had in time, once Slack has listened to it."""
        found = await self._known_file(file)
        wait_seconds, left_seconds = FIRST_WAIT_SECONDS, LISTENING_SECONDS
        while is_listened_to(found) and left_seconds > 0:
            await asyncio.sleep(wait_seconds)
            found = await self._known_file(file)
            left_seconds -= wait_seconds
            wait_seconds *= 2
        return found

    async def _known_file(self, file: Attachment) -> Any:
        """Return what Slack knows of a file. One that was just sent may not be there yet: it is asked for once more."""
        try:
            try:
                return (await called(self._client, "files.info", file=file.id))["file"]
            except RefusedError as error:
                if str(error) != "file_not_found":
                    raise
                await asyncio.sleep(FIRST_WAIT_SECONDS)
                return (await called(self._client, "files.info", file=file.id))["file"]
        except RefusedError as error:
            raise RefusedError(_refused(str(error))) from None

    async def _download(self, url: str, most_bytes: int, *, html: bool) -> bytes:
        """Return what is in a file, wherever within Slack it lies."""
        for _ in range(MOST_REDIRECTS + 1):
            got = await self._got(url, most_bytes, html=html)
            if isinstance(got, bytes):
                return got
            url = got
        raise RefusedError(f"Slack led on from one address to the next more than {MOST_REDIRECTS} times")

    async def _got(self, url: str, most_bytes: int, *, html: bool) -> bytes | str:
        """Return what an address of Slack's gives: the content, or the address of Slack's to which it leads."""
        session = self._client.session
        assert session is not None
        headers = {"Authorization": f"Bearer {self._client.token}"}
        limit = aiohttp.ClientTimeout(total=DOWNLOAD_SECONDS)
        try:
            async with session.get(url, headers=headers, allow_redirects=False, timeout=limit) as answer:
                if (wrong := trouble(answer.status, answer.headers)) is not None:
                    raise wrong
                if answer.status in (301, 302, 303, 307, 308):
                    return self._led_to(url, answer.headers.get("Location", ""))
                if answer.content_type == "text/html" and not html:  # the page for people to sign in
                    raise RefusedError(NO_RIGHT)
                if answer.status != 200:
                    raise RefusedError(f"Slack answered with status {answer.status}; {AGAIN}")
                data = bytearray()
                async for chunk in answer.content.iter_chunked(65_536):
                    data += chunk
                    if len(data) > most_bytes:
                        raise RefusedError(f"it has more than the {most_bytes:,} bytes that can be read")
                return bytes(data)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnclearError(f"the download broke off ({type(error).__name__})") from error

    def _led_to(self, url: str, location: str) -> str:
        """Return the address that Slack leads to. Raises RefusedError."""
        try:
            to = urljoin(url, location)
            signs_in = "redir" in parse_qs(urlsplit(to).query)
        except ValueError:  # no address
            to, signs_in = "", False
        if signs_in:  # without the right to read a file Slack leads to a page for people to sign in
            raise RefusedError(NO_RIGHT)
        if not is_slacks(to, self._client.base_url):
            raise RefusedError("Slack leads to an address that is not Slack's")
        return to


def is_listened_to(file: Any) -> bool:
    """Return whether Slack is still about to write down what is said in a clip (docs: File object, `transcription`)."""
    about: Any = file.get("transcription") or {}
    return not transcript(file)[0] and about.get("status") == "processing"


def _refused(error: str) -> str:
    match meaning(error):
        case "not_offered" | "not_offered_here":
            return NO_RIGHT
        case "gone":
            return "it is not there any more, or stands where the bot is no member"
        case _:
            return f"Slack refuses it ({error})"


def is_slacks(url: str, api_url: str) -> bool:
    """Return whether the bot's token may be sent there: over TLS to Slack, or to where the Web API itself is."""
    try:
        parts, own = urlsplit(url), urlsplit(api_url)
        if "@" in parts.netloc or "\\" in url:
            return False
        if (parts.scheme, parts.netloc) == (own.scheme, own.netloc):
            return True
        host = parts.hostname or ""
        return parts.scheme == "https" and parts.port in (None, 443) and host.endswith(tuple(f".{one}" for one in HOSTS))
    except ValueError:  # no port, no address
        return False
