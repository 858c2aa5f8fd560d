# `cargo run` runs the gateway, `make test` proves it.

VENV := .venv
# On its own, because it pins what the SAM CLI pins otherwise.
MINISTACK := .venv-ministack
PYTHON ?= python3
export SAM_CLI_TELEMETRY := 0
# `sam validate` wants a region and asks nobody there.
export AWS_DEFAULT_REGION ?= us-east-1

.PHONY: test tools peers format lint documentation unit template bench watch clean

test: format lint documentation unit template

format:
	cargo fmt --all --check

lint:
	cargo clippy --workspace --all-targets --locked -- -D warnings

documentation:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

unit: tools
	@if cargo nextest --version >/dev/null 2>&1; then \
		cargo nextest run --workspace --locked --no-fail-fast; \
	else \
		cargo test --workspace --locked --no-fail-fast; \
	fi

template: tools
	$(VENV)/bin/cfn-lint template.yaml
	$(VENV)/bin/sam validate --lint --template template.yaml
	$(PYTHON) -m unittest discover --start-directory tests/bench

# Every comparison on this machine, into BENCHMARKS.md; PART=limiter is one of them. A quiet machine tells more.
bench: tools peers
	$(PYTHON) tests/bench/run.py $(PART)

# What the tests run beside Rust, at pinned versions, inside the project's folder.
tools: $(VENV)/installed $(MINISTACK)/installed tests/node_modules/installed

$(VENV)/installed: tests/requirements.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement tests/requirements.txt
	touch $@

# Two servers that speak DynamoDB, each lax where the other is not.
$(MINISTACK)/installed: tests/ministack-requirements.txt
	$(PYTHON) -m venv --clear $(MINISTACK)
	$(MINISTACK)/bin/pip install --quiet --disable-pip-version-check --requirement tests/ministack-requirements.txt
	touch $@

tests/node_modules/installed: tests/package.json tests/package-lock.json
	npm ci --prefix tests --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

# What the benchmarks hold ours against, at pinned versions, inside the project's folder; wrk and nginx from Debian.
NODE_PEERS := tests/bench/node/node_modules
PYTHON_PEERS := tests/bench/python/.venv tests/bench/zae-limiter/.venv

peers: $(NODE_PEERS)/installed $(PYTHON_PEERS:=/installed)
	-(command -v wrk && command -v nginx) >/dev/null || apt-get install --yes --no-install-recommends wrk nginx-light

$(NODE_PEERS)/installed: tests/bench/node/package.json tests/bench/node/package-lock.json
	npm ci --prefix tests/bench/node --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

# Without pip in the end, which nobody would deploy.
tests/bench/%/.venv/installed: tests/bench/%/requirements.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	$(@D)/bin/pip uninstall --quiet --yes setuptools pip
	touch $@

# `make watch FUNCTION=authorizer`, then `.venv/bin/cargo-lambda lambda invoke authorizer --data-file events/…`
watch: tools
	$(PYTHON) tests/watch.py $(FUNCTION)

clean:
	rm -rf target $(VENV) $(MINISTACK) tests/node_modules $(NODE_PEERS) $(PYTHON_PEERS) .aws-sam
