"""A Slack workspace and a scripted model on this machine, for `signoff demo` and for the tests. Imports nothing of ours."""

from bot.sandbox.slack.faults import Faults
from bot.sandbox.slack.nouns import ApiCall, Channel, Delivery, Message, NeverHappened, Person, SubmitAnswer, View
from bot.sandbox.slack.sandbox import SlackSandbox

__all__ = [
    "ApiCall",
    "Channel",
    "Delivery",
    "Faults",
    "Message",
    "NeverHappened",
    "Person",
    "SlackSandbox",
    "SubmitAnswer",
    "View",
]
