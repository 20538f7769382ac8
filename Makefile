# make run | test | build | generate | bench-media | bench-shop | soak-shop | soak-crash | lint | fmt.
# Everything a target needs beyond Go, Node and npm it brings itself.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

go_files = find . -name '*.go' -not -path '*/node_modules/*'
tool     = go tool -modfile=tools.mod
web_src := $(shell find web/src web/locale web/build.mjs web/package.json web/tsconfig.json -type f 2>/dev/null)
npm_ci   = npm ci --no-audit --no-fund --loglevel=error

.PHONY: help run demo build test lint fmt generate bench-media bench-shop soak-shop soak-crash check-go check-web test-go test-web test-e2e tools clean

help: ## Show this list
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

run: build ## Build and start the demo brand on http://localhost:8080
	@exec bin/shopcast demo

build: tools web/dist/manifest.json ## Build bin/shopcast with its pages inside
	@go build -trimpath -o bin/shopcast ./cmd/shopcast

test: tools ## Run everything CI runs: checks, Go tests with -race, real browsers
	@scripts/test.sh

generate: tools ## Renew what is generated: protocol.ts and the tables of docs/protocol.md
	@go test ./signaling -run '^TestProtocolIsCurrent$$' -count=1 -update

bench-media: tools ## Measure the media engine beside a plain relay and beside the floor (10 minutes)
	@scripts/bench-media.sh

bench-shop: tools ## Measure the shop engine beside plain database transactions (half an hour, 20 GB)
	@scripts/bench-shop.sh $(ARGS)

soak-shop: tools ## Run random histories against the model: CHECKS=10000000, SEED
	@scripts/soak-shop.sh $(or $(CHECKS),10000000) $(SEED)

soak-crash: tools ## Kill the shop under load, KILLS=1000 times, and check the books each time
	@scripts/soak-crash.sh $(KILLS)

lint: tools web/node_modules/.package-lock.json ## Run the slower linters too: golangci-lint, deadcode
	@scripts/check.sh
	@$(tool) golangci-lint run ./...
	@dead=$$($(tool) deadcode -test ./...); [ -z "$$dead" ] || { echo "$$dead"; exit 1; }

fmt: tools web/node_modules/.package-lock.json ## Format Go, TypeScript and CSS
	@$(go_files) -print0 | xargs -0 $(tool) gofumpt -w
	@cd web && npx --no-install biome check --write --log-level=error .

clean: ## Remove what was built; keeps data/
	@rm -rf bin e2e/out web/node_modules e2e/node_modules
	@find web/dist -mindepth 1 -not -name .gitkeep -delete

tools:
	@scripts/need.sh

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	@echo "web: installing packages"
	@cd web && $(npm_ci) && touch node_modules/.package-lock.json

web/dist/manifest.json: web/node_modules/.package-lock.json $(web_src)
	@cd web && npm run --silent build && touch dist/manifest.json

e2e/node_modules/.package-lock.json: e2e/package.json e2e/package-lock.json
	@echo "e2e: installing packages"
	@cd e2e && $(npm_ci) && touch node_modules/.package-lock.json

# Steps of scripts/test.sh, each good on its own.
check-web: web/node_modules/.package-lock.json
	@cd web && npm run --silent check

test-web: web/node_modules/.package-lock.json
	@cd web && npm test --silent

check-go: ; @scripts/check.sh
# The second run keeps the way without the Linux system calls honest.
test-go: web/dist/manifest.json ; @go test -race ./... && go test -tags portable ./sfu/udp

test-e2e: build e2e/node_modules/.package-lock.json
	@scripts/install-test-tools.sh
	@cd e2e && npm run --silent check && npm test --silent
