#!/usr/bin/env bash
# Kills a shop under load again and again: no order that was acknowledged may be lost, and the books
# must be right at each reopening.
#
#   scripts/soak-crash.sh [KILLS]
#
# KILLS  how often, default 1,000
set -euo pipefail
cd "$(dirname "$0")/.."

kills=${1:-1000} test='^TestShop_killed$'
[[ $kills =~ ^[1-9][0-9]*$ ]] || { echo "soak-crash: $kills is not a number above 0" >&2 && exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go test -c -o "$work/shop.test" ./shop
cd shop
[ -n "$("$work/shop.test" -test.list "$test")" ] || { echo "soak-crash: package shop has no test $test" >&2 && exit 1; }
SHOPCAST_SOAK_KILLS=$kills "$work/shop.test" -test.run "$test" -test.timeout 0 -test.v
