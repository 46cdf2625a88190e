# `make run` and `make test` need git, make and cargo; they install the rest.

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
DESTDIR ?=
# Dashboards and rules.
SHARE = $(PREFIX)/share/geoip-exporter
DOC = $(PREFIX)/share/doc/geoip-exporter
BASHDIR = $(PREFIX)/share/bash-completion/completions
ZSHDIR = $(PREFIX)/share/zsh/site-functions
FISHDIR = $(PREFIX)/share/fish/vendor_completions.d
ARGS ?=
KERNELS ?=
# Parts of `make test-packages`; empty for all.
PARTS ?=
SECONDS ?= 180
# Booted by `make test` for a quick look; empty for none.
TEST_KERNEL ?= 6.1

# Where rustup puts cargo, for shells that have not been told yet.
export PATH := $(PATH):$(HOME)/.cargo/bin

# What /metrics says the exporter was built from.
REVISION = $(shell git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null)
BUILD = GEOIP_EXPORTER_REVISION=$(or $(REVISION),unknown) cargo build --release --locked

# CPU time of a first build, for what `make run` says.
BUILD_SECONDS = 480

TARGET := $(or $(CARGO_TARGET_DIR),target)
EXPORTER := $(TARGET)/release/geoip-exporter
UNITS := $(notdir $(wildcard etc/*.service etc/*.timer))
C_SOURCES := $(wildcard bpf-src/*.[ch] benches/bpf/*.[ch] tests/privileged/harness/driver.bpf.c)
SHELL_SCRIPTS := $(filter-out scripts/make-% scripts/check-schemas scripts/test-container,$(wildcard scripts/*)) .ci/run \
	etc/container/assemble tests/kernels/init \
	$(filter-out %.service,$(wildcard tests/unit/*)) $(wildcard tests/packages/*) \
	$(filter-out %/copyright %/lintian-overrides %/description,$(wildcard etc/debian/* etc/rpm/*))

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Count on all interfaces and serve it; flags: make run ARGS="--log-level debug"
	@[ -e $(EXPORTER) ] || echo "the first build takes about $$((1 + $(BUILD_SECONDS) / 60 / $$(nproc)))" \
		"minutes on the $$(nproc) CPUs of this machine; later starts take seconds"
	@scripts/install-packages build run
	$(BUILD)
	@scripts/run $(ARGS)

.PHONY: build
build: ## Build the exporter
	@scripts/install-packages build
	$(BUILD)

.PHONY: dist
dist: ## Build the static binary and its tarball, in var/dist
	@scripts/install-packages build dist
	scripts/dist tarball

.PHONY: deb
deb: ## Make the Debian package, in var/dist
	@scripts/install-packages build dist
	scripts/dist deb

.PHONY: rpm
rpm: ## Make the RPM package, in var/dist
	@scripts/install-packages build dist
	scripts/dist rpm

.PHONY: test
test: ## Run all tests, the privileged ones as root and in a kernel in QEMU
	@scripts/install-packages build test $(if $(TEST_KERNEL),kernels)
	cargo test --locked
	scripts/test-privileged
	$(if $(TEST_KERNEL),scripts/test-kernels --quick $(TEST_KERNEL))

.PHONY: soak
soak: ## Everything at once, as root, for three minutes; longer: make soak SECONDS=1800
	@scripts/install-packages build test
	SOAK_SECONDS=$(SECONDS) scripts/test-privileged --nocapture soak::

.PHONY: bench
bench: ## Measure what it costs, as root; a short try: make bench ARGS=--quick
	@scripts/install-packages build bench
	@scripts/bench $(ARGS)

.PHONY: test-kernels
test-kernels: ## Boot kernels in QEMU, test in them: KERNELS="6.1 6.12-rt FILE.deb"
	@scripts/install-packages build kernels
	scripts/test-kernels $(KERNELS)

.PHONY: test-unit
test-unit: ## Boot a Debian in QEMU, check the unit under its systemd
	@scripts/install-packages build kernels unit
	$(BUILD)
	scripts/test-unit

.PHONY: test-reproducible
test-reproducible: ## Build twice in two folders, compare the bytes; quicker: ARGS=--quick
	@scripts/install-packages build
	scripts/test-reproducible $(ARGS)

.PHONY: bench-fleet
bench-fleet: ## Load a month of 1,000 hosts into a VictoriaMetrics, query it; fewer: ARGS="--hosts 100"
	@scripts/install-packages build fleet
	benches/fleet $(ARGS)

.PHONY: sbom
sbom: ## List what the binary is made of, in the format of CycloneDX, in var/dist
	@scripts/install-packages build
	scripts/sbom

.PHONY: test-arm64
test-arm64: ## Compile the C for arm64, and compare its layouts, in QEMU's user mode
	@scripts/install-packages build arm64
	cargo test --locked --test arm64

.PHONY: test-container
test-container: ## Build the static binary, run it in the container's file system, as root
	@scripts/install-packages build container
	RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --locked \
		--target $(shell uname -m)-unknown-linux-gnu
	scripts/test-container $(TARGET)/$(shell uname -m)-unknown-linux-gnu/release/geoip-exporter

.PHONY: test-packages
test-packages: ## Test the static binary and the packages, as root, also under systemd in QEMU
	@scripts/install-packages build dist packages kernels unit
	scripts/test-packages $(PARTS)

.PHONY: check
check: ## Check format, lints, documentation and dependencies
	@scripts/install-packages build check
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --test privileged --test kernels -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --document-private-items
	clang-format --dry-run --Werror $(C_SOURCES)
	shellcheck $(SHELL_SCRIPTS)
	scripts/check-dependencies
	scripts/check-deployment

.PHONY: check-deployment
check-deployment: ## Check the Dockerfile, the compose files and the Helm chart
	@scripts/install-packages check
	scripts/check-deployment

.PHONY: advisories
advisories: ## Check the dependencies for known vulnerabilities; needs the network
	scripts/check-dependencies advisories

.PHONY: format
format: ## Format all sources
	cargo fmt
	clang-format -i $(C_SOURCES)

.PHONY: docs
docs: ## Write anew what is made from the sources: man pages, sample, tables
	UPDATE_DOCUMENTS=1 cargo test --locked --test it documents
	scripts/check-deployment --update

.PHONY: test-databases
test-databases: ## Write anew the country databases in tests/data
	UPDATE_TEST_DATABASES=1 cargo test --locked --test it databases

.PHONY: install
install: ## Install what `make build` built; PREFIX, SYSCONFDIR, UNITDIR and DESTDIR say where
	@test -x $(EXPORTER) || { echo 'nothing is built yet: run "make build"' >&2; exit 1; }
	install -D -s -m 755 $(EXPORTER) $(DESTDIR)$(PREFIX)/bin/geoip-exporter
	install -m 755 scripts/fetch-database $(DESTDIR)$(PREFIX)/bin/geoip-exporter-fetch
	install -d $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 644 man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8
	install -D -m 644 man/geoip-exporter.toml.5 $(DESTDIR)$(PREFIX)/share/man/man5/geoip-exporter.toml.5
	install -d $(DESTDIR)$(UNITDIR)
	for unit in $(UNITS); do \
		sed 's:/usr/local/bin/:$(PREFIX)/bin/:' etc/$$unit >$(DESTDIR)$(UNITDIR)/$$unit && \
		chmod 644 $(DESTDIR)$(UNITDIR)/$$unit || exit; \
	done
	install -D -m 644 etc/completions/geoip-exporter.bash $(DESTDIR)$(BASHDIR)/geoip-exporter
	install -D -m 644 etc/completions/_geoip-exporter $(DESTDIR)$(ZSHDIR)/_geoip-exporter
	install -D -m 644 etc/completions/geoip-exporter.fish $(DESTDIR)$(FISHDIR)/geoip-exporter.fish
	install -d $(DESTDIR)$(SHARE)/openrc
	sed 's:/usr/local/bin/:$(PREFIX)/bin/:' etc/openrc/geoip-exporter >$(DESTDIR)$(SHARE)/openrc/geoip-exporter
	chmod 644 $(DESTDIR)$(SHARE)/openrc/geoip-exporter
	install -d $(DESTDIR)$(DOC) $(DESTDIR)$(SYSCONFDIR)/geoip-exporter.d
	install -m 644 README.md CHANGELOG.md SECURITY.md LICENSE-MIT LICENSE-APACHE $(DESTDIR)$(DOC)
	install -d $(DESTDIR)$(DOC)/docs
	install -m 644 docs/*.md docs/openapi.json $(DESTDIR)$(DOC)/docs
	install -d $(DESTDIR)$(SHARE)/grafana/provisioning $(DESTDIR)$(SHARE)/prometheus
	install -m 644 etc/grafana/*.json etc/grafana/README.md $(DESTDIR)$(SHARE)/grafana
	install -m 644 etc/grafana/provisioning/*.yml $(DESTDIR)$(SHARE)/grafana/provisioning
	install -m 644 etc/geoip-exporter-web.yml $(DESTDIR)$(SHARE)
	install -m 644 etc/prometheus/*.yml etc/prometheus/README.md $(DESTDIR)$(SHARE)/prometheus
	@if [ -e $(DESTDIR)$(SYSCONFDIR)/geoip-exporter.toml ]; then \
		echo 'leaving $(DESTDIR)$(SYSCONFDIR)/geoip-exporter.toml as it is'; \
	else \
		set -x; install -D -m 644 etc/geoip-exporter.toml $(DESTDIR)$(SYSCONFDIR)/geoip-exporter.toml; \
	fi

.PHONY: uninstall
uninstall: ## Remove what `make install` installed, except the configuration
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,geoip-exporter geoip-exporter-fetch)
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/share/man/man8/,$(notdir $(wildcard man/*.8)))
	rm -f $(DESTDIR)$(PREFIX)/share/man/man5/geoip-exporter.toml.5
	rm -f $(addprefix $(DESTDIR)$(UNITDIR)/,$(UNITS))
	rm -f $(DESTDIR)$(BASHDIR)/geoip-exporter $(DESTDIR)$(ZSHDIR)/_geoip-exporter
	rm -f $(DESTDIR)$(FISHDIR)/geoip-exporter.fish
	rm -rf $(DESTDIR)$(SHARE) $(DESTDIR)$(DOC)
	@rmdir $(DESTDIR)$(SYSCONFDIR)/geoip-exporter.d 2>/dev/null || true
	@if [ -e $(DESTDIR)$(SYSCONFDIR)/geoip-exporter.toml ]; then \
		echo 'leaving $(DESTDIR)$(SYSCONFDIR)/geoip-exporter.toml'; \
	fi
