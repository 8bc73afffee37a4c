"""Finding products: Postgres full text first, a plainer keyword search when that finds nothing or fails."""

import logging
import re
from decimal import Decimal

import psycopg
from psycopg.rows import class_row
from pydantic import BaseModel, Field

from agent.tool.arguments import Arguments
from agent.tool.definition import Effect, Tool, ToolContext
from tools.catalog.database import PgConnection, Pool, reading

log = logging.getLogger(__name__)

STATEMENT_TIMEOUT_MS = "2000"  # so that a stuck full-text search leaves time for the plainer one

DESCRIPTION = """\
Search the shop's product catalogue by words from a product's name, category or description, or by an exact SKU.
Call it whenever someone asks what the shop sells, what something costs or whether it is in stock, and always before \
create_order: it is where SKUs come from, so never guess one. For an order that was already placed, call \
get_order_status instead.
Comes back: {"products": [{"sku", "name", "category", "price_usd", "stock", "description"}], "note"}, best match \
first; price_usd is text with two decimals, in US dollars; stock is the number of pieces that can be ordered now. \
Every word helps and none is required, so look whether the first products are what was meant. An empty list means \
that nothing fits: say so, or search once more with other words. A note says when the matches come from a plainer \
keyword search or what to try next.
Reads only; calling it again is safe. Errors: invalid_input (mend the arguments), timeout or unexpected (try once \
more later)."""


class SearchProductCatalog(Arguments, frozen=True):
    """What to look for."""

    query: str = Field(
        min_length=1,
        max_length=200,
        description="A few plain words, such as 'espresso machine' or 'desk lamp', or one exact SKU, such as "
        "'WGT-001'. No operators; leave out filler words and prices.",
    )
    limit: int = Field(default=5, ge=1, le=20, description="The largest number of products to return, 1 to 20.")


class ProductFound(BaseModel, frozen=True):
    """One product as the model reads it. `price_usd` becomes text with two decimals."""

    sku: str
    name: str
    category: str
    price_usd: Decimal
    stock: int
    description: str


class ProductsFound(BaseModel, frozen=True):
    """Best match first. `note` says what the reader must know about how they were found."""

    products: list[ProductFound]
    note: str | None = None


# websearch_to_tsquery joins words with AND, which finds nothing as soon as one word is missing; hence "a or b or c".
# The rank knows no exact match: who types a whole SKU or the beginning of a name means that product.
FULL_TEXT = """
SELECT sku, name, category, price_usd, stock, description
FROM shop.product, websearch_to_tsquery('english', %(any_word)s) AS wanted
WHERE search @@ wanted OR sku = %(sku)s
ORDER BY sku = %(sku)s DESC, lower(name) = %(name)s DESC, starts_with(lower(name), %(name)s) DESC,
         ts_rank(search, wanted) DESC, sku
LIMIT %(limit)s
"""

# Stop words ("for", "the") stay out: part of a word is enough here, and they are part of everything. Words hold letters
# and digits only, so nothing in a pattern needs escaping.
KEYWORDS = """
SELECT sku, name, category, price_usd, stock, description
FROM shop.product,
LATERAL (
    SELECT count(*) FILTER (WHERE concat_ws(' ', sku, name, category, description) ILIKE pattern) AS anywhere,
           count(*) FILTER (WHERE name ILIKE pattern) AS in_name
    FROM unnest(%(words)s::text[]) AS word, concat('%%', word, '%%') AS pattern
    WHERE numnode(plainto_tsquery('english', word)) > 0
) AS hits
WHERE anywhere > 0
ORDER BY anywhere DESC, in_name DESC, sku
LIMIT %(limit)s
"""

CATEGORIES = "SELECT string_agg(DISTINCT category, ', ' ORDER BY category) FROM shop.product"


def search_product_catalog(pool: Pool) -> Tool:
    """Return the tool that finds products."""

    async def search(arguments: SearchProductCatalog, context: ToolContext) -> ProductsFound:
        return await reading(pool, lambda connection: _search(connection, arguments))

    return Tool(
        name="search_product_catalog",
        description=DESCRIPTION,
        arguments=SearchProductCatalog,
        handler=search,
        effect=Effect.READ,
        can="Search the product catalogue. Ask: “Which desk lamps are in stock?”",
        verb="Search",
        consequence="Searches the product catalogue. Nothing is changed.",
        undo="There is nothing to undo.",
        headline=lambda arguments: f"Search the catalogue for “{arguments.query}”",
        doing=lambda arguments: f"Looking up {arguments.query}",
    )


async def _search(connection: PgConnection, arguments: SearchProductCatalog) -> ProductsFound:
    words = re.findall(r"[^\W_]+", arguments.query)
    note = "Full-text search found nothing"
    try:
        if products := await _full_text(connection, arguments, words):
            return ProductsFound(products=products)
    except psycopg.Error as error:
        if connection.broken:
            raise
        log.warning("full-text search failed, falling back to keywords: %s", error.sqlstate or type(error).__name__)
        note = "Full-text search failed"
    if products := await _keywords(connection, arguments, words):
        return ProductsFound(
            products=products,
            note=f"{note}, so these come from a plainer keyword search: it matches parts of words and ranks roughly.",
        )
    cursor = await connection.execute(CATEGORIES)
    (categories,) = await cursor.fetchone() or ("",)
    return ProductsFound(
        products=[],
        note=f"{note}; a plainer keyword search had no match. The categories are: {categories}.",
    )


async def _full_text(connection: PgConnection, arguments: SearchProductCatalog, words: list[str]) -> list[ProductFound]:
    # A transaction, which the time limit ends with; a statement that fails leaves a connection on which the fallback can run.
    async with connection.transaction(), connection.cursor(row_factory=class_row(ProductFound)) as cursor:
        await cursor.execute("SELECT set_config('statement_timeout', %s, true)", [STATEMENT_TIMEOUT_MS])
        query = arguments.query
        wanted = {"any_word": " or ".join(words), "sku": query.upper(), "name": query.lower(), "limit": arguments.limit}
        await cursor.execute(FULL_TEXT, wanted)
        return await cursor.fetchall()


async def _keywords(connection: PgConnection, arguments: SearchProductCatalog, words: list[str]) -> list[ProductFound]:
    async with connection.cursor(row_factory=class_row(ProductFound)) as cursor:
        await cursor.execute(KEYWORDS, {"words": words, "limit": arguments.limit})
        return await cursor.fetchall()
