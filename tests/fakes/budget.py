"""A budget that has always enough."""

from agent.model.spending import Ask, Charge, Refused, Reserved


class FakeBudget:
    """See `agent.run.ports.Budget`. `charges`: what was settled, in its order."""

    def __init__(self) -> None:
        self.charges: list[Charge] = []

    async def reserve(self, ask: Ask) -> Reserved | Refused:
        """Set aside what it asks at most, and settle the call before with it."""
        if ask.last is not None:
            self.charges.append(ask.last)
        return Reserved(ask.most_output, ask.tokens(ask.most_output), 0)

    async def settle(self, charge: Charge) -> None:
        """Write it down."""
        self.charges.append(charge)
