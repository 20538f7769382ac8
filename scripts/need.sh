#!/usr/bin/env bash
# Says in one line each what is missing to build Shopcast, and how to get it.
set -uo pipefail
missing=0
lack() { echo "make: $1" >&2; missing=1; }

# at_least HAVE WANT: compares dotted versions.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n1)" = "$2" ]; }

if ! command -v go >/dev/null; then
	lack "Go 1.26 or newer is missing: install it from https://go.dev/dl/"
else
	# GOTOOLCHAIN=auto lets Go 1.21 and newer fetch the version go.mod asks for.
	have=$(go env GOVERSION 2>/dev/null | sed 's/^go//; s/[^0-9.].*//')
	at_least "${have:-0}" 1.26 || lack "Go is ${have:-unknown}, 1.26 or newer is needed: install it from https://go.dev/dl/"
fi
if ! command -v node >/dev/null; then
	lack "Node 20 or newer is missing: install it from https://nodejs.org/ or your distribution"
else
	have=$(node --version | tr -d v)
	at_least "$have" 20.19 || lack "Node is $have, 20.19 or newer is needed: install it from https://nodejs.org/"
fi
command -v npm >/dev/null || lack "npm is missing: it comes with Node, or as the package npm of your distribution"
exit "$missing"
