#!/usr/bin/env bash
# Everything CI runs, in the order that fails soonest, with the time each step took.
# All steps run even when one fails; the last lines say what ran and what failed.
set -uo pipefail
cd "$(dirname "$0")/.."

failed=()
report=()
step() { # step NAME COMMAND…
	local name=$1 began=$SECONDS verdict=ok
	shift
	printf '\n== %s\n' "$name"
	"$@" || { verdict=FAILED; failed+=("$name"); }
	report+=("$(printf '%-7s %4d s  %s' "$verdict" $((SECONDS - began)) "$name")")
}

step "browser" scripts/install-test-tools.sh
step "build: pages and binary" make build
step "check: gofumpt, vet, staticcheck" make check-go
step "check: TypeScript" make check-web
step "test: TypeScript units" make test-web
step "test: Go with -race" make test-go
step "test: real browsers" make test-e2e

printf '\n== summary\n'
printf '%s\n' "${report[@]}"
if [ "${#failed[@]}" -gt 0 ]; then
	printf '\n%d of %d steps failed\n' "${#failed[@]}" "${#report[@]}"
	exit 1
fi
printf '\nall %d steps passed\n' "${#report[@]}"
