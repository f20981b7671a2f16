#!/usr/bin/env bats
# SPDX-License-Identifier: MIT OR Apache-2.0
# hark probe read: exit codes, JSON and the table, on what every machine has and on made-up sources.

setup() {
	hark="$HARK_BIN/hark"
	dir=$(mktemp -d)
}

teardown() {
	rm -rf "$dir"
}

@test "a cgroup's files come as one line of JSON" {
	printf 'usage_usec 5\n' >"$dir/cpu.stat"
	printf 'oom_kill 18446744073709551615\n' >"$dir/memory.events"
	printf 'max 0\n' >"$dir/pids.events"
	run "$hark" probe read host.cgroup --cgroup "$dir" --json
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 1 ]
	[ "$(jq -r .probeSource <<<"$output")" = host.cgroup ]
	[ "$(jq -r .output.memory_events.oom_kill <<<"$output")" = 18446744073709551615 ]
	[ "$(jq -r .inputs.cgroupLeaf <<<"$output")" = "$dir" ]
	[ "$(jq -r 'has("missing")' <<<"$output")" = false ]
}

@test "a part that is missing is named and the others are there" {
	printf 'usage_usec 5\n' >"$dir/cpu.stat"
	run "$hark" probe read cgroup --cgroup "$dir" --json
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.missing[].error]' <<<"$output")" = '["missing","missing"]' ]
	[ "$(jq -c .inputs.files <<<"$output")" = '["cpu.stat"]' ]
}

@test "the table shows each value on a line" {
	run "$hark" probe read tap_link --tap lo
	[ "$status" -eq 0 ]
	[[ "$output" == *"rxBytes "* ]]
	[[ "$output" == *"operstate "* ]]
}

@test "a FIFO and a file of Firecracker metrics are summed" {
	printf '{"a":{"n":1}}\n{"a":{"n":2}}\n' >"$dir/m"
	run "$hark" probe read fc_metrics --fc-metrics "$dir/m" --json
	[ "$status" -eq 0 ] || [ "$status" -eq 69 ]
	[ "$status" -eq 0 ] || skip "host.fc_metrics was left out of this build"
	[ "$(jq -c .output.metrics.a.n <<<"$output")" = 3 ]
	mkfifo "$dir/fifo"
	run timeout 5 "$hark" probe read fc_metrics --fc-metrics "$dir/fifo"
	[ "$status" -eq 66 ]
}

@test "nf_tables rules agree with nft" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	command -v nft >/dev/null || skip "needs nft"
	unshare -n true 2>/dev/null || skip "needs a network namespace of its own"
	run unshare -n sh -euc '
		nft add table inet t
		nft add chain inet t c
		nft add rule inet t c ip daddr 192.0.2.7 tcp dport 443 counter accept
		exec "$1" probe read nftables --nft inet/t --json' sh "$hark"
	[ "$status" -eq 0 ] || [ "$status" -eq 69 ]
	[ "$status" -eq 0 ] || skip "host.nftables was left out of this build"
	[ "$(jq -r '.output.rows[0].ruleRepr' <<<"$output")" = "ip daddr 192.0.2.7 tcp dport 443 accept" ]
	[ "$(jq -r '.output.rows[0].packets' <<<"$output")" = 0 ]
}

@test "exit codes: usage 2, malformed 65, not there 66" {
	run "$hark" probe read
	[ "$status" -eq 2 ]
	run "$hark" probe read host.tap --tap lo
	[ "$status" -eq 2 ]
	run "$hark" probe read host.cgroup
	[ "$status" -eq 2 ]
	[[ "$output" == *"host.cgroup needs --cgroup PATH"* ]]
	run "$hark" probe read tap_link --tap ../lo
	[ "$status" -eq 2 ]
	run "$hark" probe read cgroup --cgroup "$dir/../x"
	[ "$status" -eq 2 ]
	run "$hark" probe read tap_link --tap hark-none
	[ "$status" -eq 66 ]
	run "$hark" probe read cgroup --cgroup "$dir/none"
	[ "$status" -eq 66 ]
	run "$hark" probe read cgroup --cgroup /usr/bin
	[ "$status" -eq 66 ]
	[[ "$output" == *"is this a cgroup?"* ]]
	printf 'a b c\n' >"$dir/cpu.stat"
	run "$hark" probe read cgroup --cgroup "$dir"
	[ "$status" -eq 65 ]
	run "$hark" probe read --help
	[ "$status" -eq 0 ]
}

@test "output that does not arrive is no success" {
	run sh -c '"$1" probe read tap_link --tap lo >/dev/full' sh "$hark"
	[ "$status" -eq 74 ]
}

@test "a mistake on the command line is one line that says where help is" {
	for words in "probe" "probe reed" "probe read" "probe read a b" "probe read --nonsense" "nonsense" "sign --nonsense" "verify"; do
		# shellcheck disable=SC2086 # the words are arguments
		run "$hark" $words
		[ "$status" -eq 2 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ "$output" == *help* ]]
	done
	run "$hark" probe --help
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" == "usage: hark probe read"* ]]
	run "${hark%/*}/hark-agent" --vsock 2:9001 --socket x -- true
	[ "$status" -eq 2 ]
	[ "${#lines[@]}" -eq 1 ]
}
