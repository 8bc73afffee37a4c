"""Ids of spans for the SDK: those of a turn follow from its session, all others are drawn."""

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from agent.trace_ids import next_ids


class TurnIds(RandomIdGenerator):
    """Names a turn's spans as `agent.trace_ids` says, whichever process makes them."""

    def generate_trace_id(self) -> int:
        """Return the trace of the turn that begins, or a new one."""
        of_turn = next_ids.get()
        return super().generate_trace_id() if of_turn is None else of_turn[0]

    def generate_span_id(self) -> int:
        """Return the span of the turn that begins, or a new one."""
        of_turn = next_ids.get()
        return super().generate_span_id() if of_turn is None else of_turn[1]
