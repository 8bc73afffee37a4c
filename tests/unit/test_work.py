"""A plan with its tasks in plain words, and what a message takes to show more."""

from pydantic import BaseModel

from agent.decide.moves import Work
from agent.tool.definition import Effect, Tool, ToolContext
from agent.types import Task
from bot.cards.plan import plan_blocks, plan_title, stream_chunks, task_title
from bot.sandbox.slack.blocks import message_faults


class Name(BaseModel):
    name: str


async def never(arguments: Name, context: ToolContext) -> dict[str, str]:
    raise AssertionError


LOOK = Tool(
    name="look",
    description="Looks.",
    arguments=Name,
    handler=never,
    effect=Effect.READ,
    verb="Look",
    headline=lambda arguments: f"Look up {arguments.name}",
    doing=lambda arguments: f"Looking up {arguments.name}",
)
PLAIN = Tool(name="ping", description="Pings.", arguments=Name, handler=never, verb="Ping")
TOOLS = {"look": LOOK, "ping": PLAIN}


def task(name: str, id: str = "1", tool: str = "look", state: str = "in_progress") -> Task:
    return Task.model_validate({"id": id, "tool": tool, "arguments": {"name": name}, "state": state})


def test_a_task_is_named_by_its_tools_author() -> None:
    assert task_title(task("Widget Pro"), LOOK) == "Looking up Widget Pro"
    assert task_title(task("x", tool="ping"), PLAIN) == "Ping: ping"
    assert task_title(task("x", tool="gone"), None) == "gone"
    assert task_title(Task(id="1", tool="look", arguments={"other": 1}), LOOK) == "Look: look"  # the tool has changed since


def test_nothing_of_others_is_live_in_a_title() -> None:
    title = task_title(task("<!channel>\n<@U1> \u202e<http://x|y>" + "z" * 300), LOOK)
    assert not set("<>\n\u202e") & set(title)
    assert len(title) == 150
    assert "ada" not in task_title(task("ada@example.com"), LOOK, lambda text: text.replace("ada@example.com", "•••"))


def test_the_line_over_the_tasks() -> None:
    done, failed = task("a", state="complete"), task("b", "2", state="error")
    assert plan_title((task("a"), failed), over=False) == "Working on it"
    assert plan_title((done,), over=False) == "1 step"
    assert plan_title((done, failed), over=True) == "2 steps, 1 failed"


def test_only_what_is_new_is_sent() -> None:
    one = Work((task("a"),))
    assert stream_chunks(Work(), one, TOOLS) == [
        {"type": "plan_update", "title": "Working on it"},
        {"type": "task_update", "id": "1", "title": "Looking up a", "status": "in_progress"},
    ]
    two = Work((task("a", state="complete"), task("b", "2")), "It is")
    assert stream_chunks(one, two, TOOLS) == [
        {"type": "task_update", "id": "1", "title": "Looking up a", "status": "complete"},
        {"type": "task_update", "id": "2", "title": "Looking up b", "status": "in_progress"},
        {"type": "markdown_text", "text": "It is"},
    ]
    assert stream_chunks(two, Work(two.tasks, "It is 49."), TOOLS) == [{"type": "markdown_text", "text": " 49."}]
    assert stream_chunks(two, two, TOOLS) == []


def test_a_mention_of_everybody_is_harmless_wherever_the_text_is_cut() -> None:
    shown, whole = Work(words="See <!channel> and"), Work(words="See <!channel> and <!here> too")
    assert stream_chunks(Work(), shown, TOOLS) == [{"type": "markdown_text", "text": "See &lt;!channel> and"}]
    assert stream_chunks(shown, whole, TOOLS) == [{"type": "markdown_text", "text": " &lt;!here> too"}]


def test_the_plan_of_a_message_that_does_not_grow_is_one_that_slack_takes() -> None:
    tasks = tuple(task(f"thing {number}", str(number), state="complete") for number in range(50))
    assert message_faults(plan_blocks(tasks, TOOLS)) == []
    assert plan_blocks((), TOOLS) == []
