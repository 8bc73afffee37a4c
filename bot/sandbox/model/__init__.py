"""A model API on this machine: the Messages API as strict as the real one, answered by a script instead of a model."""

from .faults import ModelFaults
from .models import ModelCard, Models
from .reply import Call, Reply, Search, Text, Thinking, call, calls, say, think
from .request import Request, Result
from .scripts import Conversations, Lines, Script, ScriptEnded, fast
from .server import Arrived, RefusedRequest, ScriptedModel
from .shop import shop_assistant

__all__ = [
    "Arrived",
    "Call",
    "Conversations",
    "Lines",
    "ModelCard",
    "ModelFaults",
    "Models",
    "RefusedRequest",
    "Reply",
    "Request",
    "Result",
    "Script",
    "ScriptEnded",
    "ScriptedModel",
    "Search",
    "Text",
    "Thinking",
    "call",
    "calls",
    "fast",
    "say",
    "shop_assistant",
    "think",
]
