"""MCP servers as tool packs: `Bridge` keeps them running, `Server` says what they are."""

from tools.mcp.bridge import Bridge
from tools.mcp.claims import claimed
from tools.mcp.connection import Connection
from tools.mcp.offer import Offer
from tools.mcp.server import Local, Remote, Server

__all__ = ["Bridge", "Connection", "Local", "Offer", "Remote", "Server", "claimed"]
