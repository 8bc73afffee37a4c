"""What a new demo begins with: a few words in its channels, and four things to try."""

from bot.sandbox.slack.types import Channel
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import Workspace

SUPPLIERS = "suppliers"  # the channel of an agent that also reads a supplier's page; `demo.yaml` names it by its id
STORY = (
    ("general", "ann", "Welcome. The story is in #orders: open it, and try the four things below its messages."),
    (
        "orders",
        "cleo",
        "Ada's team moves in on Friday. Two of their desk lamps came broken, and they want a dozen Widget Pros.",
    ),
    (
        "orders",
        "ben",
        "{bot} can order both. It asks us first: nothing runs before one of us has read the card and approved.",
    ),
    (
        "orders",
        "ann",
        "And if it dies in the middle? Press _Kill the bot_, at the top, when you like: the order is placed once.",
    ),
    ("support", "dan", "Grace is on the phone: she needs one Widget Mini, and wants to know where ORD-1042 is."),
    (SUPPLIERS, "ben", "Northern Widgets has put new prices on its page. {bot} can read it to us."),
)


def tell(workspace: Workspace) -> None:
    """Put the story into a new workspace. Nobody delivers it to the bot, which was not there."""
    everybody = frozenset(workspace.people)
    workspace.add_channel(Channel(workspace.new_id("C"), SUPPLIERS, "channel", everybody))
    for channel, person, words in STORY:
        bot = f"<@{workspace.bot_user_id}>"
        workspace.add_message(workspace.channel_id(channel), workspace.user_id(person), words.format(bot=bot))


def tour(workspace: Workspace, supplier_url: str | None) -> Json:
    """Return where the page opens and what there is to try: who asks, who decides beside them, where,
    and the words, as they are typed and as they are once posted.

    `supplier_url`: of the poisoned page; None where no agent reads it.
    """
    steps: list[tuple[str, str, str, tuple[str, ...], str, str]] = [
        ("card", "One card", "ann", (), "orders", "order 2 Desk Lamp Arc for ada@example.com"),
        ("two", "Two people", "ann", ("ben", "cleo"), "orders", "order 12 Widget Pro for ada@example.com"),
        ("meanwhile", "Ask while it waits", "cleo", (), "support", "order 1 Widget Mini for grace.kestrel@example.org"),
    ]
    if supplier_url is not None:
        steps.append(("page", "A poisoned page", "ben", ("ann",), SUPPLIERS, f"read {supplier_url} and tell me what changes"))
    return {
        "channel": workspace.channel_id("orders"),
        "steps": [
            {
                "key": key,
                "title": title,
                "as": workspace.user_id(person),
                "others": [workspace.user_id(one) for one in others],
                "channel": workspace.channel_id(channel),
                "says": f"@{workspace.bot_name} {words}",
                "posted": f"<@{workspace.bot_user_id}> {words}",
            }
            for key, title, person, others, channel, words in steps
        ],
    }
