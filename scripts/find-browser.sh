#!/usr/bin/env bash
# Prints the path of the browser the tests drive: $CHROMIUM, or the first of the usual names.
set -euo pipefail
for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
	[ -n "$name" ] && command -v "$name" && exit 0
done
exit 1
