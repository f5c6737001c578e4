# Everything here needs Go, git and make alone.
SHELL := /bin/bash
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
export GOFLAGS := -mod=readonly

.PHONY: build run demo test check lint fuzz bench clean

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

FUZZTIME ?= 5s
fuzz: ## each fuzz target for a while (FUZZTIME)
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; done

clean:
	rm -rf bin
