#!/usr/bin/env bats
# SPDX-License-Identifier: MIT OR Apache-2.0
# hark's commands that ask a real harkd: status, cell, run, tail.

setup_file() {
	export dir
	dir=$(mktemp -d)
	export HARK_CONTROL="$dir/run/control.sock"
	# No tick and no silence may come between two looks at a ledger.
	printf 'data: "%s/data"\nrun: "%s/run"\nledger: {tick_s: 3600}\nkeepalive_s: 3600\n' \
		"$dir" "$dir" >"$dir/hark.yaml"
	daemon_start
}

teardown_file() {
	daemon_stop
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
	"$HARK_BIN/harkd" --config "$dir/hark.yaml" 2>"$dir/said" >/dev/null 3>&- &
	echo $! >"$dir/pid"
	exec 8<"$dir/said"
	while read -r line <&8; do
		printf '%s\n' "$line" >>"$dir/log"
		[[ "$line" != *"harkd: ready"* ]] || break
	done
	cat <&8 >>"$dir/log" 3>&- &
	exec 8<&-
	[[ "$line" == *"harkd: ready"* ]]
}

# Returns once it has ended.
daemon_stop() {
	kill "$(cat "$dir/pid")"
	timeout 60 tail --pid="$(cat "$dir/pid")" -f /dev/null
}

field() {
	jq -r "$1" <<<"$output"
}

@test "status is 0 once every program runs, and names what is not built" {
	run "$hark" status --json
	[ "$status" -eq 0 ]
	[ "$(field .whole)" = true ]
	# Without root, programs have no user of their own.
	[ "$(field .confinement)" = "$([ "$(id -u)" -eq 0 ] && echo complete || echo incomplete)" ]
	[ "$(field '[.programs[].program] | sort | unique | join(" ")')" = "control notary signer" ]
	[ "$(field '[.programs[].state] | unique | join(" ")')" = running ]
	[ "$(field '[.ledgers[].origin] | length')" = 2 ]
	[ "$(field '.notBuilt | join(" ")')" = "exporters probes" ]
	run "$hark" status
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" == PROGRAM*STATE*RESTARTS* ]]
	[[ "$output" == *"every program runs"* ]]
}

@test "each program is confined, says the kernel" {
	run "$hark" cell add confined --uds-base "$dir/confined"
	[ "$status" -eq 0 ]
	run "$hark" status --json
	[ "$(field '[.programs[].program] | unique | join(" ")')" = "control notary receiver signer" ]
	for pid in $(field '.programs[].pid'); do
		grep -q '^NoNewPrivs:.1$' "/proc/$pid/status"
		grep -q '^Seccomp:.2$' "/proc/$pid/status"
		grep -q '^CapEff:.0000000000000000$' "/proc/$pid/status"
		grep -q '^Max core file size *0 ' "/proc/$pid/limits"
	done
	# Not this: the same lines of a process that is not.
	run grep '^NoNewPrivs:.1$' "/proc/$(cat "$dir/pid")/status"
	[ "$status" -ne 0 ]
	"$hark" cell rm confined
}

@test "add returns when the socket listens; ls and show tell; rm removes it" {
	run "$hark" cell add c0 --uds-base "$dir/c0" --run-id r1 --keepalive 2.5 --mode 0620 \
		--spec-hash "sha256:$(printf '%064d' 7)" --events-per-s 5 --ledger-bytes-per-s 2KiB \
		--connections 3 --no-rearm --peer-uid 7
	[ "$status" -eq 0 ]
	[ "$output" = "hark cell add: ${dir}/c0_9001 listens" ]
	[ -S "$dir/c0_9001" ]
	[ "$(stat -c %a "$dir/c0_9001")" = 620 ]
	run "$hark" cell show c0 --json
	[ "$status" -eq 0 ]
	[ "$(field '"\(.cellId) \(.runId) \(.keepaliveMs) \(.mode) \(.rearm)"')" = "c0 r1 2500 0620 false" ]
	[ "$(field '"\(.eventsPerS) \(.ledgerBytesPerS) \(.connections) \(.peerUid)"')" = "5 2048 3 7" ]
	[ "$(field .specSignatureHash)" = "sha256:$(printf '%064d' 7)" ]
	[ "$(field .state)" = listening ]
	# Sorted, as all JSON of Hark.
	[ "$(field 'keys == keys_unsorted')" = true ]
	run "$hark" cell ls
	[ "$status" -eq 0 ]
	[[ "${lines[1]}" == c0*r1*listening*"$dir/c0" ]]
	run "$hark" cell ls --json
	[ "$(field .cellId)" = c0 ]
	run "$hark" cell ls --dir "$dir/data" --json
	[ "$status" -eq 0 ]
	[ "$(field '"\(.cellId) \(.runId) \(.state)"')" = "c0 r1 remembered" ]
	run "$hark" cell rm c0
	[ "$status" -eq 0 ]
	[ ! -e "$dir/c0_9001" ]
	run "$hark" cell ls --json
	[ -z "$output" ]
}

