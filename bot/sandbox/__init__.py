"""A Slack workspace and a scripted model on this machine, for `signoff demo` and for the tests.

Enter at `SlackSandbox` and `model.ScriptedModel`. Imports nothing of ours, so that it is a second opinion on what Slack and the
model accept; only `demo`, which starts both with a bot beside them, imports the rest.
"""

from bot.sandbox.slack.faults import Faults
from bot.sandbox.slack.sandbox import SlackSandbox
from bot.sandbox.slack.types import ApiCall, Channel, Delivery, Message, NeverHappened, Person, SubmitAnswer, View

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
