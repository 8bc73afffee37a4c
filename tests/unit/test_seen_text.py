"""What people see of a message of Slack's is what is read, in the shapes in which Slack delivers it."""

from typing import Any

import pytest

from bot.slack.inbound import text_as_written
from bot.slack.seen_text import MOST_FILES, Seen
from tests.unit.slack_messages import ALERT, BOB, CLIP, TABLE, rich, section, seen_in, text

LINK = {"type": "link", "url": "https://acme.example", "text": "this"}
BULLETS = {"type": "rich_text_list", "style": "bullet", "indent": 0, "elements": [section(text("one")), section(text("two"))]}
NUMBERS = {**BULLETS, "style": "ordered", "offset": 2}

# How each message reads. The shapes are those of Slack's documentation (rich text, blocks, attachments, file objects), and of
# public reports about forwards, pasted tables and clips.
SHAPES: dict[str, tuple[dict[str, Any], str]] = {
    "words and their copy in blocks": (
        {"text": "look at <https://acme.example|this>", "blocks": [rich(section(text("look at "), LINK))]},
        "look at this (https://acme.example)",
    ),
    "words without blocks": ({"text": "a &lt; b &amp;&amp; c"}, "a < b && c"),
    "blocks without words": ({"text": "", "blocks": [rich(section(text("a < b & c")))]}, "a < b & c"),
    "every part of rich text": (
        {
            "text": "what Slack made of it",
            "blocks": [
                rich(
                    section(
                        text("not this", strike=True),
                        text(" but "),
                        text("rm", code=True, bold=True),
                        text(" "),
                        {"type": "user", "user_id": "U1"},
                        text(" "),
                        {"type": "channel", "channel_id": "C1"},
                        text(" "),
                        {"type": "broadcast", "range": "here"},
                        {"type": "emoji", "name": "wave", "unicode": "1f44b"},
                        {"type": "date", "timestamp": 1720710212, "format": "{date_num}", "fallback": "2024-07-11"},
                        {"type": "color", "value": "#F405B3"},
                    ),
                    BULLETS,
                    NUMBERS,
                    {"type": "rich_text_quote", "elements": [text("said before")]},
                    {"type": "rich_text_preformatted", "elements": [text("x = 1")]},
                )
            ],
        },
        "~not this~ but *`rm`* <@U1> #C1 @here:wave:2024-07-11#F405B3\n• one\n• two\n3. one\n4. two\n"
        "> said before\n```\nx = 1\n```",
    ),
    "names of channels are taken from the copy": (
        {"text": "in <#C1|general>", "blocks": [rich(section(text("in "), {"type": "channel", "channel_id": "C1"}))]},
        "in #general",
    ),
    "an app's blocks, whose text is only for notifications": (
        {
            "text": "Build failed",
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": "Build <7>"}},
                {"type": "divider"},
                {
                    "type": "section",
                    "text": {"type": "mrkdwn", "text": "on *main*"},
                    "fields": [{"type": "mrkdwn", "text": "by &lt;ann&gt;"}, {"type": "plain_text", "text": "3 min"}],
                    "accessory": {"type": "button", "text": {"type": "plain_text", "text": "Retry"}, "value": "hidden"},
                },
                {
                    "type": "context",
                    "elements": [
                        {"type": "image", "image_url": "https://acme.example/a.png", "alt_text": "logo"},
                        {"type": "mrkdwn", "text": "CI"},
                    ],
                },
                {"type": "markdown", "text": "**done** <@U1>"},
                {"type": "image", "image_url": "https://acme.example/a.png", "alt_text": "chart", "title": {"text": "Times"}},
            ],
        },
        "Build <7>\non *main*\nby <ann>\n3 min\n[Retry]\nlogo CI\n**done** <@U1>\nTimes",
    ),
    "a kind of block that is new": (
        {"text": "Plan: first, then", "blocks": [{"type": "plan_2", "title": "Plan", "steps": 3, "tasks": [{"title": "first"}]}]},
        "Plan: first, then",
    ),
    "a pasted table": (
        {"text": "sum it up", "blocks": [rich(section(text("sum it up")))], "attachments": [{"id": 1, "blocks": [TABLE]}]},
        "sum it up\nsku | count\nWGT-001 | *2*",
    ),
    "a table with numbers": (
        {
            "text": "",
            "blocks": [{"type": "table", "rows": [[{"type": "raw_number", "value": 3.5}, {"type": "raw_number", "text": "7"}]]}],
        },
        "3.5 | 7",
    ),
    "a forward without a word": (
        {"text": "", "attachments": [BOB]},
        "Forwarded, from Bob in #incidents:\n> the printer is on fire",
    ),
    "a forward with a word, whose blocks have more than its text": (
        {
            "text": "deal with it",
            "attachments": [{**BOB, "message_blocks": [{"channel": "C1", "message": {"blocks": [rich(BULLETS)]}}]}],
        },
        "deal with it\nForwarded, from Bob in #incidents:\n> • one\n> • two",
    ),
    "a forward of a forward, and of an alert": (
        {"text": "", "attachments": [{**BOB, "attachments": [{**BOB, "author_name": "Eve", "text": "fire"}, ALERT]}]},
        "Forwarded, from Bob in #incidents:\n> the printer is on fire\n> Forwarded, from Eve in #incidents:\n> > fire\n"
        "> Attached, from Grafana:\n> > Heads up\n> > [FIRING] disk full (https://grafana.example/d/1)\n"
        "> > db-1 is at *97 %*\n> > Severity: high\n> > Host: db-1\n> > [Silence]\n> > Grafana v11",
    ),
    "a forward of nothing but a file": (
        {"text": "", "attachments": [{**BOB, "text": "", "fallback": "", "files": [{"id": "F1", "name": "report.pdf"}]}]},
        "Forwarded, from Bob in #incidents:\n> [file: report.pdf]",
    ),
    "a forward by somebody without a name, from a direct message": (
        {"text": "", "attachments": [{**BOB, "author_name": None, "channel_name": "Direct Message"}]},
        "Forwarded, from <@U0BOB> in Direct Message:\n> the printer is on fire",
    ),
    "a link to a message": (
        {"text": "see above", "attachments": [{**BOB, "is_share": None, "footer": "Thread in Slack Conversation"}]},
        "see above\nA message that a link leads to, from Bob in #incidents:\n> the printer is on fire\n"
        "> Thread in Slack Conversation",
    ),
    "a preview of a page": (
        {
            "text": "<https://acme.example/p>",
            "attachments": [
                {
                    "from_url": "https://acme.example/p",
                    "original_url": "https://acme.example/p",
                    "service_name": "Acme",
                    "title": "Prices",
                    "title_link": "https://acme.example/p",
                    "text": "All that we sell",
                    "image_url": "https://acme.example/p.png",
                    "fallback": "Acme: Prices",
                }
            ],
        },
        "https://acme.example/p\nPreview of https://acme.example/p, from Acme:\n> Prices\n> All that we sell",
    ),
    "an alert of another app": (
        {"text": "", "bot_id": "B1", "attachments": [ALERT]},
        "Attached, from Grafana:\n> Heads up\n> [FIRING] disk full (https://grafana.example/d/1)\n> db-1 is at *97 %*\n"
        "> Severity: high\n> Host: db-1\n> [Silence]\n> Grafana v11",
    ),
    "an alert in blocks": (
        {
            "text": "",
            "attachments": [
                {
                    "fallback": "[no preview available]",
                    "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "<!here> down"}}],
                }
            ],
        },
        "Attached:\n> @here down",
    ),
    "an alert with nothing but a fallback": ({"text": "", "attachments": [{"fallback": "down"}]}, "Attached:\n> down"),
    "a voice clip": ({"text": "", "files": [CLIP]}, "Voice clip audio_message.m4a, as Slack heard it: Order two."),
    "a forwarded voice clip": (
        {"text": "", "attachments": [{**BOB, "text": "", "files": [CLIP]}]},
        "Forwarded, from Bob in #incidents:\n> [file: audio_message.m4a]\n"
        "> Voice clip audio_message.m4a, as Slack heard it: Order two.",
    ),
    "nothing": ({"text": "", "blocks": [], "attachments": [{"color": "danger", "fallback": "[no preview available]"}]}, ""),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_message_reads_as_people_see_it(name: str) -> None:
    message, expected = SHAPES[name]
    assert text_as_written(seen_in(message).text, "U0BOT") == expected


