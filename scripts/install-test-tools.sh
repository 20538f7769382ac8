#!/usr/bin/env bash
# Installs Debian's Chromium and Firefox where there are none. Everything else the tests
# need comes through Go and npm.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=()
scripts/find-browser.sh >/dev/null || packages+=(chromium)
scripts/find-browser.sh firefox >/dev/null || packages+=(firefox-esr)
[ ${#packages[@]} -eq 0 ] && exit 0
if ! command -v apt-get >/dev/null; then
	echo "make test: no ${packages[*]} and no apt-get: install it, or set CHROMIUM and FIREFOX to the browsers' paths" >&2
	exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || { echo "make test: a browser is missing: as root, run apt-get install ${packages[*]}" >&2; exit 1; }
	as_root=(sudo)
fi
echo "installing ${packages[*]} (once)"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
scripts/find-browser.sh >/dev/null && scripts/find-browser.sh firefox >/dev/null ||
	{ echo "make test: ${packages[*]} was installed but is not found" >&2; exit 1; }
