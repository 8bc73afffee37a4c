"""Pieces of messages as Slack delivers them, made from its documentation and from public reports."""

from typing import Any

from bot.slack.seen_text import Seen, seen


def text(said: str, **style: bool) -> dict[str, Any]:
    """A piece of rich text."""
    return {"type": "text", "text": said, **({"style": style} if style else {})}


def section(*elements: Any) -> dict[str, Any]:
    """A line of rich text."""
    return {"type": "rich_text_section", "elements": list(elements)}


def rich(*elements: Any) -> dict[str, Any]:
    """A block of rich text."""
    return {"type": "rich_text", "block_id": "b1", "elements": list(elements)}


TABLE = {
    "type": "table",
    "rows": [
        [{"type": "raw_text", "text": "sku"}, {"type": "raw_text", "text": "count"}],
        [{"type": "raw_text", "text": "WGT-001"}, rich(section(text("2", bold=True)))],
    ],
}


def seen_in(message: Any) -> Seen:
    """What people see of a message of any shape."""
    return seen(message)


BOB = {
    "is_share": True,
    "is_msg_unfurl": True,
    "ts": "1688651267.097029",
    "author_id": "U0BOB",
    "author_name": "Bob",
    "channel_id": "C1",
    "channel_name": "incidents",
    "from_url": "https://acme.slack.com/archives/C1/p1688651267097029",
    "fallback": "[July 6th] Bob: the printer is on fire",
    "text": "the printer is on fire",
    "mrkdwn_in": ["text"],
}
CLIP = {
    "id": "F2",
    "name": "audio_message.m4a",
    "subtype": "slack_audio",
    "mimetype": "audio/mp4",
    "transcription": {"status": "complete", "locale": "en-US", "preview": {"content": "Order two.", "has_more": False}},
}
ALERT = {
    "color": "danger",
    "fallback": "[FIRING] disk full",
    "pretext": "Heads up",
    "author_name": "Grafana",
    "title": "[FIRING] disk full",
    "title_link": "https://grafana.example/d/1",
    "text": "db-1 is at *97 %*",
    "fields": [{"title": "Severity", "value": "high", "short": True}, {"title": "Host", "value": "db-1"}],
    "actions": [{"type": "button", "text": "Silence", "name": "s"}],
    "footer": "Grafana v11",
}
