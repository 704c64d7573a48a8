# Every target but race builds without cgo.
export CGO_ENABLED := 0
GO      ?= go
TOOL    := $(GO) tool -modfile=tools/go.mod
LDFLAGS := -s -w
FUZZTIME ?= 5s
MANDIR   ?= dist-man

.PHONY: build test verify race lint fuzz bench bench-peers soak cover check dist man help

build: ## build ./bin/lt
	$(GO) build -trimpath -ldflags "$(LDFLAGS)" -o bin/lt ./cmd/lt

# The tests of cmd/lt run whole loads: beside other packages' tests they would
# measure those.
test: ## every test but the counted suites; under 5 minutes on 2 cores
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || echo "SKIPPED SUITE: the tests of PostgreSQL need it (apt-get install postgresql)"
	$(GO) test $$($(GO) list ./... | grep -v /cmd/lt$$)
	$(GO) test ./cmd/lt

verify: ## the counted suites: faults, kills, browser, fuzz; under 20 minutes
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || echo "SKIPPED SUITE: the browser tests need Chromium (apt-get install chromium)"
	LT_VERIFY=1 $(GO) test -count=1 -p 1 -timeout 20m -run '^(TestVerify|TestBrowser)' ./...
	cd tools/promcheck && $(GO) test -count=1 ./...
	$(MAKE) fuzz

race: ## the tests of what runs at once under the race detector (needs gcc: -race needs cgo)
	@command -v $${CC:-gcc} >/dev/null || { echo "make race needs a C compiler (apt-get install gcc)" >&2; exit 1; }
	CGO_ENABLED=1 $(GO) test -race -short -timeout 15m $$($(GO) list ./... | grep -vE '/(cmd/lt|report|internal/(verdict|selftest|importer))$$')
	CGO_ENABLED=1 $(GO) test -race -short -timeout 15m ./cmd/lt

lint: ## vet, staticcheck, gofumpt, go mod tidy drift, cross-compilation
	$(GO) vet ./...
	cd tools && $(GO) vet ./...
	cd tools/promcheck && $(GO) vet ./...
	$(TOOL) staticcheck ./...
	@out="$$($(TOOL) gofumpt -l $$(git ls-files '*.go'))"; test -z "$$out" || { echo "gofumpt -w would change:"; echo "$$out"; exit 1; } >&2
	$(GO) mod tidy -diff
	cd tools && $(GO) mod tidy -diff
	cd tools/promcheck && $(GO) mod tidy -diff
	GOOS=darwin GOARCH=arm64 $(GO) build -o /dev/null ./cmd/lt
	GOOS=windows GOARCH=amd64 $(GO) build -o /dev/null ./cmd/lt

fuzz: ## each fuzz target for FUZZTIME (5s)
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; \
	done

bench: ## benchmarks; size, start-up time, cost and memory of lt and of the reference platform
	$(GO) test -run '^$$' -bench . -benchmem ./internal/... ./scenarios ./fixtures/...
	LT_BENCH=1 $(GO) test -count=1 -p 1 -v -timeout 20m -run '^TestBench' ./cmd/lt ./fixtures/gateway

bench-peers: build ## lt beside wrk, h2load, fortio, hey and k6, as far as they are installed; writes docs/benchmarks.md
	cd tools && $(GO) build -o ../bin/peers ./peers
	bin/peers -lt bin/lt -out docs/benchmarks.md $(if $(ROWS),-only $(ROWS)) $(if $(ROUNDS),-rounds $(ROUNDS)) $(if $(LENGTH),-length $(LENGTH))

soak: ## the counted suites in full length (hours)
	LT_VERIFY=1 LT_SOAK=1 $(GO) test -count=1 -p 1 -timeout 8h -run '^(TestVerify|TestBrowser)' ./...
	$(MAKE) fuzz FUZZTIME=10m

cover: ## test coverage, in coverage.html
	$(GO) test -coverprofile=coverage.out ./...
	$(GO) tool cover -html=coverage.out -o coverage.html

dist: ## the release in ./dist: archives for 6 systems, SBOMs, SHA256SUMS
	cd tools && $(GO) run ./dist -out ../dist $(if $(TARGETS),-targets $(TARGETS))

man: build ## the manual pages in ./dist-man
	bin/lt man $(MANDIR)

check: lint test race verify ## all that CI runs; under 28 minutes

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14
