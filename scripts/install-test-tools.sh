#!/usr/bin/env bash
# Installs Debian's Chromium when no browser is found. Everything else the tests
# need comes through Go and npm.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/find-browser.sh >/dev/null && exit 0
if ! command -v apt-get >/dev/null; then
	echo "make test: no browser found and no apt-get: install Chromium, or set CHROMIUM to a browser's path" >&2
	exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || { echo "make test: no browser found: as root, run apt-get install chromium" >&2; exit 1; }
	as_root=(sudo)
fi
echo "installing chromium (once)"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
scripts/find-browser.sh >/dev/null || { echo "make test: chromium was installed but does not run" >&2; exit 1; }
