"""A golden case and what a good model does in it, made by hand."""

from typing import Any

from bot.eval.cases import Case
from bot.eval.happened import CallMade, Figures, Played, Turn

CASE = Case.model_validate(
    {
        "case": "order-approved",
        "about": ["approval", "order"],
        "talk": [
            {"who": "ann", "says": "Please order two of WGT-001 for ada@example.com"},
            {"who": "ben", "does": "approve", "tool": "create_order"},
        ],
        "calls": {
            "must": [
                {"tool": "search_product_catalog", "arguments": {"query": "~wgt"}},
                {"tool": "create_order", "arguments": {"sku": "WGT-001", "quantity": 2}},
            ],
            "may": ["get_order"],
            "never": ["sql_*"],
        },
        "asks": ["create_order"],
        "state": [{"sql": "SELECT count(*) FROM shop.orders", "finds": 1}],
        "answer": {"says": [["two", "2"], "ordered"], "never": ["secret"]},
        "rubric": "Says that the order was placed.",
        "ceilings": {"iterations": 3, "tokens": 5_000},
    }
)
SEARCH = CallMade(
    tool="search_product_catalog", arguments={"query": "WGT-001"}, outcome="succeeded", ran=True, allowed_by="policy"
)
ORDER = CallMade(
    tool="create_order",
    arguments={"sku": "wgt-001", "quantity": 2, "customer": "ada@example.com"},
    outcome="succeeded",
    writes=True,
    asked=True,
    ran=True,
    allowed_by="approval",
)
READ = CallMade(tool="get_order", arguments={"id": 7}, outcome="succeeded", ran=True, allowed_by="policy")
POSTS = ("Approval needed: create_order", "Two pieces are ordered.")
PLAYED = Played(
    calls=(SEARCH, ORDER),
    cards=("create_order",),
    answer="Two pieces are ordered.",
    posts=POSTS,
    turns=(
        Turn(who="ann", did=CASE.talk[0].words, calls=2, posts=1),
        Turn(who="ben", did=CASE.talk[1].words, calls=2, posts=2),
    ),
    finds=(1,),
    figures=Figures(iterations=3, tokens=5_000, usd=0.02, seconds=1.5),
)


def changed(call: CallMade, **more: Any) -> CallMade:
    """A call that is otherwise as it was."""
    return call.model_copy(update=more)


def played(**more: Any) -> Played:
    """The case as it was played, otherwise."""
    return PLAYED.model_copy(update=more)
