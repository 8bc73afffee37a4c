"""The messages of a conversation as the model has them, and how large they are."""

from collections.abc import Sequence
from datetime import datetime

from agent.memory import long_results as output
from agent.memory.summary_material import LONG_CHARACTERS
from agent.memory.token_estimate import CountedRequest, counted, json_characters
from agent.model.caching import CachedPrefix, left_cached
from agent.session import stop_reasons
from agent.session.steps import ModelReplied, Step, ToolReturned
from agent.types import ApiMessage, Block, Lifetime, Usage


class Written:
    """Messages that only ever grow. Measured when that is asked for: a log is folded more often than a model is called."""

    def __init__(self, messages: list[ApiMessage] | None = None) -> None:
        self.messages: list[ApiMessage] = messages or []
        self._sizes = {0: 0}  # characters of so many of them as JSON, once measured
        self._usage: tuple[Usage, int] | None = None  # of the last reply, and the number of messages before it
        self._cached: CachedPrefix | None = None  # of what it answers, in the provider's cache

    def add(self, role: str, content: list[Block]) -> None:
        """Write one more."""
        self.messages.append({"role": role, "content": content})

    def replied(self, usage: Usage, sent_at: datetime | None) -> None:
        """Note that the last message is a reply, what the API counted for it, and when it was asked for."""
        self._usage = (usage, len(self.messages) - 1)
        self._cached = left_cached(usage, sent_at, self._cached) if sent_at is not None else None

    def forget_usage(self) -> None:
        """Forget what was counted: it had another beginning."""
        self._usage = self._cached = None

    def characters(self, asked: list[Block]) -> int:
        """Return how large they are as JSON, with one more of these blocks if there are any."""
        return self._characters_of_first(len(self.messages)) + (json_characters(asked) if asked else 0)

    @property
    def counted(self) -> CountedRequest | None:
        """Return what the API counted with the last reply."""
        if self._usage is None:
            return None
        usage, before = self._usage
        return counted(usage, self._characters_of_first(before), self._characters_of_first(before + 1))

    def saved_tokens(self, lifetime: Lifetime, now: datetime) -> int:
        """Return how much less the next request is charged than its input, since it begins as the last one did."""
        return self._cached.saved_tokens(lifetime, now) if self._cached is not None else 0

    def _characters_of_first(self, messages: int) -> int:
        """Return how large the first messages are."""
        if messages not in self._sizes:
            known = max(number for number in self._sizes if number < messages)
            more = json_characters(*(message["content"] for message in self.messages[known:messages]))
            self._sizes[messages] = self._sizes[known] + more
        return self._sizes[messages]


def message_shape(message: ApiMessage) -> str:
    """Return a message for a log: until there is a masker, only the kinds and lengths of its blocks."""
    blocks = ", ".join(f"{block.get('type')} ({len(str(block))} characters)" for block in message["content"])
    return f"{message['role']}: {blocks}"


def as_kept(seq: int, step: Step) -> Step:
    """Return a step of a turn that goes on in a new context: its pairs stay whole, long results are named by their handles."""
    match step:
        case ModelReplied():
            return step.model_copy(update={"content": without_thinking(step.content)})
        case ToolReturned() if len(step.text) > LONG_CHARACTERS:
            return step.model_copy(update={"text": output.handled(seq, step.text)})
        case _:
            return step


def without_thinking(content: Sequence[Block]) -> tuple[Block, ...]:
    """Return the blocks of a reply that are bound to no model, prompt or tools."""
    return tuple(block for block in content if block.get("type") not in stop_reasons.THINKING)
