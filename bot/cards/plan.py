"""What a turn is at, as people watch it: a plan with a task for each call, in plain words, and the first words of the answer."""

from collections.abc import Sequence

from agent.decide.moves import Work
from agent.tool.definition import Tool, Tools
from agent.types import Task
from bot.cards.block_kit import SlackBlock
from bot.cards.harmless_text import cut, escaped
from bot.cards.markdown import fitted_markdown, harmless_markdown
from bot.cards.row import in_authors_words
from bot.cards.values import Mask, one_line, unmasked

TITLE_CHARACTERS = 150
TEXT_CHARACTERS = 1_000  # of a plan beside its blocks
# A task's title is plain text by Slack's reference; with these it is harmless even where it is not.
_NO_MARKUP = str.maketrans({"<": "‹", ">": "›"})


def task_title(task: Task, tool: Tool | None, mask: Mask = unmasked) -> str:
    """Return the call in one line, as its tool's author has it: "Looking up Widget Pro"."""
    said = ""
    if tool is not None:
        said = in_authors_words(tool, tool.doing or tool.headline, task.arguments) or f"{tool.verb}: {task.tool}"
    return cut(one_line(said or task.tool, mask).translate(_NO_MARKUP), TITLE_CHARACTERS)


def plan_title(tasks: Sequence[Task], *, over: bool) -> str:
    """Return one line over the tasks; all that is seen of them once they are folded away."""
    if not over and any(task.state == "in_progress" for task in tasks):
        return "Working on it"
    steps = f"{len(tasks)} step{'s' if len(tasks) != 1 else ''}"
    failed = sum(task.state == "error" for task in tasks)
    return f"{steps}, {failed} failed" if failed else steps


def plan_text(tasks: Sequence[Task], tools: Tools, mask: Mask = unmasked) -> str:
    """Return the tasks as text, for notifications and screen readers."""
    titles = "; ".join(task_title(task, tools.get(task.tool), mask) for task in tasks)
    return escaped(cut(f"{plan_title(tasks, over=True)}: {titles}" if titles else "", TEXT_CHARACTERS))


def stream_chunks(shown: Work, work: Work, tools: Tools, mask: Mask = unmasked, *, over: bool = False) -> list[SlackBlock]:
    """Return what a message that shows `shown` takes to show `work`. `over`: it will not grow any more."""
    grown: list[SlackBlock] = []
    if work.tasks and (not shown.tasks or plan_title(shown.tasks, over=False) != plan_title(work.tasks, over=over)):
        grown.append({"type": "plan_update", "title": plan_title(work.tasks, over=over)})
    for task in work.tasks:
        if task not in shown.tasks:
            title = task_title(task, tools.get(task.tool), mask)
            grown.append({"type": "task_update", "id": task.id, "title": title, "status": task.state})
    whole = fitted_markdown(work.words) if over else harmless_markdown(work.words, over=False)
    if further := whole[len(harmless_markdown(shown.words, over=False)) :]:
        grown.append({"type": "markdown_text", "text": further})
    return grown


def plan_blocks(tasks: Sequence[Task], tools: Tools, mask: Mask = unmasked) -> list[SlackBlock]:
    """Return the tasks in a message that does not grow any more."""
    if not tasks:
        return []
    cards = [
        {
            "type": "task_card",
            "task_id": task.id,
            "title": task_title(task, tools.get(task.tool), mask),
            "status": task.state,
        }
        for task in tasks
    ]
    return [{"type": "plan", "title": plan_title(tasks, over=True), "tasks": cards}]
