"""signoff.yaml: what is read, and the sentence with the line for what cannot be meant."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.masking import TeamPattern, WantedMasks
from agent.model.spending import Limit, Price
from bot.config.audit_section import Audit
from bot.config.file import AgentSection, BudgetSection, Config, examine_config, load_config
from bot.config.masking_section import Masking
from bot.config.memory_section import Embeddings, EmbeddingsSection, Keep, MemorySection
from bot.config.policy_section import Escalate, RuleSection
from bot.config.refusal import Refusal
from bot.config.sections import McpServer, ModelPrice, WorkspaceBudget

GOOD = """
agents:
  assistant:
    model: claude-haiku-5
    tools: [catalog]
    budget: {session_tokens: 9000}
  finance: {prompt: finance@2, max_iterations: 3, cards_per_hour: 20}
channels: {C0123: finance}
"""


def served(**changed: object) -> str:
    """Return a file with a server for embeddings of which something is not as it should be."""
    server = {"url": "https://h/v1/embeddings", "model": "m", "dimensions": 8, **changed}
    return f"memory: {{embeddings: {json.dumps(server)}}}"


def test_agents_and_channels_are_read(here: Path) -> None:
    Path("signoff.yaml").write_text(GOOD)
    config = load_config()
    assert config.agent_for("C0123") == ("finance", AgentSection(prompt="finance@2", max_iterations=3, cards_per_hour=20))
    assert config.agent_for("C9999") == (
        "assistant",
        AgentSection(model="claude-haiku-5", tools=("catalog",), budget=BudgetSection(session_tokens=9000)),
    )


def test_without_a_file_or_with_an_empty_one_the_defaults_hold(here: Path) -> None:
    assert load_config() == Config()
    Path("signoff.yaml").write_text("# nothing yet\n")
    assert load_config() == Config()
    name, agent = load_config().agent_for("C1")
    assert (name, agent.max_iterations, agent.budget.session_tokens) == ("assistant", 10, 50_000)
    assert agent.cards_per_hour is None  # a limit that is not configured does not exist


def test_the_file_that_the_guide_shows_is_understood(here: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guide" / "configuration.md").read_text()
    [shown] = re.findall(r"```yaml\n(agents:.*?)```", guide, re.DOTALL)
    Path("signoff.yaml").write_text(shown)
    config, problems = examine_config()
    assert list(problems) == []
    assert [rule.answer for rule in config.policy.rules] == [
        "ask",
        "ask",
        "ask",
        "refuse",
        "allow",
    ]  # the first two are those of `promotion`
    names = {
        *Config.model_fields,
        *AgentSection.model_fields,
        *BudgetSection.model_fields,
        *RuleSection.model_fields,
        *Escalate.model_fields,
    }
    names |= {*McpServer.model_fields, *WorkspaceBudget.model_fields, *ModelPrice.model_fields, *Audit.model_fields}
    names |= {*Masking.model_fields, *MemorySection.model_fields, *EmbeddingsSection.model_fields, *Keep.model_fields}
    assert {name for name in names if f"{name}:" not in shown} == set()


@pytest.mark.parametrize(
    ("written", "server"),
    [
        ("memory: {embeddings: wordllama}", None),
        ("memory: {}", None),
        ("memory: {embeddings: minilm}", "minilm"),
        (served(), EmbeddingsSection(url="https://h/v1/embeddings", model="m", dimensions=8)),
        (served(key_env="KEY"), EmbeddingsSection(url="https://h/v1/embeddings", model="m", dimensions=8, key_env="KEY")),
    ],
)
def test_the_model_of_embeddings_is_an_offline_one_or_a_server(here: Path, written: str, server: Embeddings) -> None:
    Path("signoff.yaml").write_text(written)
    memory = load_config().memory
    assert memory is not None
    assert memory.embeddings == server


def test_terms_are_those_of_the_channel_then_of_the_kind(here: Path) -> None:
    Path("signoff.yaml").write_text(
        "memory: {keep: {facts: 365d, flags: 1h}, channels: {C1: {facts: 30d, checkpoints: forever}}}"
    )
    memory = load_config().memory
    assert memory is not None
    terms = memory.terms()
    assert [terms.term(channel, "fact") for channel in ("C1", "C2", "")] == [timedelta(days=each) for each in (30, 365, 365)]
    assert [terms.term(channel, "checkpoint") for channel in ("C1", "C2")] == [None, timedelta(days=30)]  # its own term
    assert [terms.term("C1", "summary"), terms.term("C1", "flag")] == [None, timedelta(hours=1)]


def test_what_is_masked_is_read(here: Path) -> None:
    Path("signoff.yaml").write_text('masking: {countries: [de], patterns: {EMPLOYEE: "EMP-[0-9]+"}, names: false}')
    assert load_config().masking.wanted() == WantedMasks(("de",), (TeamPattern("EMPLOYEE", "EMP-[0-9]+"),), ())
    assert Config().masking.wanted().countries == ("us", "uk")


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("{countries: [fr]}", r"`masking.countries.0` should be one of au, ca, de"),
        ('{patterns: {EMPLOYEE: "(?=a)b"}}', r"`masking.patterns.EMPLOYEE` should be a pattern in RE2's syntax, without"),
        ('{patterns: {EMPLOYEE: "a*"}}', r"`masking.patterns.EMPLOYEE` should not match an empty text"),
        ("{names: [pets]}", r"`masking.names"),
        ("{domains: true}", r"`masking.domains` is not a setting: the ones there are countries, patterns, names and cards"),
    ],
)
def test_what_cannot_be_masked_is_a_sentence(here: Path, written: str, sentence: str) -> None:
    Path("signoff.yaml").write_text(f"masking: {written}")
    with pytest.raises(Refusal, match=f"^signoff.yaml, line 1: {sentence}"):
        load_config()


def test_names_without_their_model_are_a_sentence(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.masking.names.MODEL", "a_model_that_is_not_installed")
    assert Config().masking.wanted().names == ()
    Path("signoff.yaml").write_text("masking: {names: [persons]}")
    with pytest.raises(Refusal, match=r'needs a model that is not installed: `pip install "signoff\[names\]"`'):
        load_config()


def test_what_was_read_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Config().agents = {}


def test_a_file_that_was_named_must_be_there(here: Path) -> None:
    with pytest.raises(Refusal, match=r"^elsewhere.yaml does not exist: .* SIGNOFF_CONFIG"):
        load_config(Path("elsewhere.yaml"))


def test_a_folder_is_no_file(here: Path) -> None:
    Path("signoff.yaml").mkdir()
    with pytest.raises(Refusal, match=r"^signoff.yaml cannot be read"):
        load_config()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("agents: [", "signoff.yaml, line 1: this is not YAML (expected the node content, but found '<stream end>')."),
        ("- agents", "signoff.yaml, line 1: `the file` should be a mapping, `key: value` on indented lines below it."),
        ("agents:\n  a:\n    modell: x", "signoff.yaml, line 3: `agents.a.modell` is not a setting: the ones there are "),
        (
            "agent: {}",
            "signoff.yaml, line 1: `agent` is not a setting: "
            "the ones there are agents, channels, databases, mcp, model_calls_at_once, allowed_hosts, policy, budget, "
            "people, apps, prices, quiet_hours, ops_channel, audit, conversation_log, masking, instructions, promotion and "
            "memory.",
        ),
        ("agents:\n  a:\n    budget: {tokens: 1}", "signoff.yaml, line 3: `agents.a.budget.tokens` is not a setting: "),
        ("agents:\n  a:\n", "signoff.yaml, line 2: `agents.a` should be a mapping"),
        ("agents: {}", "signoff.yaml, line 1: `agents` is empty: give it a value, or remove it."),
        ("agents: []", "signoff.yaml, line 1: `agents` should be a mapping, `key: value` on indented lines below it."),
        ("agents:\n  a: {model: ''}", "signoff.yaml, line 2: `agents.a.model` is empty: give it a value, or remove it."),
        ("agents:\n  a: {prompt: My own}", "signoff.yaml, line 2: `agents.a.prompt` should be the name of a prompt, such as ass"),
        (
            "agents:\n  a: {variables: {day: 2026-11-01}}",
            "signoff.yaml, line 2: `agents.a.variables.day` should be a text, a num",
        ),
        ("conversation_log: {write: 3}", "signoff.yaml, line 1: `conversation_log.write` should be true or false."),
        ("instructions: {C1: 5}", "signoff.yaml, line 1: `instructions.C1` should be a text: put it in quotes."),
        ("masking: {patterns: {a: b}}", "signoff.yaml, line 1: `masking.patterns.a` should be at most 30 capitals, digits and "),
        ("mcp: {a: {call_seconds: soon}}", "signoff.yaml, line 1: `mcp.a.call_seconds` should be a number, such as 2.5."),
        ("apps: [2026-99-99]", "signoff.yaml, line 1: '2026-99-99' is no value that YAML knows: put it in quotes."),
        ("apps: !!python/name:os.system x", "signoff.yaml, line 1: 'x' is no value that YAML knows: put it in quotes."),
        ("? [a]\n: b", "signoff.yaml, line 1: a list or a mapping cannot be the name of a setting: write `key: value`."),
        ("agents:\n  a:\n    max_iterations: many", "signoff.yaml, line 3: `agents.a.max_iterations` should be a whole number"),
        ("agents:\n  a:\n    max_iterations: 0", "signoff.yaml, line 3: `agents.a.max_iterations` should be greater than 0."),
        ("agents:\n  a: {budget: {session_tokens: yes}}", "signoff.yaml, line 2: `agents.a.budget.session_tokens` should"),
        ("agents:\n  a:\n    context_tokens: 10", "signoff.yaml, line 3: `agents.a.context_tokens` should be greater than or"),
        ("agents:\n  a:\n    cards_per_hour: 0", "signoff.yaml, line 3: `agents.a.cards_per_hour` should be greater than 0."),
        ("agents:\n  a:\n    cards_per_hour: 1.0", "signoff.yaml, line 3: `agents.a.cards_per_hour` should be a whole number"),
        ("agents:\n  a:\n    cards_per_hour:", "signoff.yaml, line 3: `agents.a.cards_per_hour` is empty: give it a value"),
        ("agents:\n  a:\n    tools:\n      - ok\n      - {no: no}", "signoff.yaml, line 5: `agents.a.tools.1` should be "),
        ("agents:\n  a: {}\nchannels:\n  C1: b", "signoff.yaml, line 4: `channels.C1` names the agent `b`, but `agents` has "),
        ("channels:\n  general: a", "signoff.yaml, line 2: `channels.general` should be the id of a Slack channel, such as C012"),
        ("databases: {r: {url: 'postgresql://u:secret@h/d'}}", "signoff.yaml, line 1: `databases.r.url` should name a variable "),
        (
            "databases: {r: {url: '${R}', row: 5}}",
            "signoff.yaml, line 1: `databases.r.row` is not a setting: the ones there are ",
        ),
        ("databases: {Re-ports: {url: '${R}'}}", "signoff.yaml, line 1: `databases.Re-ports` should be at most 40 small "),
        ("databases: {r: {url: '${R}', seconds: 61}}", "signoff.yaml, line 1: `databases.r.seconds` should be less than or"),
        (
            "budget: {workspace_tokens: 1}",
            "signoff.yaml, line 1: `budget.workspace_tokens` is not a setting: the ones there are ",
        ),
        ("budget:\n  workspace_usd_per_day:", "signoff.yaml, line 2: `budget.workspace_usd_per_day` is empty: give it a value"),
        ("budget: {workspace_usd_per_day: 0}", "signoff.yaml, line 1: `budget.workspace_usd_per_day` should be greater than 0."),
        ("budget: {workspace_usd_per_day: yes}", "signoff.yaml, line 1: `budget.workspace_usd_per_day` should be a number of do"),
        ("prices: {m: {input: .inf, output: 1}}", "signoff.yaml, line 1: `prices.m.input` should be a number of dollars, such"),
        ("prices: {m: {input: 1, output: 0.0000001}}", "signoff.yaml, line 1: `prices.m.output` should have at most six decim"),
        ("prices: {m: {input: 1}}", "signoff.yaml, line 1: `prices.m.output` is missing: add it."),
        ("prices: {m: {inputs: 1, input: 1, output: 1}}", "signoff.yaml, line 1: `prices.m.inputs` is not a setting: the ones"),
        ("apps: [A1, zapier]", "signoff.yaml, line 1: `apps.1` should be the id of a Slack app, such as A0123: the log names it"),
        ("apps: A1", "signoff.yaml, line 1: `apps` should be a list, `- VALUE` on indented lines below it."),
        (
            "memory: {embedding: x}",
            "signoff.yaml, line 1: `memory.embedding` is not a setting: "
            "the ones there are embeddings, learn_with, learn_after, keep and channels.",
        ),
        (
            "memory: {embeddings: ada}",
            "signoff.yaml, line 1: `memory.embeddings` should be wordllama or minilm, which work offl",
        ),
        (
            "memory: {embeddings: }",
            "signoff.yaml, line 1: `memory.embeddings` should be wordllama or minilm, which work offline",
        ),
        ("memory: {embeddings: {}}", "signoff.yaml, line 1: `memory.embeddings.dimensions` is missing: add it."),
        (
            "memory: {keep: {fact: 1d}}",
            "signoff.yaml, line 1: `memory.keep.fact` is not a setting: the ones there are facts, summ",
        ),
        ("memory: {keep: {facts: }}", "signoff.yaml, line 1: `memory.keep.facts` should be a duration such as 30d, and at most "),
        (
            "memory: {keep: {facts: never}}",
            "signoff.yaml, line 1: `memory.keep.facts` should be a duration such as 30d, and at mo",
        ),
        (
            "memory: {keep: {facts: 0d}}",
            "signoff.yaml, line 1: `memory.keep.facts` should be a duration such as 30d, and at most 3",
        ),
        (
            "memory: {keep: 30d}",
            "signoff.yaml, line 1: `memory.keep` should be a mapping, `key: value` on indented lines below it.",
        ),
        ("memory: {channels: {general: {}}}", "signoff.yaml, line 1: `memory.channels.general` "),
        ("memory: {channels: {C1: {page: 1d}}}", "signoff.yaml, line 1: `memory.channels.C1.page` is not a setting: the ones"),
        (served(url="http://h/v1"), "signoff.yaml, line 1: `memory.embeddings.url` should be the whole address, such as "),
        (served(url="h/v1/embeddings"), "signoff.yaml, line 1: `memory.embeddings.url` should be the whole address, such"),
        (served(url="https://u:p@h/v1/embeddings"), "signoff.yaml, line 1: `memory.embeddings.url` should hold no passw"),
        (served(key_env="sk-12"), "signoff.yaml, line 1: `memory.embeddings.key_env` should be the name of a variable of"),
        (served(dimensions=5000), "signoff.yaml, line 1: `memory.embeddings.dimensions` should be less than or equal"),
        (served(size=5), "signoff.yaml, line 1: `memory.embeddings.size` is not a setting: the ones there are url, mod"),
        ("ops_channel: '#ops'", "signoff.yaml, line 1: `ops_channel` should be the id of a Slack channel"),
        (
            "agents:\n  a:\n    model: m\n    budget: {user_usd_per_day: 1}",
            "signoff.yaml, line 3: agent `a` has a budget in dollars, and its model m no price: add it to `prices`.",
        ),
        (
            "budget: {workspace_usd_per_month: 9}\nprices: {other: {input: 1, output: 5}}",
            "signoff.yaml, line 1: agent `assistant` has a budget in dollars, and its model claude-sonnet-5-5 no price: add ",
        ),
        ("channels: {}\nchannels: {}", "signoff.yaml, line 2: `channels` is there twice: remove one of the two."),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(here: Path, text: str, sentence: str) -> None:
    Path("signoff.yaml").write_text(text)
    with pytest.raises(Refusal) as refused:
        load_config()
    assert str(refused.value).startswith(sentence)
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_budgets_and_prices_are_read_exactly(here: Path) -> None:
    Path("signoff.yaml").write_text("""
agents:
  a: {model: m, budget: {session_tokens: 9, user_tokens_per_day: 500, user_usd_per_day: 0.07}}
  b: {model: m}
budget: {workspace_tokens_per_month: 7000, workspace_usd_per_day: 12.5}
prices:
  m: {input: 3, output: 15, cache_write_1h: 6.000001, cache_read: 0.3}
""")
    config = load_config()
    day, month = Limit(nano_usd=12_500_000_000), Limit(tokens=7000)
    assert config.limits("a") == {"user_day": Limit(500, 70_000_000), "workspace_day": day, "workspace_month": month}
    assert config.limits("b") == {"workspace_day": day, "workspace_month": month}
    price = config.prices["m"].price()
    assert price == Price(
        input=3_000_000, output=15_000_000, cache_write_5m=3_750_000, cache_write_1h=6_000_001, cache_read=300_000
    )
