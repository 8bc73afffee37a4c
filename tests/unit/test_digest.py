"""What an approval binds: whatever the card says is in its digest, and a card that waits since an older version keeps its own."""

from decimal import Decimal
from typing import Any

from agent.approvals.digest import action_digest
from agent.canonical import sha256
from agent.types import Magnitude, Preview, Wording
from tests.unit.shown import TOOLS, VERDICT

ORDER, WORDING, ARGUMENTS = TOOLS["order"], Wording(effect="write", verb="Place order"), {"quantity": 12}
PREVIEW = Preview(headline="Order 12 × Widget Pro", bound={"sku": "7"})


def digest(preview: Preview) -> str:
    arguments: dict[str, Any] = dict(ARGUMENTS)
    return action_digest("T1:C1:1.0", ORDER, arguments, VERDICT, WORDING, preview)


def test_how_much_is_part_of_what_is_approved() -> None:
    amounts = [Magnitude(number=Decimal(number), of=of) for number, of in (("588.00", "USD"), ("589.00", "USD"), ("588", "EUR"))]
    assert len({digest(PREVIEW.model_copy(update={"magnitude": one})) for one in (None, *amounts)}) == 4


def test_a_preview_of_before_there_were_magnitudes_keeps_its_digest() -> None:
    preview: dict[str, Any] = {"headline": "Order 12 × Widget Pro", "changes": [], "trouble": "", "bound": {"sku": "7"}}
    verdict, wording = VERDICT.model_dump(mode="json", exclude={"notify"}), WORDING.model_dump(mode="json")
    before = sha256(["T1:C1:1.0", "order", ORDER.schema(), ARGUMENTS, verdict, wording, preview])
    assert digest(PREVIEW) == before
