"""Addresses of messages, as Slack makes them."""


def message_link(slack_url: str, channel: str, ts: str, thread_ts: str = "") -> str:
    """Return the address of a message. `slack_url`: the workspace's; `thread_ts`: of the thread that it is a reply in."""
    below = f"?thread_ts={thread_ts}&cid={channel}" if thread_ts else ""
    return f"{slack_url}archives/{channel}/p{ts.replace('.', '')}{below}"
