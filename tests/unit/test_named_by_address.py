"""A policy that names people by address is, with their ids, the policy that names them by id."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.approvals.policy import Policy, Rule
from agent.types import Approvers, Escalation
from bot.config.addresses import addresses, with_ids
from bot.config.refusal import Refusal

IDS = {f"{name}@acme.example": f"U{number}" for number, name in enumerate(("ann", "ben", "cleo", "o'neil+x"))}
NAMES = st.lists(st.sampled_from([*IDS, *IDS.values(), "U9"]), max_size=5).map(tuple)


@given(users=NAMES, further=st.none() | NAMES, quorum=st.integers(1, 4), members=st.booleans())
def test_each_address_becomes_the_id_of_its_person(
    users: tuple[str, ...], further: tuple[str, ...] | None, quorum: int, members: bool
) -> None:
    def of(*named: str) -> set[str]:
        return {IDS.get(name, name) for name in named}

    escalation = Escalation(after_seconds=60, to=Approvers(users=further)) if further is not None else None
    rule = Rule(tool="pay", approvers=Approvers(users=users, channel_members=members), quorum=quorum, escalation=escalation)
    everybody = (*users, *(further or ()))
    enough = members or len(of(*everybody)) >= quorum or len({*everybody}) < quorum  # too few as it is written: said elsewhere
    if not enough:
        with pytest.raises(Refusal, match="line 3: an address and an id"):
            with_ids(Policy((replace(rule, line=3),)), IDS)
        return
    [named] = with_ids(Policy((replace(rule, line=3),)), IDS).rules
    assert addresses(Policy((named,))) == ()
    assert set(named.approvers.users) == of(*users)
    assert len(named.approvers.users) == len(of(*users))
    assert (named.escalation is None) == (further is None)
    if named.escalation is not None and further is not None:
        assert set(named.escalation.to.users) == of(*further)
    assert replace(named, approvers=rule.approvers, escalation=rule.escalation, line=rule.line) == rule
