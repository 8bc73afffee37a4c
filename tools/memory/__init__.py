"""Memory as tools: search and list it, remember facts and files, correct facts, keep values by a key, and forget.

Enter at `memory_tools`. Never shows what somebody who reads along could not have read where it was learnt.
"""

from agent.tool.definition import Tool
from tools.memory.facts import correct_fact, forget, remember_fact, search_memory
from tools.memory.files import remember_file
from tools.memory.instructions import set_channel_instructions
from tools.memory.listing import list_memory
from tools.memory.port import Memory
from tools.memory.values import delete_memory, get_memory, set_memory

__all__ = ["Memory", "memory_tools"]


def memory_tools(port: Memory) -> tuple[Tool, ...]:
    """Return the tools of the pack."""
    return (
        search_memory(port),
        list_memory(port),
        remember_fact(port),
        remember_file(port),
        correct_fact(port),
        forget(port),
        get_memory(port),
        set_memory(port),
        delete_memory(port),
        set_channel_instructions(port),
    )
