"""A tool in ten lines: `@tool` over a typed function. What is wrong with it is one sentence, when its file is imported."""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from string import Formatter
from typing import Any, Literal, get_type_hints, overload

from pydantic import BaseModel, create_model

from agent.tool.answer import Answer
from agent.tool.arguments import Arguments
from agent.tool.definition import Effect, Handler, Result, Tool, ToolContext
from agent.tool.threads import WAIT_SECONDS, leaving_the_loop
from agent.types import Preview

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what the Messages API takes

Function = Callable[..., Any]
Words = str | Callable[[Any], str]  # "Restart {service}", or a function of the arguments


class DeclarationError(Exception):
    """A function that cannot be made a tool. One sentence, with the file, the line and the mend."""


@overload
def tool(function: Function, /) -> Tool: ...
@overload
def tool(
    *,
    effect: Effect | Literal["read", "egress", "write", "irreversible"] = Effect.WRITE,
    name: str = "",
    time_limit_seconds: float = 10.0,
    idempotent: bool = False,
    verb: str = "Run",
    consequence: str = "",
    undo: str = "",
    headline: Words | None = None,
    doing: Words | None = None,
    can: str | None = "",
    untrusted: Words | None = None,
    preview: Callable[[Any, ToolContext], Awaitable[Preview] | Preview] | None = None,
    named: tuple[str, ...] = (),
    several: str = "",
    receipt: str = "",
    reconcile: Callable[[Any, ToolContext], Awaitable[Result | None] | Result | None] | None = None,
) -> Callable[[Function], Tool]: ...
def tool(function: Function | None = None, /, **declared: Any) -> Tool | Callable[[Function], Tool]:
    """Make a function the agent's tool: `@tool(effect="read")`, or bare `@tool`, which is a write since nothing else is said.

    - Its parameters are the arguments: each has a type, and best an `Annotated[..., Field(description=...)]`. A pydantic
      model as the only one stands for all of them. One of type ToolContext gets what is known of the call. Arguments are
      strict, and unknown ones are refused.
    - Its docstring is the description that the model reads; its name is the tool's, unless `name` says otherwise.
    - It answers a mapping, a pydantic model, a text or a list, and raises ToolError to say what went wrong.
    - A plain `def` runs in a thread. After `time_limit_seconds` nobody waits for it any more, but nothing can end it, so a write
      should set a limit for whatever it waits for.
    - `idempotent`: it honours `context.idempotency_key`, so that it may be run again when its result was lost.
      `reconcile(arguments, context)` is asked in that case otherwise: what it found, or None if that cannot be told.
    - `verb`, `headline`, `consequence` and `undo` are for the person who decides; `doing`, as in "Looking up {name}", is for
      those who watch it run. `preview(arguments, context)` says what would change. `untrusted` names the outside source that the
      result's text comes from. `headline`, `doing` and `untrusted` are a text with arguments in braces, or a function of them.
    - `named` are arguments that the headline or a preview's changes hold as they are. `several` is what several calls make
      ("orders"). `receipt` is the field of the answer that names what came of it, such as an order's id.
    - `can` tells people what to ask for: "Look up an order. Ask: “Where is ORD-1042?”". Without it they read how the docstring
      begins; with None nothing, since nobody would ask for it.

    Raises DeclarationError.
    """
    if function is not None:
        return _Declared(function).tool(declared)
    return lambda function: _Declared(function).tool(declared)


