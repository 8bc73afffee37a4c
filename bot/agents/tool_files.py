"""Tools from a Python file that signoff.yaml names: whatever in it is a tool is one."""

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.canonical import sha256
from agent.tool.declare import DeclarationError
from agent.tool.definition import Tool
from bot.config.refusal import Refusal


def load_tool_file(path: Path) -> Sequence[Tool]:
    """Return the tools of a file, in its order. Runs it once for each call. Raises Refusal."""
    if not path.is_file():
        raise Refusal(f"There is no tool file {path}: write it, or correct its name in `tools` of signoff.yaml.")
    name = f"signoff_tools_{path.stem}_{sha256(str(path.resolve()))[:8]}"  # no other module's, whatever the file is called
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # its own types are looked up there
    try:
        spec.loader.exec_module(module)
    except DeclarationError as error:
        raise Refusal(str(error)) from None
    except (Exception, SystemExit) as error:
        words = str(error).splitlines() or ["no words"]
        where = f", line {line}" if (line := _line_of_error(error, path)) else ""
        raise Refusal(f"{path}{where}: the tool file cannot be loaded ({type(error).__name__}: {words[0]}); mend it.") from None
    tools = [value for value in vars(module).values() if isinstance(value, Tool)]
    if not tools:
        raise Refusal(f"{path} declares no tool: put @tool from agent.declare over a function, or take the file off `tools`.")
    return list({id(tool): tool for tool in tools}.values())


def _line_of_error(error: BaseException, path: Path) -> int:
    """Return the line of the file that an error came from; 0 if it came from elsewhere."""
    if isinstance(error, SyntaxError):
        return error.lineno or 0
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path.absolute()):  # as importlib names it
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
