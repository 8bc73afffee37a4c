"""The section `audit` of signoff.yaml: where the heads of the audit log are kept outside of its database."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from agent.approvals.policy import DAY_SECONDS
from bot.config.policy_section import duration_seconds
from bot.config.sections import Section


class Audit(Section):
    """A file, and the ops channel where there is one."""

    heads: str = Field(default="", min_length=1)
    """The file; by default `audit-heads` in SIGNOFF_HOME."""
    every: Annotated[int, BeforeValidator(duration_seconds)] = 3600
    """How often a line is added to it, if the log has grown."""
    post_every: Annotated[int, BeforeValidator(duration_seconds)] = DAY_SECONDS
    """How often it is posted to the ops channel."""
