#!/usr/bin/env bats
# SPDX-License-Identifier: MIT OR Apache-2.0
# Who may ask a daemon of root's what: its group looks, and reads the ledger by descriptors; a
# stranger does neither.

setup() {
	[ "$(id -u)" -eq 0 ] || skip "needs root, to be others"
	command -v setpriv >/dev/null || skip "needs setpriv"
	dir=$(mktemp -d)
	chmod 0755 "$dir"
	# Others may not get into the folder of the build.
	cp "$HARK_BIN/hark" "$dir/hark"
	export HARK_CONTROL="$dir/run/control.sock"
	printf 'data: "%s/data"\nrun: "%s/run"\ncontrol: {group: nogroup}\n' "$dir" "$dir" >"$dir/h.yaml"
	mkfifo "$dir/said"
	"$HARK_BIN/harkd" --config "$dir/h.yaml" 2>"$dir/said" >/dev/null 3>&- &
	daemon=$!
	exec 8<"$dir/said"
	while read -r line <&8; do
		[[ "$line" != *"harkd: ready"* ]] || break
	done
	cat <&8 >/dev/null 3>&- &
	exec 8<&-
	"$dir/hark" cell add c --uds-base "$dir/c"
}

teardown() {
	[ -n "${daemon-}" ] || return 0
	kill "$daemon"
	wait "$daemon"
	rm -rf "$dir"
}

# $1: user, $2: main group, $3: what setpriv says of other groups
as() {
	local user=$1 group=$2 more=$3
	shift 3
	run setpriv --reuid "$user" --regid "$group" "$more" "$@"
}

@test "the group looks and reads, and changes nothing" {
	reader=$(getent group nogroup | cut -d: -f3)
	as 4711 "$reader" --clear-groups "$dir/hark" cell ls --json
	[ "$status" -eq 0 ]
	[ "$(jq -r .cellId <<<"$output")" = c ]
	as 4711 "$reader" --clear-groups "$dir/hark" tail --from 0 --json
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" == *host.v1.started* ]]
	as 4711 4711 "--groups=$reader" "$dir/hark" status --json
	[ "$status" -eq 0 ]
	for words in "cell rm c" "cell add d --uds-base $dir/d" "run --cell d -- true"; do
		# shellcheck disable=SC2086 # the words are arguments
		as 4711 "$reader" --clear-groups "$dir/hark" $words
		[ "$status" -eq 77 ]
		[ "${#lines[@]}" -eq 1 ]
	done
	as 4711 "$reader" --clear-groups cat "$dir/data/keys/evidence.key"
	[ "$status" -ne 0 ]
	run "$dir/hark" cell ls --json
	[ "$(jq -r .cellId <<<"$output")" = c ]
}

@test "a stranger is told so, 77" {
	for words in status "cell ls" tail "cell rm c"; do
		# shellcheck disable=SC2086 # the words are arguments
		as 4711 4711 --clear-groups "$dir/hark" $words
		[ "$status" -eq 77 ]
		[ "${#lines[@]}" -eq 1 ]
	done
	as 4711 4711 --clear-groups ls "$dir/data/evidence"
	[ "$status" -ne 0 ]
}
