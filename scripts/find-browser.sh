#!/usr/bin/env bash
# Prints the path of a browser the tests drive: $CHROMIUM, or the first of the usual names.
# With the argument firefox: $FIREFOX, or the first of its names.
set -euo pipefail
names=("${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable)
[ "${1:-}" = firefox ] && names=("${FIREFOX:-}" firefox-esr firefox)
for name in "${names[@]}"; do
	[ -n "$name" ] && command -v "$name" && exit 0
done
exit 1
