"""Slack's error codes: each that its reference lists for a method that we call means what its sentence there says.

`slack_errors.yaml` has the codes, the methods with their kinds, and the classes.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from agent.errors import CredentialsError, DelayedError, RefusedError, UnclearError
from bot.slack.web_api import CREDENTIALS_SECONDS, WAIT_SECONDS, Meaning, meaning, problem
from tests.conftest import REPOSITORY

TABLE: Any = yaml.safe_load(Path(__file__).with_name("slack_errors.yaml").read_text())
CLASSES: dict[str, str] = {code: of for of, codes in TABLE["classes"].items() for code in codes.split()}
METHODS: dict[str, list[str]] = {
    method: [*TABLE["every"].split(), *of["codes"].split()] for method, of in TABLE["methods"].items()
}
CASES = [(method, code) for method, codes in METHODS.items() for code in codes]
MEANINGS: dict[str, Meaning] = {
    "form": "form",
    "place": "not_here",
    "gone": "gone",
    "not offered": "not_offered",
    "not offered here": "not_offered_here",
}
CALLED = re.compile(r'"((?:agents|assistant|chat|conversations|files|usergroups|users|views)\.[a-zA-Z.]+[a-zA-Z])"')


def answered(method: str, code: str, headers: dict[str, str] | None = None, status: int = 200) -> Exception:
    """What a method's refusal means, in an answer as slack_sdk makes it."""
    data = {"ok": False, "error": code}
    url = f"https://slack.com/api/{method}"
    response = AsyncSlackResponse(
        client=None, http_verb="POST", api_url=url, req_args={}, data=data, headers=headers or {}, status_code=status
    )
    return problem(method, SlackApiError("refused", response))


def expected(method: str, code: str) -> str:
    """The class of a code as a method's answer: without the right to post nothing at all can be said."""
    lacking = method == "chat.postMessage" and code in ("missing_scope", "not_allowed_token_type")
    return "credentials" if lacking else CLASSES[code]


@pytest.mark.parametrize("method", METHODS)
def test_every_code_of_every_method_means_what_slack_says_of_it(method: str) -> None:
    for code in METHODS[method]:
        error, of = answered(method, code), expected(method, code)
        match error:
            case CredentialsError():
                found = "credentials", error.code, error.seconds
                assert found == (of, code, CREDENTIALS_SECONDS)
            case DelayedError():
                assert (of, error.seconds) == ("wait", WAIT_SECONDS), code
            case UnclearError():
                assert of == "unclear", code
            case _:
                assert isinstance(error, RefusedError)
                assert (str(error), meaning(code)) == (code, MEANINGS.get(of)), code


def test_a_wait_is_as_long_as_slack_says() -> None:
    for code in (code for code, of in CLASSES.items() if of == "wait"):
        error = answered("chat.postMessage", code, {"Retry-After": "7"})
        assert isinstance(error, DelayedError)
        assert error.seconds == 7


def test_a_code_of_next_year_says_that_the_form_is_not_taken() -> None:
    assert isinstance(answered("chat.postMessage", "a_code_of_next_year"), RefusedError)
    assert meaning("a_code_of_next_year") == "form"


def test_the_table_has_every_method_that_we_call_and_a_class_for_each_code_once() -> None:
    codes = [code for of in TABLE["classes"].values() for code in of.split()]
    assert len(codes) == len(set(codes))
    assert {code for _, code in CASES} == set(codes)
    sources = [
        path.read_text() for folder in ("slack", "home", "dialogs", "app") for path in (REPOSITORY / "bot" / folder).glob("*.py")
    ]
    assert {method for source in sources for method in CALLED.findall(source)} <= METHODS.keys()
