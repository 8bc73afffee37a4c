"""What a server says of a tool's effect, and what is made of it.

A hint that is not there claims nothing in the tool's favour. The protocol's defaults are: it writes, and its world is open.
"""

from agent.approvals.addresses import takes_address
from agent.tool.definition import Effect
from tools.mcp.listed import Listed


def effect(listed: Listed, *, trusted: bool, open_world: bool | None = None) -> Effect:
    """Return the effect that a listed tool counts as. Where it contradicts itself, the stricter claim holds.

    `open_world` is the configuration's word on the server's reads, and beats the server's: False vouches that what is asked
    stays there. Nobody can vouch for a tool that takes an address.
    """
    if not trusted:
        return Effect.WRITE
    if listed.destructive is True:
        return Effect.IRREVERSIBLE
    if listed.read_only is not True:
        return Effect.WRITE
    stays = open_world is False or (open_world is None and listed.open_world is False)
    return Effect.READ if stays and not takes_address(listed.input_schema) else Effect.EGRESS


def leaves_open(listed: Listed) -> bool:
    """Return whether a tool states that it only reads, takes no address, and leaves out whether its world is open."""
    reads = listed.read_only is True and listed.destructive is not True
    return reads and listed.open_world is None and not takes_address(listed.input_schema)


def claimed(listed: Listed) -> str:
    """Return what the server states, in a few words."""
    stated = [("read-only", listed.read_only), ("destructive", listed.destructive), ("open world", listed.open_world)]
    words = [name if value else f"not {name}" for name, value in stated if value is not None]
    return ", ".join(words) or "nothing"
