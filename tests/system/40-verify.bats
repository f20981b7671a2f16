#!/usr/bin/env bats
# SPDX-License-Identifier: MIT OR Apache-2.0
# hark verify, prove and ledger as a person uses them: a real daemon's data directory, live and cold.

setup_file() {
	hark="$HARK_BIN/hark"
	dir=$(mktemp -d "$BATS_FILE_TMPDIR/v.XXXXXX")
	HARK_CONTROL="$dir/run/control.sock"
	export hark dir HARK_CONTROL
	start
	"$hark" key show >"$dir/evidence.vkey"
	"$hark" key show --ledger operations >"$dir/operations.vkey"
	keys="--key $dir/evidence.vkey --key $dir/operations.vkey"
	export keys
	workload a
}

teardown_file() {
	stop
	rm -rf "$dir"
}

start() {
	"$HARK_BIN/harkd" --data "$dir/data" --run "$dir/run" 3>&- 2>>"$dir/log" &
	echo $! >"$dir/pid"
	until "$hark" status >/dev/null 2>&1; do
		kill -0 "$(cat "$dir/pid")" || { cat "$dir/log"; return 1; }
	done
}

stop() {
	[ -e "$dir/pid" ] || return 0
	kill "$(cat "$dir/pid")" 2>/dev/null || :
	timeout 60 tail --pid="$(cat "$dir/pid")" -f /dev/null
	rm -f "$dir/pid"
}

workload() {
	# shellcheck disable=SC2016 # the inner shell knows HARK_SOCKET
	"$hark" run --cell "$1" --uds-base "$dir/$1" -- sh -c \
		'"$0"/hark-agent --socket "$HARK_SOCKET" -- sh -c "for i in 1 2 3 4; do /bin/true; done"' \
		"$HARK_BIN"
}

committed() {
	"$hark" ledger stat --json "$@" | jq -r .committed
}

@test "verify: a running daemon's directory is intact, and --since holds it" {
	run "$hark" prove 0 -o "$dir/first.tlog-proof"
	[ "$status" -eq 0 ]
	cp "$dir/data/evidence/checkpoint" "$dir/seen"
	workload b
	# shellcheck disable=SC2086 # options
	run "$hark" verify "$dir/data" $keys --since "$dir/seen"
	[ "$status" -eq 0 ]
	[[ "$output" == *"held against a checkpoint of size"* ]]
	[[ "$output" == *"answer: intact"* ]]
}

@test "verify: while it is written, again and again" {
	workload c &
	for _ in 1 2 3 4 5 6 7 8; do
		# shellcheck disable=SC2086 # options
		run "$hark" verify "$dir/data" $keys
		[ "$status" -eq 0 ] || { echo "$output"; false; }
	done
	wait $!
}

@test "verify: without --since it says what the answer does not cover" {
	run "$hark" verify "$dir/data/evidence" --key "$(cat "$dir/evidence.vkey")"
	[ "$status" -eq 0 ]
	[[ "$output" == *"who has the signing key could have rewritten all of it"* ]]
}

@test "verify: no key is 4, and one that lies beside it is never looked for" {
	run "$hark" verify "$dir/data"
	[ "$status" -eq 4 ]
	[[ "$output" == *"no key was given"* ]]
}

@test "verify: wrong use, a missing path, keys and checkpoints that are none" {
	run "$hark" verify
	[ "$status" -eq 2 ]
	run "$hark" verify "$dir/data" "$dir/data"
	[ "$status" -eq 2 ]
	run "$hark" verify "$dir/nowhere" --key "$dir/evidence.vkey"
	[ "$status" -eq 66 ]
	run "$hark" verify "$dir/data" --key "$dir/no-such-key"
	[ "$status" -eq 66 ]
	[[ "$output" == *"no such file"* ]]
	echo nonsense >"$dir/bad"
	run "$hark" verify "$dir/data" --key "$dir/bad"
	[ "$status" -eq 78 ]
	run "$hark" verify "$dir/data" --key "$dir/evidence.vkey" --since "$dir/bad"
	[ "$status" -eq 78 ]
	: >"$dir/none"
	run "$hark" verify "$dir/data" --key "$dir/none"
	[ "$status" -eq 78 ]
}

