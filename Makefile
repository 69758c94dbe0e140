# What can be done here. Needs Rust, make and a C compiler; `make e2e` says what else it needs.

CARGO ?= cargo

.PHONY: help build run test e2e bench check reference image deb

help:
	@echo 'make build   the server, optimised: target/release/roadstead'
	@echo 'make run     build it and start it on http://127.0.0.1:8080, keeping everything in ./data'
	@echo 'make test    unit and integration tests; no root, no network'
	@echo 'make e2e     real clients against a real server'
	@echo 'make bench   speed and memory, side by side with what one would use instead'
	@echo 'make reference   docs/reference, as the code has it'
	@echo 'make image   the container image, from the local build: target/roadstead-image.tar'
	@echo 'make deb     the Debian package, from the local build: target/debian/*.deb'
	@echo 'make check   format, lints, licences and dependencies: what CI wants clean'

build:
	$(CARGO) build --release -p roadstead

run: build
	./target/release/roadstead serve --config deploy/roadstead.example.yml

# The whole workspace is built, so that tests and e2e run the same binary and nothing is built twice.
test:
	$(CARGO) build --workspace
	$(CARGO) test --workspace

e2e:
	$(CARGO) build --workspace
	tests/e2e/run

bench:
	benches/run

check:
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

# Written beside and moved: the build reads the old one.
reference:
	$(CARGO) run --quiet -p roadstead -- openapi > docs/reference/openapi.json.new
	mv docs/reference/openapi.json.new docs/reference/openapi.json
