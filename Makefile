# Everything here needs Go, git and make alone.
SHELL := /bin/bash
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
export GOFLAGS := -mod=readonly

.PHONY: build run demo test check lint torture load fuzz guests bench bench-compare tutorial clean

build: ## the one binary, bin/sluice
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X sluice/host/cli.version=$(VERSION)" -o bin/sluice ./host/cmd/sluice

run: build ## a server that stays, on 127.0.0.1:8080 with its data in ./data
	bin/sluice serve

demo: build ## a server, a messy file of 100,000 rows, and what became of them
	$(GO) run ./bench/cmd/demo --sluice bin/sluice

# The race detector needs a C compiler.
RACE := $(shell command -v $${CC:-cc} >/dev/null 2>&1 && echo -race)

test: ## every test
	CGO_ENABLED=$(if $(RACE),1,0) $(GO) test $(RACE) -shuffle=on -timeout 30m ./...

lint:
	@test -z "$$(gofmt -l host engine plugins storage bench)" || { gofmt -l host engine plugins storage bench; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

check: lint ## what must hold before a commit: format, vet, staticcheck, tidy
	GOFLAGS=-mod=mod $(GO) mod tidy -diff

ROUNDS ?= 60
SEED ?= 1
torture: build ## kill a server at random, fill its disk, trace its syncs, and hold it to what it promised
	$(GO) run ./bench/cmd/torture --sluice bin/sluice --rounds $(ROUNDS) --seed $(SEED) kills full syncs

load: build ## what others notice of a crowd of slow clients, uploads and queued jobs
	$(GO) run ./bench/cmd/torture --sluice bin/sluice crowd

FUZZTIME ?= 5s
fuzz: ## each fuzz target for a while (FUZZTIME)
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; done

# .ci/toolchains installs what this needs. Debian's rustc comes first, because it
# has the wasm32 library.
CLANG ?= clang
RUSTC ?= $(shell test -x /usr/bin/rustc && echo /usr/bin/rustc || echo rustc)
ASC ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/sluice-toolchains/assemblyscript-0.28.9/node_modules/.bin/asc
RUST_FLAGS := --edition 2021 --target wasm32-unknown-unknown -C opt-level=3 -C panic=abort --remap-path-prefix $(CURDIR)=.

guests: ## every committed .wasm, from its source
	$(CLANG) --target=wasm32 -O2 -nostdlib -ffreestanding -fvisibility=hidden \
	  -mbulk-memory -Wl,--no-entry -Wl,--strip-debug -o plugins/examples/cleaner/cleaner.wasm plugins/examples/cleaner/cleaner.c
	$(CLANG) --target=wasm32 -O2 -nostdlib -ffreestanding -fvisibility=hidden -fno-builtin \
	  -mbulk-memory -Wl,--no-entry -Wl,--strip-all -o plugins/conform/chaos/guest/chaos.wasm plugins/conform/chaos/guest/chaos.c
	tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && \
	  $(RUSTC) $(RUST_FLAGS) --crate-type rlib --crate-name sluice -o "$$tmp/libsluice.rlib" plugins/sdk/rust/src/lib.rs && \
	  $(RUSTC) $(RUST_FLAGS) --crate-type cdylib -C strip=symbols --extern sluice="$$tmp/libsluice.rlib" \
	    -o plugins/examples/hubspot/hubspot.wasm plugins/examples/hubspot/hubspot.rs
	$(CLANG) --target=wasm32 -O2 -mbulk-memory -nostdlib -fno-builtin -Wl,--no-entry -Wl,--strip-all \
	  -o plugins/meter/testdata/work.wasm plugins/meter/testdata/work.c
	$(ASC) plugins/examples/salesforce/salesforce.ts -o plugins/examples/salesforce/salesforce.wasm \
	  -O3 --noAssert --runtime minimal --use abort= --exportStart _initialize
	chmod 644 plugins/examples/*/*.wasm plugins/conform/chaos/guest/chaos.wasm plugins/meter/testdata/work.wasm

# What bench takes beside these is in bin/bench --help, as BENCH='--rows 100000'.
RUNS ?= 7
BENCH ?=
REF ?= HEAD

bench: build ## Sluice beside its peers and the floor; a table, and bin/bench.json
	$(GO) build -o bin/bench ./bench/cmd/bench
	bin/bench --runs $(RUNS) --json bin/bench.json $(BENCH)

bench-compare: ## the working tree and the revision REF by turns
	$(GO) build -o bin/bench ./bench/cmd/bench
	bin/bench compare $(REF) --runs $(RUNS) $(BENCH)

tutorial: ## plugins/README.md's tutorial to the letter, in each language
	SLUICE_TUTORIAL=go,rust,c,as ASC="$(ASC)" RUSTC="$(RUSTC)" CLANG="$(CLANG)" $(GO) test -count 1 -run TestTutorial ./host/cli

clean:
	rm -rf bin
