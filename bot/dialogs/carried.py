"""What a dialog carries back to us when something in it is pressed: which action it is about, and where it was opened from."""

from dataclasses import dataclass

from agent.session.inbox import Where
from bot.slack.inbound import Body, at, where_told


@dataclass(frozen=True, slots=True)
class Carried:
    """`action_id`: several, with commas, in a dialog of several; `where` the card stands; `among`: the actions of the dialog
    below."""

    action_id: str
    where: Where | None = None
    among: str = ""

    def written(self) -> str:
        """Return it as `private_metadata`: up to three words."""
        words = (self.action_id, self.where.model_dump_json() if self.where else "-", self.among)
        return " ".join(words).removesuffix(" ").removesuffix(" -")


def carried(body: Body) -> Carried:
    """Return what the dialog of a delivery carries; an empty one without a dialog. Raises what `as_made` takes for an odd one."""
    words = str(at(body, "view", "private_metadata") or "").split(" ")
    action_id, _, among, *_ = [*words, "", "", ""]
    return Carried(action_id, where_told(body), among)
