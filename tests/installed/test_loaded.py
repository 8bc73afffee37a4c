"""A bot is ready before it has loaded what it does not need to be ready."""

import subprocess
import sys

# What takes long to load or holds much memory, and when it is loaded instead.
LATER = {
    "anthropic": "as soon as the bot is ready",
    "alembic": "where a database has to be migrated",
    "sqlalchemy": "likewise",
    "sqlmodel": "likewise",
    "numpy": "with the first text that is embedded",
    "tokenizers": "likewise",
    "safetensors": "likewise",
    "mcp": "where there are MCP servers",
    "presidio_analyzer": "with the first text that is masked",
    "spacy": "likewise",
    "pypdf": "in the process that reads a PDF",
    "plotly": "for a report",
}


def test_what_is_not_needed_to_be_ready_is_not_loaded_before() -> None:
    program = "import sys, bot.cli, bot.app.wiring; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "bot.app.wiring" in loaded
    assert {name: LATER[name] for name in LATER if name in loaded} == {}
