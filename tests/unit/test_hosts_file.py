"""The hosts that signoff.yaml allows: one spelling each, and what is no host is refused."""

from pathlib import Path

import pytest

from agent.approvals.policy import Policy
from bot.config.file import load_config
from bot.config.refusal import Refusal


def test_allowed_hosts_are_read_in_one_spelling_and_policy_goes_by_them(here: Path) -> None:
    Path("signoff.yaml").write_text("allowed_hosts: [Docs.Example.com., '*.example.org:8443', 192.0.2.7, '[::1]:80']")
    hosts = ("docs.example.com", "*.example.org:8443", "192.0.2.7", "[::1]:80")
    assert load_config().policy == Policy(allowed_hosts=hosts)


@pytest.mark.parametrize(
    ("hosts", "sentence"),
    [
        ("docs.example.com", "line 2: `allowed_hosts` should be a list"),
        ("", "line 2: `allowed_hosts` should be a list"),
        ("{docs.example.com: true}", "line 2: `allowed_hosts` should be a list"),
        ("[7]", "line 2: `allowed_hosts.0` should be a text: put it in quotes"),
        ("\n- a.example\n- https://b.example", "line 4: `allowed_hosts.1` should be a host such as docs.example.com, or"),
        ("[b.example/path]", "should be a host such as docs.example.com"),
        ("[ann@b.example]", "should be a host such as docs.example.com"),
        ("['b.*.example']", "should be a host such as docs.example.com"),
        ("['*']", "should be a host such as docs.example.com"),
        ("[0x7f.1]", "should be a host such as docs.example.com"),
        ("['*.com']", "is '*.com', which would allow hosts of everybody"),
        ("['*.192.0.2.7']", "which would allow hosts of everybody"),
        ("[bücher.example]", "should be a host in ASCII, as its address has it (xn--...)"),
    ],
)
def test_what_is_no_host_is_refused_with_its_line(here: Path, hosts: str, sentence: str) -> None:
    Path("signoff.yaml").write_text(f"channels: {{}}\nallowed_hosts: {hosts}\n")
    with pytest.raises(Refusal) as refusal:
        load_config()
    assert sentence in str(refusal.value)