class _Declared:
    """A function that is to be a tool."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.context = ""  # the parameter that takes the ToolContext
        self.whole = ""  # the parameter that takes all arguments as a model
        self.fields: dict[str, Any] = {}  # parameter -> (type, default)

    def tool(self, declared: Mapping[str, Any]) -> Tool:
        """Return the tool as the agent takes it."""
        options = {name: value for name, value in declared.items() if name not in ("name", "headline", "doing", "untrusted")}
        name = declared.get("name") or self.function.__name__
        if not NAME.fullmatch(name):
            raise self.wrong("its name should be 1 to 64 of the letters a to z, digits, _ and -: give it another with `name=`")
        description = inspect.getdoc(self.function)
        if not description:
            raise self.wrong("it has no docstring, which is what the model reads: say when to call it and what comes back")
        try:
            options["effect"] = Effect(declared.get("effect", Effect.WRITE))
        except ValueError:
            raise self.wrong(f"its effect should be one of {', '.join(Effect)}, not {declared['effect']!r}") from None
        arguments = self.arguments()
        limit = float(declared.get("time_limit_seconds", 10.0))
        for words in ("headline", "doing", "untrusted"):
            options[words] = self.words(words, declared.get(words), arguments)
        for asked in ("preview", "reconcile"):
            if (function := declared.get(asked)) is not None:
                options[asked] = leaving_the_loop(function, min(WAIT_SECONDS, limit / 2))
        try:
            return Tool(name=name, description=description, arguments=arguments, handler=self.handler(limit), **options)
        except (TypeError, ValueError) as error:
            raise self.wrong(str(error).removesuffix(".")) from None

    def wrong(self, why: str) -> DeclarationError:
        """Return the error with this sentence."""
        code = inspect.unwrap(self.function).__code__
        return DeclarationError(f"{code.co_filename}, line {code.co_firstlineno}: {self.function.__name__} is no tool: {why}.")

    # ------------------------------------------------------------------------------------------ parameters

    def arguments(self) -> type[BaseModel]:
        """Return the model of the arguments, strict whatever it was before."""
        try:
            hints = get_type_hints(self.function, include_extras=True)
        except Exception as error:
            raise self.wrong(f"a type of its parameters cannot be read ({error}): import it where it is needed") from None
        for parameter in inspect.signature(self.function).parameters.values():
            self.take(parameter, hints)
        title = "".join(part.capitalize() for part in self.function.__name__.split("_"))
        try:
            model = self.the_model() or create_model(title, __base__=Arguments, **self.fields)
            schema = model.model_json_schema()
        except Exception as error:  # pydantic's own, of several kinds
            raise self.wrong(f"its parameters cannot be arguments ({str(error).splitlines()[0]}): use types of JSON") from None
        for inner, part in schema.get("$defs", {}).items():
            if part.get("properties") and part.get("additionalProperties") is not False:
                raise self.wrong(f"{inner} would take what it does not know: derive it from agent.arguments.Arguments")
        return model

    def the_model(self) -> type[BaseModel] | None:
        """Return the model that is the only parameter, made strict."""
        if len(self.fields) != 1:
            return None
        [(name, (hint, default))] = self.fields.items()
        if not (isinstance(hint, type) and issubclass(hint, BaseModel) and default is ...):
            return None
        self.whole = name
        if issubclass(hint, Arguments):
            return hint
        return create_model(hint.__name__, __base__=(hint, Arguments), __doc__=hint.__doc__)

    def take(self, parameter: inspect.Parameter, hints: Mapping[str, Any]) -> None:
        """Take in one parameter."""
        name, hint = parameter.name, hints.get(parameter.name)
        if parameter.kind not in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY):
            raise self.wrong(f"`{parameter}` takes what has no name: write out each parameter")
        if hint is None:
            raise self.wrong(f"the parameter `{name}` has no type: write one behind it, such as `{name}: str`")
        if hint is ToolContext:
            self.context = name
        elif hasattr(BaseModel, name) or name.startswith(("_", "model_")):
            raise self.wrong(f"`{name}` cannot be the name of an argument: rename the parameter")
        else:
            self.fields[name] = (hint, ... if parameter.default is parameter.empty else parameter.default)

    def handler(self, limit_seconds: float) -> Handler:
        """Return the function that runs, called with its arguments by name."""
        function = leaving_the_loop(self.function, min(WAIT_SECONDS, limit_seconds / 2))

        async def handle(arguments: BaseModel, context: ToolContext) -> Answer:
            given = {self.whole: arguments} if self.whole else {name: getattr(arguments, name) for name in self.fields}
            return await function(**given, **({self.context: context} if self.context else {}))

        handle.degrades = getattr(self.function, "degrades", False)  # pyright: ignore[reportFunctionMemberAccess]
        return handle

    # ------------------------------------------------------------------------------------------ words for people

    def words(self, what: str, words: Words | None, arguments: type[BaseModel]) -> Callable[[Any], str] | None:
        """Return a text or function as a function of the arguments."""
        if not isinstance(words, str):
            return words
        named = [name for _, name, _, _ in Formatter().parse(words) if name is not None]
        if unknown := [name for name in named if name not in arguments.model_fields]:
            there = ", ".join(arguments.model_fields) or "none"
            raise self.wrong(f"`{what}` names {{{unknown[0]}}}, which is no argument: there are {there}")
        return lambda given: words.format(**{name: getattr(given, name) for name in named})
