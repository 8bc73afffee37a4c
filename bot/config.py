"""signoff.yaml: which agents there are, and which channel talks to which. Everything in it is optional."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.refusal import Refusal

DEFAULT_PATH = Path("signoff.yaml")
# Part of the file's format, but not of this version. They limit or gate what runs, so they are refused, never ignored.
NOT_YET = {"policy", "mcp", "budget.user_tokens_per_day", "budget.workspace_tokens_per_day"}


class Section(BaseModel):
    """A mapping in the file. A key that it does not know is an error: a misspelt limit must not be no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Budget(Section):
    session_tokens: int = Field(default=50_000, gt=0, strict=True)
    """Input plus output of all model calls of a session, cache reads at a tenth, as they are priced."""


class Agent(Section):
    model: str = Field(default="claude-sonnet-5-5", min_length=1)
    prompt: str = Field(default="assistant", pattern=r"^[a-z][a-z0-9_-]*(@[0-9]+)?$")
    """A prompt's name for its promoted version; name@2 pins one."""
    tools: tuple[str, ...] | None = None
    """Names of tool packs; None: all there are."""
    max_iterations: int = Field(default=10, gt=0, strict=True)
    """Model calls in one turn."""
    budget: Budget = Budget()


class Config(Section):
    agents: Mapping[str, Agent] = Field(default={"assistant": Agent()}, min_length=1)
    channels: Mapping[Annotated[str, Field(pattern=r"^[CDG][A-Z0-9]+$")], str] = {}
    """Channel id to agent."""

    def agent_for(self, channel: str) -> tuple[str, Agent]:
        """Name and settings of the agent of this channel: the first one where none is named."""
        name = self.channels.get(channel, next(iter(self.agents)))
        return name, self.agents[name]


def load_config(path: Path | None = None) -> Config:
    """The file's content; without a path signoff.yaml here, or the defaults if there is none.

    Raises Refusal, a sentence with file, line and the mend.
    """
    chosen = path or DEFAULT_PATH
    try:
        text = chosen.read_text("utf-8")
    except FileNotFoundError:
        if path is None:
            return Config()
        raise Refusal(f"{path} does not exist: write it, or unset SIGNOFF_CONFIG to go with the defaults.") from None
    except (OSError, UnicodeDecodeError) as unreadable:
        raise Refusal(f"{chosen} cannot be read as a text file ({unreadable}): mend that, or name another.") from None
    return _File(chosen, text).config()


class _File:
    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text

    def config(self) -> Config:
        try:
            root = yaml.SafeLoader(self._text).get_single_node()
        except yaml.MarkedYAMLError as broken:
            line = broken.problem_mark.line if broken.problem_mark else 0
            raise self._refusal(line, f"this is not YAML ({broken.problem})") from None
        if root is None:
            return Config()
        content = self._plain(root)
        try:
            config = Config.model_validate(content)
        except ValidationError as invalid:
            raise self._explained(root, invalid) from None
        for channel, name in config.channels.items():
            if name not in config.agents:
                known = ", ".join(config.agents)
                at = _line(root, ("channels", channel))
                raise self._refusal(at, f"`channels.{channel}` names the agent `{name}`, but `agents` has only {known}")
        return config

    def _plain(self, node: yaml.Node, path: tuple[str, ...] = ()) -> Any:
        """The node's value. Twice the same key is an error here, where YAML would take the last."""
        if isinstance(node, yaml.MappingNode):
            value: dict[str, Any] = {}
            for key_node, value_node in node.value:
                key = str(key_node.value)
                line: int = key_node.start_mark.line
                here = (*path, key)
                # agents.NAME.budget.x is looked up as budget.x.
                if (key in NOT_YET and not path) or ".".join(here[-2:]) in NOT_YET:
                    raise self._refusal(line, f"`{'.'.join(here)}` is not supported by this version yet: remove it")
                if key in value:
                    raise self._refusal(line, f"`{'.'.join(here)}` is there twice: remove one of the two")
                value[key] = self._plain(value_node, here)
            return value
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(each, path) for each in node.value]
        return cast(Any, yaml.SafeLoader("").construct_object(node))  # pyright: ignore  # PyYAML's stub has no types here

    def _explained(self, root: yaml.Node, invalid: ValidationError) -> Refusal:
        error = invalid.errors()[0]
        place = tuple(str(part) for part in error["loc"] if part != "[key]")
        name = ".".join(place) or "the file"
        match error["type"]:
            case "extra_forbidden":
                wrong = f"`{name}` is not a setting: the ones there are {_known(place)}"
            case "model_type" | "mapping_type" | "model_attributes_type":
                wrong = f"`{name}` should be a mapping, `key: value` on indented lines below it"
            case _:
                wrong = f"`{name}` {error['msg'][0].lower()}{error['msg'][1:]}".replace("input should", "should")
        return self._refusal(_line(root, place), wrong)

    def _refusal(self, line: int, wrong: str) -> Refusal:
        return Refusal(f"{self._path}, line {line + 1}: {wrong}.")


def _line(node: yaml.Node, place: tuple[str, ...]) -> int:
    """Where `place` stands, from 0: the line of its key or list item, or of the nearest thing around it."""
    line: int = node.start_mark.line
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = [(key.start_mark.line, value) for key, value in node.value if str(key.value) == part]
        elif isinstance(node, yaml.SequenceNode) and part.isdecimal():
            found = [(item.start_mark.line, item) for item in node.value[int(part) : int(part) + 1]]
        else:
            found = []
        if not found:
            break
        line, node = found[0]
    return line


def _known(place: tuple[str, ...]) -> str:
    """The settings that exist beside the unknown one at `place`."""
    section = {1: Config, 3: Agent, 4: Budget}[len(place)]
    return " and ".join(section.model_fields)
