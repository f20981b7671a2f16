#!/usr/bin/env bats
# SPDX-License-Identifier: MIT OR Apache-2.0
# hark ledger prune, redact, retire: by a real harkd, and on its directory without one.

bats_require_minimum_version 1.5.0

setup_file() {
	export dir
	dir=$(mktemp -d)
	export HARK_CONTROL="$dir/run/control.sock"
	daemon_start
}

teardown_file() {
	[ ! -e "$dir/pid" ] || daemon_stop
	rm -rf "$dir"
}

setup() {
	hark="$HARK_BIN/hark"
}

# Returns once harkd has said that it is ready; fails where it ends before.
daemon_start() {
	local line
	rm -f "$dir/said"
	mkfifo "$dir/said"
	"$HARK_BIN/harkd" --data "$dir/data" --run "$dir/run" 2>"$dir/said" >/dev/null 3>&- &
	echo $! >"$dir/pid"
	exec 8<"$dir/said"
	while read -r line <&8; do
		[[ "$line" != *"harkd: ready"* ]] || break
	done
	cat <&8 >/dev/null 3>&- &
	exec 8<&-
	[[ "$line" == *"harkd: ready"* ]]
}

# Returns once it has ended.
daemon_stop() {
	kill "$(cat "$dir/pid")"
	timeout 60 tail --pid="$(cat "$dir/pid")" -f /dev/null
	rm "$dir/pid"
}

operations() {
	"$hark" tail --dir "$dir/data" --ledger operations --json | jq -r '.type | split(".") | last'
}

@test "a leaf that is not there is 66, in words" {
	for words in "redact 9000" "prune 9000"; do
		# shellcheck disable=SC2086 # the words are arguments
		run "$hark" ledger $words
		[ "$status" -eq 66 ]
		[ "$output" = "hark ledger ${words% *}: the ledger has no such leaf" ]
	done
}

@test "a directory in use is 75, and what is said holds for each of them" {
	for words in "redact 0" "prune 0" retire; do
		# shellcheck disable=SC2086 # the words are arguments
		run "$hark" ledger $words --dir "$dir/data"
		[ "$status" -eq 75 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ "$output" == *"is in use by a daemon: end it first, or leave out --dir for what it can do itself" ]]
	done
	run "$hark" ledger retire
	[ "$status" -eq 2 ]
}

@test "pruning up to the end is allowed by the daemon and without it, and not beyond" {
	"$hark" cell add c0 --uds-base "$dir/c0"
	size=$("$hark" ledger stat --json | jq -r .committed)
	run "$hark" ledger prune "$size"
	[ "$status" -eq 0 ]
	daemon_stop
	size=$("$hark" ledger stat --dir "$dir/data" --json | jq -r .committed)
	run "$hark" ledger prune "$size" --dir "$dir/data"
	[ "$status" -eq 0 ]
	run "$hark" ledger prune $((size + 1)) --dir "$dir/data"
	[ "$status" -eq 66 ]
	[[ "$output" == *"there is no leaf $size: the ledger has $size" ]]
	[ "$(operations | grep -c '^pruned$')" -eq 2 ]
}

@test "redacting without a daemon is on record, once" {
	run "$hark" ledger redact 1 --dir "$dir/data" --reason 'a "reason"'
	[ "$status" -eq 0 ]
	run "$hark" ledger redact 1 --dir "$dir/data"
	[ "$status" -eq 65 ]
	run "$hark" tail --dir "$dir/data"
	[[ "$output" == *"1  (redacted, "* ]]
	[ "$("$hark" tail --dir "$dir/data" --ledger operations --json |
		jq -r 'select(.type | endswith(".redacted")).data.operation.reason // empty')" = 'a "reason"' ]
}

@test "a ledger whose key is lost is moved aside, and another begins that names it" {
	root=$("$hark" ledger stat --dir "$dir/data" --json | jq -r .root)
	rm "$dir/data/keys/evidence.key"
	run timeout 20 "$HARK_BIN/harkd" --data "$dir/data" --run "$dir/run"
	[ "$status" -eq 78 ]
	[[ "$output" == *"$dir/data/keys/evidence.key is gone: restore the key, or begin anew with \`hark ledger retire\`"* ]]
	run --separate-stderr "$hark" ledger retire --dir "$dir/data" --json
	[ "$status" -eq 0 ]
	[ "$(jq -r .ledger <<<"$output")" = evidence ]
	origin=$(jq -r .origin <<<"$output")
	[[ "$origin" == */evidence.2 ]]
	key=$(jq -r .key <<<"$output")
	[ -d "$dir/data/retired/evidence-0001" ]
	[ "$("$hark" tail --dir "$dir/data" --json | head -1 | jq -r .data.previous.root)" = "$root" ]
	operations | grep -qx retired
	daemon_start
	[ "$("$hark" key show)" = "$key" ]
	daemon_stop
	run "$hark" verify "$dir/data" --key "$key"
	[ "$status" -eq 0 ]
	# As text it is the verifier key alone.
	run --separate-stderr "$hark" ledger retire --dir "$dir/data"
	[ "$status" -eq 0 ]
	[[ "$output" == */evidence.3+* ]]
	[ "${#lines[@]}" -eq 1 ]
}