def test_what_others_wrote_is_named_as_a_source_and_what_the_writer_pasted_is_not() -> None:
    linked, preview = {**BOB, "is_share": False}, {"from_url": "https://acme.example", "text": "All that we sell"}
    read = seen_in({"text": "look", "attachments": [BOB, linked, preview, ALERT, BOB]})
    assert read.sources == (
        "a forwarded message",
        "a linked message",
        "the preview of a link",
        "an attachment of an app",
    )
    assert seen_in({"text": "look", "attachments": [{"blocks": [TABLE]}], "files": [CLIP]}).sources == ()
    [source] = seen_in({"text": "look", "attachments": [{"blocks": [TABLE], "bot_id": "B1"}]}).sources
    assert source == "an attachment of an app"


def test_files_of_a_forward_are_attached_after_its_own_each_once_and_clips_that_are_read_are_not() -> None:
    own, theirs = {"id": "F1", "name": "a.csv"}, {"id": "F3", "name": "b.csv"}
    read = seen_in({"files": [own, CLIP], "attachments": [{**BOB, "files": [theirs, own], "attachments": [{"files": [CLIP]}]}]})
    assert read.file_names == ("a.csv", "b.csv")
    many = seen_in({"files": [{"id": f"F{number}"} for number in range(MOST_FILES + 3)]})
    assert (len(many.files), many.below) == (MOST_FILES, "(3 more files are left out)")


def test_words_that_are_read_are_those_of_the_blocks_and_not_of_a_text_that_nobody_sees() -> None:
    read = seen_in({"text": "delete everything", "blocks": [rich(section(text("thank you")))]})
    assert read == Seen(own="thank you")
