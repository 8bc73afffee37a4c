"""signoff.yaml: which agents there are, which channel talks to which, and what policy says. Everything in it is optional."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, ValidationError

from agent.approvals.hosts import host_pattern
from agent.approvals.policy import Policy
from agent.approvals.policy import Rule as PolicyRule
from agent.model.limits import PATIENCE
from agent.model.spending import BudgetKind, BudgetLimits, Limit
from bot.config.audit_section import Audit
from bot.config.conversation_log_section import ConversationLogSection
from bot.config.masking_section import Masking
from bot.config.memory_section import EmbeddingsSection, Keep, MemorySection
from bot.config.policy_section import ApproversSection, ChannelId, ConversationId, Escalate, RuleSection
from bot.config.promotion_section import PromotionSection
from bot.config.refusal import Refusal
from bot.config.sections import (
    AgentSection,
    AppId,
    BudgetSection,
    Database,
    DatabaseName,
    McpServer,
    ModelPrice,
    PeopleSection,
    QuietHoursSection,
    Section,
    WorkspaceBudget,
    given,
)
from bot.config.yaml_file import Problem, YamlFile, read_yaml

__all__ = ["AgentSection", "BudgetSection", "Config", "Problem", "examine_config", "line_of", "load_config"]

DEFAULT_PATH = Path("signoff.yaml")

S = TypeVar("S", bound=Section)


class Config(Section):
    """The whole file.

    Wide because each field is one setting at its top.
    """

    agents: Mapping[str, AgentSection] = Field(default={"assistant": AgentSection()}, min_length=1)
    """Name to what it may do; the first one answers where `channels` names none."""
    channels: Mapping[ConversationId, str] = {}
    """Channel id to agent."""
    databases: Mapping[DatabaseName, Database] = {}
    """Name to a Postgres that the tools of the pack sql:NAME work on."""
    mcp: Mapping[str, McpServer] = {}
    """Name of a server in .mcp.json to what is said of it here."""
    model_calls_at_once: int = Field(default=PATIENCE.calls_at_once, ge=1)
    """By one process; further ones wait their turn, channel by channel."""
    allowed_hosts: tuple[Annotated[str, AfterValidator(host_pattern)], ...] = ()
    """Where reads that send something out may go without asking."""
    policy: InstanceOf[Policy] = Policy()
    """Which calls run, ask or are refused: the first rule that matches wins."""
    budget: WorkspaceBudget = WorkspaceBudget()
    """What all agents together may spend."""
    people: PeopleSection = PeopleSection()
    """Who may ask besides full members of the workspace."""
    apps: tuple[AppId, ...] = ()
    """Apps and workflows whose messages count as if people had typed them."""
    prices: Mapping[str, ModelPrice] = {}
    """Of models: what budgets in dollars are counted by."""
    quiet_hours: Annotated[QuietHoursSection | None, BeforeValidator(given)] = None
    """When nobody is reminded; without it at any time."""
    ops_channel: ChannelId = ""
    """A channel that hears of unusual spending, and of the audit log's heads."""
    audit: Audit = Audit()
    """Where the heads of the audit log are kept, outside of its database."""
    conversation_log: ConversationLogSection = ConversationLogSection()
    """What was said and done, masked, for `signoff log`."""
    masking: Masking = Masking()
    """What is hidden in both logs, besides what always is."""
    instructions: Mapping[ConversationId, Annotated[str, Field(max_length=2_000)]] = {}
    """Channel id to what agents are to do there, unless somebody sets other instructions in Slack."""
    promotion: PromotionSection | None = None
    """Named, `signoff prompts promote` asks people in Slack; without it only what comes with the code is live."""
    memory: MemorySection | None = None
    """Named, agents remember things beyond a conversation; those that name their tools have to name the pack memory."""

    def agent_for(self, channel: str) -> tuple[str, AgentSection]:
        """Name and settings of the agent of this channel: the first one where none is named."""
        name = self.channels.get(channel, next(iter(self.agents)))
        return name, self.agents[name]

    def limits(self, agent: str) -> BudgetLimits:
        """Return what an agent's calls may spend, besides their conversation's own budget."""
        of, own = self.budget, self.agents[agent].budget
        limits: dict[BudgetKind, Limit] = {
            "user_day": Limit(own.user_tokens_per_day, own.user_usd_per_day),
            "workspace_day": Limit(of.workspace_tokens_per_day, of.workspace_usd_per_day),
            "workspace_month": Limit(of.workspace_tokens_per_month, of.workspace_usd_per_month),
        }
        return {kind: limit for kind, limit in limits.items() if limit != Limit()}


