# `cargo run` runs the gateway, `make test` proves it.

VENV := .venv
# On its own, because it pins what the SAM CLI pins otherwise.
MINISTACK := .venv-ministack
PYTHON ?= python3
export SAM_CLI_TELEMETRY := 0
# `sam validate` wants a region and asks nobody there.
export AWS_DEFAULT_REGION ?= us-east-1

.PHONY: test e2e tools peers format lint documentation unit template package package-native bench watch clean

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

TEMPLATES = template.yaml $(wildcard examples/*.yaml)

template: tools
	$(VENV)/bin/cfn-lint $(TEMPLATES)
	@for template in $(TEMPLATES); do $(VENV)/bin/sam validate --lint --template $$template || exit 1; done
	$(VENV)/bin/python -m unittest discover --start-directory tests/template --top-level-directory tests

# What is deployed, for arm64 through zig. Nothing that an earlier build left behind is taken for this one's.
package: tools
	rm -rf .aws-sam/build target/lambda
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" sam build --template template.yaml --build-dir .aws-sam/build
	$(VENV)/bin/python tests/package_sizes.py .aws-sam/build

# The same functions for this machine, in a fraction of the time: as quick to start, but larger.
NATIVE := .aws-sam/native

package-native: export CARGO_LAMBDA_COMPILER := cargo
package-native: export CARGO_PROFILE_RELEASE_LTO := off
package-native: export CARGO_PROFILE_RELEASE_CODEGEN_UNITS := 16
package-native: tools
	rm -rf $(NATIVE) target/lambda
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" sam build --template template.yaml --build-dir $(NATIVE) \
		--parameter-overrides Architecture=x86_64
	$(VENV)/bin/python tests/package_sizes.py $(NATIVE)

# The natively built template on an emulator of AWS, with the functions' own binaries behind it.
e2e: tools
	$(VENV)/bin/python -u -m tests.e2e

# What a decision costs in requests, a token beside its bare signature check, a run of alb-sync, a delivery of metrics,
# and a cold start beside Node's and Python's. A quiet machine tells more.
bench: tools peers
	cargo bench -p usage --bench decisions --locked
	cargo bench -p authorizer --bench tokens --locked
	cargo bench -p alb-sync --bench runs --locked
	cargo bench -p metrics-publisher --bench deliveries --locked
	cargo bench -p tests --bench startup --locked

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

# What the benchmarks hold ours against, at pinned versions, inside the project's folder.
NODE_PEER := tests/startup/node/node_modules
PYTHON_PEER := tests/startup/python/.venv

peers: $(NODE_PEER)/installed $(PYTHON_PEER)/installed

$(NODE_PEER)/installed: tests/startup/node/package.json tests/startup/node/package-lock.json
	npm ci --prefix tests/startup/node --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

# Without pip in the end, which nobody would deploy.
$(PYTHON_PEER)/installed: tests/startup/python/requirements.txt
	$(PYTHON) -m venv --clear $(PYTHON_PEER)
	$(PYTHON_PEER)/bin/pip install --quiet --disable-pip-version-check --requirement tests/startup/python/requirements.txt
	$(PYTHON_PEER)/bin/pip uninstall --quiet --yes setuptools pip
	touch $@

# `make watch FUNCTION=authorizer`, then `.venv/bin/cargo-lambda lambda invoke authorizer --data-file events/…`
watch: tools
	$(PYTHON) tests/watch.py $(FUNCTION)

clean:
	rm -rf target $(VENV) $(MINISTACK) tests/node_modules $(NODE_PEER) $(PYTHON_PEER) .aws-sam
