"""Slack itself as tools: read this thread, look up a person, search channels, and post a message elsewhere."""

from agent.tool.definition import Tool
from tools.slack.person import find_person
from tools.slack.port import Channel, MessagePage, Person, Slack, SlackMessage
from tools.slack.post import post_message
from tools.slack.search import search_messages
from tools.slack.thread import read_thread

__all__ = ["Channel", "MessagePage", "Person", "Slack", "SlackMessage", "slack", "slack_channels"]


def slack(port: Slack) -> tuple[Tool, ...]:
    """Return what every agent may have: it shows no more than the asking person sees in the same place."""
    return (read_thread(port), find_person(port))


def slack_channels(port: Slack) -> tuple[Tool, ...]:
    """Return what reaches beyond the thread, into other channels."""
    return (search_messages(port), post_message(port))