def load_config(path: Path | None = None) -> Config:
    """Return the file's content; without a path signoff.yaml here, or the defaults if there is none.

    Raises Refusal, a sentence with file, line and the mend.
    """
    config, problems = examine_config(path)
    if problems:
        raise Refusal(f"{path or DEFAULT_PATH}, line {problems[0].line}: {problems[0].wrong}.")
    return config


def examine_config(path: Path | None = None) -> tuple[Config, Sequence[Problem]]:
    """Return the file's content as far as it can be understood, and what is wrong with the rest, by line. Raises Refusal if it
    cannot be read at all."""
    chosen = path or DEFAULT_PATH
    try:
        file = _File(chosen.name, read_yaml(chosen))
    except FileNotFoundError:
        if path is None:
            return Config(), ()
        raise Refusal(f"{path} does not exist: write it, or unset SIGNOFF_CONFIG to go with the defaults.") from None
    config = file.config()
    agents = {name: agent.beside(chosen.parent) for name, agent in config.agents.items()}
    return config.model_copy(update={"agents": agents}), sorted(file.problems)


def line_of(path: Path | None, place: Sequence[str]) -> int:
    """Return the line, from 1, of a setting such as ("agents", "ops", "tools", "0") in a file that `examine_config` has read."""
    return read_yaml(path or DEFAULT_PATH).line(place)


class _File:
    """What the file says, as far as it can be understood."""

    def __init__(self, name: str, file: YamlFile) -> None:
        self._name = name
        self._file = file
        self.problems = file.problems

    def config(self) -> Config:
        """Return what can be understood; the rest is noted in `problems`."""
        content = self._file.content()
        if content is None:
            return Config()
        rules: Any = cast(dict[str, Any], content).pop("policy", []) if isinstance(content, dict) else []
        config = self._validated(Config, content, ()) or Config()
        for channel, name in config.channels.items():
            if name not in config.agents:
                known = ", ".join(config.agents)
                place = ("channels", channel)
                self._file.note(place, f"`channels.{channel}` names the agent `{name}`, but `agents` has only {known}")
        for name, agent in config.agents.items():
            in_dollars = any(limit.nano_usd is not None for limit in config.limits(name).values())
            if in_dollars and agent.model not in config.prices:
                wrong = f"agent `{name}` has a budget in dollars, and its model {agent.model} no price: add it to `prices`"
                self._file.note(("agents", name, "model"), wrong)
        first = config.promotion.rules() if config.promotion is not None else ()
        return config.model_copy(update={"policy": Policy((*first, *self._rules(rules)), config.allowed_hosts)})

    def _rules(self, rules: Any) -> tuple[PolicyRule, ...]:
        if not isinstance(rules, list):
            self._file.note(("policy",), "`policy` should be a list of rules, `- tool: NAME` on indented lines below it")
            return ()
        understood: list[PolicyRule] = []
        for index, content in enumerate(cast(list[Any], rules)):
            place = ("policy", str(index))
            if rule := self._validated(RuleSection, content, place):
                line = self._file.line(place)
                understood.append(rule.rule(f"rule {index + 1} of {self._name}, line {line}", line))
        return tuple(understood)

    def _validated(self, section: type[S], content: Any, place: tuple[str, ...]) -> S | None:
        """Return the section, without keys that are not known; None where something else is wrong. All of it is noted."""
        try:
            return section.model_validate(content)
        except ValidationError as invalid:
            errors = invalid.errors()
        for error in errors:
            here = (*place, *(str(part) for part in error["loc"] if part != "[key]"))
            self._file.note(here, explained(here, error))
        if any(error["type"] != "extra_forbidden" for error in errors):
            return None
        for error in errors:
            around = content
            for part in error["loc"][:-1]:
                around = around[part]
            del around[error["loc"][-1]]
        return self._validated(section, content, place)


