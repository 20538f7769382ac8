#!/usr/bin/env bash
# Measures the shop engine beside a straightforward program on the same database and prints Markdown
# tables and the goals. docs/benchmarks.md says what the figures mean.
#
#   scripts/bench-shop.sh [--quick] [--only closed,open,flash,statements,export,big] [--keep DIR] …
#
# --quick   small sizes: shows that it works, not how fast
# --only    some of the parts
# --keep    a directory in which the filled stores stay for the next run (20 GB); it must be on the
#           disk that is meant. Default: a temporary directory, see TMPDIR
# All options: go run ./cmd/shopbench --help
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "== building" >&2
make build >&2
go build -trimpath -o "$work/shopbench" ./cmd/shopbench
# A server and a client with thousands of sockets each: as many files as the system lets us have.
ulimit -n "$(ulimit -Hn)"
"$work/shopbench" --server bin/shopcast "$@"
