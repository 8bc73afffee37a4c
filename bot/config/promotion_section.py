"""The section `promotion` of signoff.yaml: who decides which version of a prompt is live."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from agent.approvals import policy
from agent.approvals.condition import Condition
from bot.config.policy_section import ApproversSection, ChannelId, somebody
from bot.config.sections import Section

TOOL = "promote_prompt"
MOST_SHARE = 50  # percent of new conversations: what leads more of them is no canary


class PromotionSection(Section):
    """Where the card of a promotion is decided, and by whom."""

    channel: ChannelId
    """Where `signoff prompts promote` asks. Its agent needs the pack `prompts`."""
    approvers: Annotated[ApproversSection, AfterValidator(somebody)] = ApproversSection(channel_members=True)
    """Who may decide; default: members of that channel."""
    quorum: int = Field(default=2, ge=1, strict=True)
    """How many people decide what is live for everybody; a canary for at most half of new conversations needs one."""
    worse_by: float = Field(default=0.1, gt=0, le=1)
    """A canary or a shadow ends by itself once the share of its conversations that went well is lower by this much, and that is
    no noise."""
    shadow_tokens_per_day: int = Field(default=200_000, ge=1, strict=True)
    """What all hidden runs of a day may spend. They count in no budget of a person, a session or the workspace."""

    def rules(self) -> Sequence[policy.Rule]:
        """Return the rules of policy that say so. They come before those of the section `policy`."""
        approvers, reason = self.approvers.as_type(), "A prompt is promoted like any other deployment"
        canary = Condition(f'args.label == "canary" && args.share <= {MOST_SHARE}')
        return (
            policy.Rule(tool=TOOL, when=canary, approvers=approvers, reason=reason, name="promotion of signoff.yaml"),
            policy.Rule(tool=TOOL, approvers=approvers, quorum=self.quorum, reason=reason, name="promotion of signoff.yaml"),
        )
