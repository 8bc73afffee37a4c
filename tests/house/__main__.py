"""`python -m tests.house`: the table of what is long or wide; exit status 1 if something gives no reason."""

import sys

from rich.console import Console
from rich.table import Table

from tests.house.size import oversizes

found = list(oversizes())
table = Table("where", "size", "because", box=None, padding=(0, 2, 0, 0))
for one in found:
    table.add_row(one.name, one.size, one.reason or "[red]no reason given[/]")
Console(width=130).print(table)
sys.exit(any(not one.reason for one in found))
