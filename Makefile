# What can be done here. Needs Rust, Node.js with npm, make and a C compiler; `make e2e` says what else it needs.

CARGO ?= cargo
NPM ?= npm

.PHONY: help build run ui test e2e bench check reference screenshots image deb

help:
	@echo 'make build   the server, optimised: target/release/roadstead'
	@echo 'make run     build it and start it on http://127.0.0.1:8080, keeping everything in ./data'
	@echo 'make ui      the portal with hot reload, against the server at ROADSTEAD_URL (http://127.0.0.1:8080)'
	@echo 'make test    unit and integration tests; no root, no network'
	@echo 'make e2e     real clients against a real server'
	@echo 'make bench   speed and memory, side by side with what one would use instead'
	@echo 'make screenshots   docs/portal, as the portal looks'
	@echo 'make reference   docs/reference, as the code has it'
	@echo 'make image   the container image, from the local build: target/roadstead-image.tar'
	@echo 'make deb     the Debian package, from the local build: target/debian/*.deb'
	@echo 'make check   format, lints, licences and dependencies: what CI wants clean'

# The portal, which the server embeds: built where its sources, or the API they are written for, have changed.
UI_MODULES := ui/node_modules/.package-lock.json
UI_SOURCES := $(shell find ui/src ui/build ui/index.html ui/*.ts ui/*.json -type f ! -name generated.d.ts)

$(UI_MODULES): ui/package.json ui/package-lock.json
	cd ui && $(NPM) ci
	touch $@

ui/dist/index.html: $(UI_MODULES) $(UI_SOURCES) docs/reference/openapi.json
	cd ui && $(NPM) run --silent build

ui: $(UI_MODULES)
	cd ui && $(NPM) run --silent dev

build: ui/dist/index.html
	$(CARGO) build --release -p roadstead

run: build
	./target/release/roadstead serve --config deploy/roadstead.example.yml

# The whole workspace is built, so that tests and e2e run the same binary and nothing is built twice.
test: ui/dist/index.html
	cd ui && $(NPM) run --silent test
	$(CARGO) build --workspace
	$(CARGO) test --workspace

e2e: ui/dist/index.html
	$(CARGO) build --workspace
	tests/e2e/run

bench:
	benches/run

check: $(UI_MODULES)
	cd ui && $(NPM) run --silent types && $(NPM) run --silent lint
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
		$(CARGO) deny check bans licenses sources; \
	else \
		echo 'dependencies not checked: cargo-deny is not installed (cargo install cargo-deny --locked)'; \
	fi

# For `docker load` and `podman load`. Needs buildah; pulls nothing. deploy/Dockerfile makes the same image from nothing.
image: build
	deploy/image/assemble target/release/roadstead target/roadstead-image.tar localhost/roadstead:latest

# Needs cargo-deb: cargo install cargo-deb --locked.
deb: build
	deploy/debian/files target/release/roadstead target/debian
	$(CARGO) deb -p roadstead --no-build
screenshots: ui/dist/index.html
	$(CARGO) build --workspace
	PORTAL_SCREENSHOTS=docs/portal tests/e2e/run portal

# Written beside and moved: the build reads the old one.
reference:
	$(CARGO) run --quiet -p roadstead -- openapi > docs/reference/openapi.json.new
	mv docs/reference/openapi.json.new docs/reference/openapi.json