@test "verify: one byte of a copy, and it says where" {
	cp -r "$dir/data/evidence" "$dir/copy"
	segment=$(echo "$dir"/copy/segments/*0.seg)
	at=$(grep -abo guest.process_exec "$segment" | head -n 1 | cut -d: -f1)
	printf X | dd of="$segment" bs=1 seek="$at" conv=notrunc status=none
	run "$hark" verify "$dir/copy" --key "$dir/evidence.vkey"
	[ "$status" -eq 1 ]
	[[ "$output" == *"segments/0000000000000000.seg offset"* ]]
	[[ "$output" == *"was changed"* ]]
	run "$hark" prove 0 --dir "$dir/copy" -o "$dir/p"
	"$hark" verify "$dir/copy" --key "$dir/evidence.vkey" --json | jq -e '.answer == "tampered"'
}

@test "prove: to a file, to standard output, of any leaf that is there" {
	run "$hark" verify "$dir/first.tlog-proof" --key "$dir/evidence.vkey"
	[ "$status" -eq 0 ]
	"$hark" prove 2 >"$dir/two"
	[ "$(head -n 1 "$dir/two")" = c2sp.org/tlog-proof@v1 ]
	"$hark" verify "$dir/two" --key "$dir/evidence.vkey"
	run "$hark" verify "$dir/two" --key "$dir/operations.vkey"
	[ "$status" -eq 4 ]
	"$hark" prove 0 --ledger operations | "$hark" verify /dev/stdin --key "$dir/operations.vkey"
	run "$hark" prove 999999
	[ "$status" -eq 66 ]
	run "$hark" prove one
	[ "$status" -eq 2 ]
	run "$hark" prove 0 -o "$dir/no/such/folder"
	[ "$status" -eq 73 ]
	run "$hark" prove 0 --control "$dir/nobody"
	[ "$status" -eq 5 ]
}

@test "export: whole, brought up to date, and never over something else" {
	"$hark" ledger export "$dir/export"
	run "$hark" verify "$dir/export" --key "$dir/evidence.vkey" --since "$dir/seen"
	[ "$status" -eq 0 ]
	before=$(sed -n 2p "$dir/export/checkpoint")
	workload d
	run "$hark" ledger export "$dir/export"
	[ "$status" -eq 0 ]
	[ "$(sed -n 2p "$dir/export/checkpoint")" -gt "$before" ]
	"$hark" verify "$dir/export" --key "$dir/evidence.vkey"
	mkdir "$dir/other" && echo mine >"$dir/other/file"
	run "$hark" ledger export "$dir/other"
	[ "$status" -eq 73 ]
	[[ "$output" == *"nothing was written"* ]]
	[ "$(ls -A "$dir/other")" = file ]
	run "$hark" ledger export "$dir/export" --ledger operations
	[ "$status" -eq 73 ]
	"$hark" verify "$dir/export" --key "$dir/evidence.vkey"
}

@test "export: one that was cut short goes on" {
	"$hark" ledger export "$dir/cut"
	rm -r "$dir/cut/checkpoint" "$dir/cut/tile"
	sed -i '3s/.*/0/' "$dir/cut/.hark-export"
	"$hark" ledger export "$dir/cut"
	"$hark" verify "$dir/cut" --key "$dir/evidence.vkey"
}

@test "ledger: redact and prune by the daemon are named, and incomplete is 3" {
	"$hark" ledger redact 3 --reason 'a name'
	"$hark" ledger prune 2
	run "$hark" ledger redact 3
	[ "$status" -eq 65 ]
	run "$hark" ledger redact 99999999
	[ "$status" -eq 66 ]
	run "$hark" prove 3
	[ "$status" -eq 66 ]
	"$hark" prove 0 --ledger operations >/dev/null # operations are sealed now
	last=$(($(committed --ledger operations) - 1))
	"$hark" prove "$last" --ledger operations >/dev/null
	# shellcheck disable=SC2086 # options
	run "$hark" verify "$dir/data" $keys
	[ "$status" -eq 0 ]
	[[ "$output" == *"leaf 3 was redacted, as an operation says"* ]]
	# shellcheck disable=SC2086 # options
	run "$hark" verify "$dir/data" $keys --complete
	[ "$status" -eq 3 ]
	run "$hark" verify "$dir/data" --key "$dir/evidence.vkey"
	[ "$status" -eq 3 ]
	"$hark" ledger export "$dir/redacted"
	compgen -G "$dir/redacted/tile/redacted/000*"
	run "$hark" verify "$dir/redacted" --key "$dir/evidence.vkey"
	[ "$status" -eq 3 ]
}

@test "ledger: with --dir it is refused while the daemon runs" {
	for verb in 'prune 1' 'redact 1' retire; do
		# shellcheck disable=SC2086 # words
		run "$hark" ledger $verb --dir "$dir/data"
		[ "$status" -eq 75 ]
	done
	run "$hark" ledger retire
	[ "$status" -eq 2 ]
	[[ "$output" == *"--dir DATA"* ]]
}

@test "ledger: the same without a daemon, and what is then sealed at its next start" {
	stop
	run "$hark" ledger redact 4 --dir "$dir/data"
	[ "$status" -eq 0 ]
	# shellcheck disable=SC2086 # options
	run "$hark" verify "$dir/data" $keys
	[ "$status" -eq 3 ]
	"$hark" ledger stat --dir "$dir/data"
	"$hark" prove 5 --dir "$dir/data" | "$hark" verify /dev/stdin --key "$dir/evidence.vkey"
	start
	"$hark" prove "$(($(committed --ledger operations) - 1))" --ledger operations >/dev/null
	# shellcheck disable=SC2086 # options
	run "$hark" verify "$dir/data" $keys
	[ "$status" -eq 0 ]
}

@test "ledger: retire begins the next name, and keeps the old ledger as it was" {
	stop
	key=$("$hark" ledger retire --dir "$dir/data")
	[[ "$key" == */evidence.2+* ]]
	start
	[ "$("$hark" key show)" = "$key" ]
	"$hark" tail --from 0 --json | head -n 1 | jq -e '.data.previous.origin | endswith("/evidence")'
	workload e
	"$hark" prove "$(($(committed --ledger operations) - 1))" --ledger operations >/dev/null
	run "$hark" verify "$dir/data" --key "$key" --key "$dir/operations.vkey"
	[ "$status" -eq 0 ]
	run "$hark" verify "$dir/data/retired/evidence-0001" --key "$dir/evidence.vkey" \
		--since "$dir/seen"
	[ "$status" -eq 3 ] # redacted, and its operations are not beside it
	stop
	key=$("$hark" ledger retire --dir "$dir/data")
	[[ "$key" == */evidence.3+* ]]
}