@test "a relative path is below the caller's directory" {
	cd "$dir"
	run "$hark" cell add rel --uds-base rel.sock --json
	[ "$status" -eq 0 ]
	[ "$(field '"\(.cellId) \(.state) \(.udsBase)"')" = "rel listening $dir/rel.sock" ]
	[ -S "$dir/rel.sock_9001" ]
	"$hark" cell rm rel
}

@test "a taken name or path is 73, an unknown cell 66" {
	"$hark" cell add c0 --uds-base "$dir/c0"
	run "$hark" cell add c0 --uds-base "$dir/c1"
	[ "$status" -eq 73 ]
	[ "${#lines[@]}" -eq 1 ]
	run "$hark" cell add c1 --uds-base "$dir/c0"
	[ "$status" -eq 73 ]
	[ "$output" = "hark cell add: cell c0 listens on that path" ]
	"$hark" cell rm c0
	# Nobody has connected to c0, and so its record says.
	run "$hark" tail --cell c0 --json
	[[ "$output" != *'.closed"'* ]]
	run "$hark" cell rm c0
	[ "$status" -eq 66 ]
	run "$hark" cell show c0
	[ "$status" -eq 66 ]
	[ "${#lines[@]}" -eq 1 ]
}

@test "cells are listed by their names, in columns as wide as they are" {
	"$hark" cell add b --uds-base "$dir/b"
	"$hark" cell add c --uds-base "$dir/c"
	"$hark" cell add a --uds-base "$dir/a" --run-id short
	run "$hark" cell ls
	[[ "${lines[1]}" == "a "*"/a" && "${lines[2]}" == "b "*"/b" && "${lines[3]}" == "c "*"/c" ]]
	run "$hark" verify "$dir/data" --key "$("$hark" key show)"
	[ "$status" -eq 0 ]
	# A run id that was made is 36 bytes: what stands behind it stands under its title.
	title=$(grep -m 1 ' declared ' <<<"$output")
	[ "$(grep -c "^.\{${#title}\}" <<<"$(grep -E '^  [abc] +(run-|short)' <<<"$output")")" -eq 3 ]
	[ "$(grep -cE '^  (a|b|c) .* heard$' <<<"$output")" -eq 3 ]
	for name in a b c; do
		"$hark" cell rm "$name"
	done
}

@test "run passes on the exit code and the signal, and removes the cell" {
	# shellcheck disable=SC2016 # the command's own shell expands it
	run "$hark" run --cell r --uds-base "$dir/r" -- sh -c 'test -S "$HARK_SOCKET" && test "$HARK_SOCKET" = "${HARK_UDS_BASE}_9001" && exit 7'
	[ "$status" -eq 7 ]
	[ ! -e "$dir/r_9001" ]
	run "$hark" run --cell r -- true
	[ "$status" -eq 0 ]
	# shellcheck disable=SC2016
	run "$hark" run --cell r -- sh -c 'kill -KILL $$'
	[ "$status" -eq 137 ]
	# Not by `run`, which takes 127 for a mistake of the test.
	code=0
	"$hark" run --cell r -- "$dir/none" 2>/dev/null || code=$?
	[ "$code" -eq 127 ]
	run "$hark" run --cell r -- "$dir"
	[ "$status" -eq 126 ]
	run "$hark" cell ls --json
	[ -z "$output" ]
}

@test "run makes a base of its own and removes its folder" {
	# shellcheck disable=SC2016
	run "$hark" run --cell r -- sh -c 'echo "$HARK_UDS_BASE"'
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" == /tmp/hark-run-* ]]
	[ ! -e "${lines[0]%/*}" ]
}

@test "run removes the socket that a VMM leaves at its base, and nothing else" {
	# shellcheck disable=SC2016
	run "$hark" run --cell r -- sh -c 'python3 "$1" stale "$HARK_UDS_BASE"; test -S "$HARK_UDS_BASE" && echo "$HARK_UDS_BASE"' \
		sh "$HARK_ROOT/tests/system/guest.py"
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 1 ]
	[ ! -e "${lines[0]%/*}" ]
	# shellcheck disable=SC2016
	run "$hark" run --cell r -- sh -c 'echo kept >"$HARK_UDS_BASE"; echo "$HARK_UDS_BASE"'
	[ "$status" -eq 0 ]
	[[ "$output" == *"${lines[0]%/*} is still there"* ]]
	[ "$(cat "${lines[0]}")" = kept ]
	rm -r "${lines[0]%/*}"
}

@test "run passes a signal on" {
	mkfifo "$dir/up" "$dir/up.none"
	# shellcheck disable=SC2016
	"$hark" run --cell r -- sh -c 'trap "exit 9" TERM; echo up >"$1"; while :; do read -r _ <"$1.none" || :; done' sh "$dir/up" 3>&- &
	pid=$!
	read -r word <"$dir/up"
	[ "$word" = up ]
	kill -TERM "$pid"
	code=0
	wait "$pid" || code=$?
	[ "$code" -eq 9 ]
	run "$hark" cell ls --json
	[ -z "$output" ]
}

@test "tail gives each leaf's exact bytes, and those of one cell" {
	# shellcheck disable=SC2016
	"$hark" run --cell t1 -- sh -c '"$1" --socket "$HARK_SOCKET" -- true' sh "$HARK_BIN/hark-agent"
	# shellcheck disable=SC2016
	"$hark" run --cell t2 -- sh -c '"$1" --socket "$HARK_SOCKET" -- true' sh "$HARK_BIN/hark-agent"
	run "$hark" tail --from 0 --json
	[ "$status" -eq 0 ]
	# Every line is canonical, and its id is its index.
	[ "$(jq -cS . <<<"$output")" = "$output" ]
	[ "$(jq -r '.id | split("/")[-1]' <<<"$output")" = "$(seq 0 $((${#lines[@]} - 1)))" ]
	all=$output
	run "$hark" tail --cell t2 --from 0 --json
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -gt 4 ]
	[ "$(jq -r .data.cellId <<<"$output" | sort -u)" = t2 ]
	[ "$output" = "$(jq -c 'select(.data.cellId == "t2")' <<<"$all")" ]
	run "$hark" tail --dir "$dir/data" --from 0 --json
	[ "$status" -eq 0 ]
	[ "$output" = "$all" ]
	run "$hark" tail --json
	[ "$output" = "$all" ]
	run "$hark" tail --cell t1 --json
	[ "$output" = "$(jq -c 'select(.data.cellId == "t1")' <<<"$all")" ]
	# A follower begins with the last ten.
	"$hark" tail --follow --json >"$dir/followed" 3>&- &
	follower=$!
	timeout 60 tail -f -n +1 --pid="$follower" "$dir/followed" | head -n 10 >/dev/null
	kill "$follower"
	[ "$(head -n 10 "$dir/followed")" = "$(tail -n 10 <<<"$all")" ]
	run "$hark" tail --ledger operations --from 0 --json
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" == *'/operations/0"'* ]]
	run "$hark" tail --from 1000000 --json
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "a guest's text is escaped for a person" {
	mkfifo "$dir/go" "$dir/shown"
	# It lives until it was seen, so that the agent can ask for its name.
	printf '#!/bin/sh\nread -r _ <"%s"\n' "$dir/go" >"$dir/"$'\e[31mx'
	chmod +x "$dir/"$'\e[31mx'
	# shellcheck disable=SC2016
	"$hark" run --cell esc -- sh -c '"$1" --socket "$HARK_SOCKET" -- "$2"' sh "$HARK_BIN/hark-agent" "$dir/"$'\e[31mx' 3>&- &
	runs=$!
	"$hark" tail --follow --cell esc --from 0 >"$dir/shown" 2>/dev/null 3>&- &
	follows=$!
	exec 9<"$dir/shown"
	while read -r line <&9; do
		[[ "$line" != *'\x1b[31mx'* ]] || break
	done
	echo >"$dir/go"
	wait "$runs"
	kill "$follows"
	exec 9<&-
	[[ "$line" == *'\x1b[31mx'* ]]
	run "$hark" tail --cell esc --from 0
	[ "$status" -eq 0 ]
	[[ "$output" != *$'\e'* ]]
}

@test "tail follows what comes, beyond the daemon's restart" {
	mkfifo "$dir/lines"
	"$hark" tail --follow --json --from 0 >"$dir/lines" 2>/dev/null 3>&- &
	pid=$!
	exec 9<"$dir/lines"
	until_cell() {
		while read -r line <&9; do
			[[ "$line" != *"\"cellId\":\"$1\""*"v1.registered"* ]] || return 0
		done
		return 1
	}
	"$hark" cell add f1 --uds-base "$dir/f1"
	until_cell f1
	daemon_stop
	daemon_start
	"$hark" cell add f2 --uds-base "$dir/f2"
	until_cell f2
	kill "$pid"
	exec 9<&-
	"$hark" cell rm f1
	"$hark" cell rm f2
}

@test "a cell comes back with its run id after a restart" {
	"$hark" cell add back --uds-base "$dir/back"
	before=$("$hark" cell show back --json | jq -r .runId)
	daemon_stop
	run "$hark" status
	[ "$status" -eq 5 ]
	run "$hark" cell ls --dir "$dir/data" --json
	[ "$(field .runId)" = "$before" ]
	daemon_start
	run "$hark" cell show back --json
	[ "$(field .runId)" = "$before" ]
	[ -S "$dir/back_9001" ]
	"$hark" cell rm back
}
