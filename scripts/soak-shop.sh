#!/usr/bin/env bash
# Lets random histories of orders, payments, refunds and all else run against a model, for as long as
# asked. Each slice has a seed of its own; the seed of a failure is printed with how to repeat it.
#
#   scripts/soak-shop.sh [CHECKS] [SEED]
#
# CHECKS  histories in all, default 10,000,000
# SEED    of the first slice, default from the clock; see stride for those of the next
# SLICE   histories per seed, in the environment; default 10,000
set -euo pipefail
cd "$(dirname "$0")/.."

checks=${1:-10000000} seed=${2:-$(date +%s)} slice=${SLICE:-10000}
test='^TestShop_history$'
for number in "$checks" "$seed" "$slice"; do
	[[ $number =~ ^[1-9][0-9]*$ ]] || { echo "soak-shop: $number is not a number above 0" >&2 && exit 2; }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go test -c -o "$work/shop.test" ./shop
cd shop
[ -n "$("$work/shop.test" -test.list "$test")" ] || { echo "soak-shop: package shop has no test $test" >&2 && exit 1; }

# run_slice SEED: one slice; its output only when it fails.
run_slice() {
	if ! "$work/shop.test" -test.run "$test" -test.timeout 0 -rapid.checks "$slice" -rapid.seed "$1" -rapid.nofailfile \
		>"$work/$1.log" 2>&1; then
		cat "$work/$1.log" >&2
		echo "soak-shop: seed $1 failed; repeat it with:" >&2
		echo "  go test ./shop -run '$test' -timeout 0 -rapid.checks $slice -rapid.seed $1" >&2
		return 255 # xargs then begins no more
	fi
	rm "$work/$1.log"
	echo "seed $1: $slice histories are right"
}
export -f run_slice
export work slice test

slices=$(((checks + slice - 1) / slice))
# rapid goes up by 1, 2, 3 … from its seed: slices this far apart have no history in common.
stride=$((slice * slice))
seq "$seed" "$stride" $((seed + stride * (slices - 1))) | xargs -P "$(nproc)" -I{} bash -c 'run_slice {}'
echo "$((slices * slice)) histories are right, seeds from $seed in steps of $stride"
