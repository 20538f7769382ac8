#!/usr/bin/env bash
# The Go checks that must be silent: format, vet, staticcheck.
set -euo pipefail
cd "$(dirname "$0")/.."
tool() { go tool -modfile=tools.mod "$@"; }

unformatted=$(find . -name '*.go' -not -path '*/node_modules/*' -print0 | xargs -0 go tool -modfile=tools.mod gofumpt -l)
if [ -n "$unformatted" ]; then
	printf 'not formatted, run make fmt:\n%s\n' "$unformatted" >&2
	exit 1
fi
go vet ./...
tool staticcheck ./...
