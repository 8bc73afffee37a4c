"""What is measured, and by which labels. `gen_ai.*` are the semantic conventions for generative AI 0.1.0 with their bucket
boundaries, `signoff.*` are ours.

A label has few values: none names a person, a conversation, or what somebody said.
"""

from opentelemetry import metrics

TOOL_TYPE = "gen_ai.tool.type"
MODALITY = "gen_ai.token.modality"
TOKEN_TYPE = "gen_ai.token.type"
OUTCOME = "signoff.outcome"
DELIVERY = "signoff.delivery"  # event, click, dialog or other
RATING = "signoff.rating"  # good, bad, or wrong: somebody said what
BUDGET = "signoff.budget"  # agent.model.spending.BudgetKind
POST = "signoff.post"  # agent.session.post_keys.PostKind, or update
KIND = "signoff.kind"

SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
AGENT_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
CALLS = (1, 2, 4, 8, 16, 32, 64, 128)
OLDER_TOKENS = tuple(4**power for power in range(14))
RUN_TOKENS = (250, 500, 1000, 2000, 3000, 5000, 7500, 10_000, 15_000, 20_000, 30_000, 50_000, 75_000, 100_000, 200_000, 500_000)
INGRESS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)  # Slack waits 3 s for the ack of a click
PEOPLE_SECONDS = (10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0, 86_400.0, 259_200.0, 604_800.0)

meter = metrics.get_meter("signoff")


def _times(name: str, description: str, boundaries: tuple[float, ...] = SECONDS) -> metrics.Histogram:
    return meter.create_histogram(name, "s", description, explicit_bucket_boundaries_advisory=boundaries)


def _tokens(name: str, description: str) -> metrics.Counter:
    return meter.create_counter(name, "{token}", description)


def _amounts(name: str, unit: str, description: str, boundaries: tuple[int, ...]) -> metrics.Histogram:
    return meter.create_histogram(name, unit, description, explicit_bucket_boundaries_advisory=boundaries)


# ---------------------------------------------------------------------------------------------- of the conventions

INFERENCE = _times("gen_ai.client.inference.duration", "Time of a model call, with all its tries.")
FIRST_CHUNK = _times("gen_ai.client.inference.time_to_first_chunk", "Time from a request to the model until its reply begins.")
INPUT = _tokens("gen_ai.client.inference.usage.input_tokens", "Tokens that the model read, those of its cache included.")
OUTPUT = _tokens("gen_ai.client.inference.usage.output_tokens", "Tokens that the model wrote.")
CACHE_READ = _tokens("gen_ai.client.inference.usage.cache_read.input_tokens", "Tokens that were read from the model's cache.")
CACHE_WRITE = _tokens("gen_ai.client.inference.usage.cache_write.input_tokens", "Tokens written to the model's cache.")
INVOCATION = _times("gen_ai.invoke_agent.duration", "Time of a claim of a conversation, until it rests again.", AGENT_SECONDS)
INFERENCE_CALLS = _amounts("gen_ai.invoke_agent.inference_calls", "{inference_call}", "Model calls of one claim.", CALLS)
TOOL_CALLS = _amounts("gen_ai.invoke_agent.tool_calls", "{tool_call}", "Runs of tools of one claim.", CALLS)
TOOL_RUN = _times("gen_ai.execute_tool.duration", "Time of a run of a tool.")
RETRIEVAL = _times("gen_ai.retrieval.duration", "Time of a search in what is remembered.")
# What dashboards of before 0.1.0 know. Nobody gets them unless they are asked for (`bot.app.exporting`).
OLDER_DURATION = _times("gen_ai.client.operation.duration", "Time of a model call, with all its tries.")
OLDER_USAGE = _amounts("gen_ai.client.token.usage", "{token}", "Tokens of a model call, by their type.", OLDER_TOKENS)

# ---------------------------------------------------------------------------------------------- ours

RUNS = meter.create_counter("signoff.runs", "{run}", "Turns that ended, by how: from people's words to the answer.")
TOKENS = _amounts("signoff.run.tokens", "{token}", "Tokens that a turn was charged.", RUN_TOKENS)
INGRESS = _times("signoff.ingress.duration", "Time until what Slack delivered is in the database, or refused.", INGRESS_SECONDS)
DECISIONS = meter.create_counter(
    "signoff.approval.decisions",
    "{decision}",
    "Whether proposed calls may run: by people or the clock (approved, rejected, expired, withdrawn, undeliverable), by policy "
    "(allowed, refused), or by a standing permission (granted).",
)
WAITED = _times("signoff.approval.wait", "Time from a card until it was decided.", PEOPLE_SECONDS)
BUDGET_REFUSALS = meter.create_counter("signoff.budget.refusals", "{refusal}", "Model calls that a budget did not allow.")
FAILED_TRIES = meter.create_counter("signoff.model.failed_tries", "{try}", "Tries of model calls that gave no reply.")
BREAKER = meter.create_gauge("signoff.model.out_of_reach", "{breaker}", "1 while a model is not called: its breaker is open.")
RETRIES = meter.create_counter(
    "signoff.retries", "{retry}", "Moves that are made again: somebody asked to wait (delayed), or the answer was lost (unclear)."
)
RATINGS = meter.create_counter("signoff.ratings", "{rating}", "What people said of answers: good, bad, or what was wrong.")
FAILED_POSTS = meter.create_counter("signoff.posts.failed", "{post}", "Messages that Slack refused for good.")
MASKING = meter.create_counter("signoff.masking.texts", "{text}", "Texts that were masked, or withheld since that failed.")
LEARNT = meter.create_counter("signoff.memory.learnt", "{item}", "Items that were remembered, or said again.")
FOUND = meter.create_counter("signoff.memory.found", "{item}", "Items that searches in what is remembered found.")