def explained(place: tuple[str, ...], error: Any) -> str:
    """Return what is wrong at `place`, and the mend, where pydantic's own words would not do."""
    name = _name(place)
    if error["type"] == "extra_forbidden":
        return f"{name} is not a setting: the ones there are {_known(place)}"
    return f"{name} {plainly(error)}"


def plainly(error: Any) -> str:
    """Return what is wrong with a value, and the mend, as the rest of a sentence that begins with its name.

    `error`: as pydantic has it, whose own words speak of dictionaries, patterns and parsing.
    """
    told = error.get("ctx", {})
    match error["type"]:
        case "model_type" | "mapping_type" | "dict_type" | "model_attributes_type":
            return "should be a mapping, `key: value` on indented lines below it"
        case "tuple_type" | "list_type":
            return "should be a list, `- VALUE` on indented lines below it"
        case "missing":
            return "is missing: add it"
        case "extra_forbidden":
            return "is not known here: correct its name, or remove it"
        case "too_short" | "string_too_short":
            return "is empty: give it a value, or remove it"
        case "too_long" | "string_too_long":
            return f"is too long: it may have {told['max_length']} {'characters' if 'string' in error['type'] else 'entries'}"
        case "string_type":
            return "should be a text: put it in quotes"
        case "bool_type" | "bool_parsing":
            return "should be true or false"
        case "int_type" | "int_parsing" | "int_parsing_size" | "int_from_float":
            return "should be a whole number, such as 10"
        case "float_type" | "float_parsing" | "finite_number":
            return "should be a number, such as 2.5"
        case "invalid-json-value":
            return "should be a text, a number, true, false, a list or a mapping: put a date in quotes"
        case "value_error":
            return str(told["error"])
        case _:  # an order of numbers, or one of several words
            return f"{error['msg'][0].lower()}{error['msg'][1:]}".replace("input should", "should")


def _name(place: tuple[str, ...]) -> str:
    if place[:1] == ("policy",):
        rule = f"rule {int(place[1]) + 1} of `policy`"
        return f"`{'.'.join(place[2:])}` of {rule}" if place[2:] else rule
    return f"`{'.'.join(place) or 'the file'}`"


def _known(place: tuple[str, ...]) -> str:
    """Return the settings that exist beside the unknown one at `place`."""
    *others, last = _around(place).fields_by_key()
    return f"{', '.join(others)} and {last}" if others else last


def _around(place: tuple[str, ...]) -> type[Section]:
    """Return the section that holds the setting at `place`."""
    match place[:-1]:
        case ():
            return Config
        case ("agents", _):
            return AgentSection
        case ("agents", _, _):
            return BudgetSection
        case ("budget",):
            return WorkspaceBudget
        case ("prices", _):
            return ModelPrice
        case ("databases", _):
            return Database
        case ("mcp", _):
            return McpServer
        case ("people",):
            return PeopleSection
        case ("quiet_hours",):
            return QuietHoursSection
        case ("audit",):
            return Audit
        case ("conversation_log",):
            return ConversationLogSection
        case ("promotion",):
            return PromotionSection
        case ("promotion", "approvers"):
            return ApproversSection
        case ("masking",):
            return Masking
        case ("memory",):
            return MemorySection
        case ("memory", "embeddings"):
            return EmbeddingsSection
        case ("memory", "keep") | ("memory", "channels", _):
            return Keep
        case ("policy", _):
            return RuleSection
        case ("policy", _, "escalate"):
            return Escalate
        case _:
            return ApproversSection
