"""A tool file of the demo: the pack `web`'s own tool, for one page that lies on this machine.

In production `fetch_page` takes no address of this machine, whatever a configuration says, and that stays so: this tool is
another one, and only the demo's signoff.yaml names its file. It knows one host, which the demo tells in SIGNOFF_DEMO_SUPPLIER.
"""

import os
from collections.abc import Sequence
from dataclasses import replace

from tools.addresses import look_up
from tools.web import web

SUPPLIER = os.environ.get("SIGNOFF_DEMO_SUPPLIER", "")  # host and port, as addresses name them


async def where(host: str, port: int) -> Sequence[str]:
    """Return this machine for the supplier, and for everybody else what the machine says. Raises OSError."""
    return ("127.0.0.1",) if f"{host}:{port}" == SUPPLIER else await look_up(host, port)


# The one tool in here: whatever else were a tool in this file would be offered too.
read_supplier_page = replace(web(private_hosts=(SUPPLIER,), lookup=where)[0], name="read_supplier_page")
