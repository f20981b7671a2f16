#!/usr/bin/env bats
# SPDX-License-Identifier: MIT OR Apache-2.0
# hark's commands where no daemon answers: usage, config check, doctor.

setup() {
	hark="$HARK_BIN/hark"
	dir=$(mktemp -d)
	export HARK_CONTROL="$dir/none.sock"
}

teardown() {
	rm -rf "$dir"
}

@test "without a daemon every command that asks one is 5, in one line" {
	for words in status "cell ls" "cell add a --uds-base /x" "cell rm a" "cell show a" tail "run --cell a -- true"; do
		# shellcheck disable=SC2086 # the words are arguments
		run "$hark" $words
		[ "$status" -eq 5 ]
		[ "${#lines[@]}" -eq 1 ]
		[[ "$output" == *"$dir/none.sock: there is no such socket: does harkd run?" ]]
	done
}

@test "--control stands before the command or behind it, and before the environment" {
	run "$hark" --control "$dir/other" cell ls
	[ "$status" -eq 5 ]
	[[ "$output" == *"$dir/other: "* ]]
	run "$hark" cell ls --control "$dir/other"
	[ "$status" -eq 5 ]
	[[ "$output" == *"$dir/other: "* ]]
	unset HARK_CONTROL
	run "$hark" cell ls
	[[ "$status" -ne 5 || "$output" == *"/run/hark/control.sock: "* ]]
}

@test "a value that is refused is told with its remedy, and no daemon is asked" {
	for words in "cell add ../x --uds-base /x" "cell add a" "cell add --uds-base /x" \
		"cell add a --uds-base /x --keepalive 0" "cell add a --uds-base /x --mode 660" \
		"cell add a --uds-base /x --spec-hash md5:1" "cell add a --uds-base /x --owner nobody" \
		"cell add a --uds-base /x --connections 9" "cell add a --uds-base /x --events-per-s -1" \
		"cell add a b --uds-base /x" "cell rm" "cell rm a b" "cell ls a" "cell show" \
		"run -- true" "run --cell a" "tail --from x" "tail --ledger other" "tail --cell a/b" \
		"status x" "doctor x" "config check" "cell other" "cell"; do
		# shellcheck disable=SC2086 # the words are arguments
		run "$hark" $words
		[ "$status" -eq 2 ] || { echo "$words: $status"; false; }
		[ "${#lines[@]}" -eq 1 ] || { echo "$words: $output"; false; }
	done
}

@test "help: two blanks or more between a command and what it does, all in one column" {
	run "$hark" help
	[ "$status" -eq 0 ]
	[ "$(grep -cE '^  [a-z]+( [a-z]+)?  +[a-z]' <<<"$output")" -gt 15 ]
	[ "$(grep -E '^  [a-z]' <<<"$output" | grep -cvE '^  [a-z]+( [a-z]+)?  +[a-z]')" -eq 0 ]
	# The column is that of the longest name: cut there, each line goes on with a letter.
	column=$(grep -oE '^  ledger export +' <<<"$output" | wc -c)
	[ "$(grep -E '^  [a-z]' <<<"$output" | cut -c"$column" | sort -u | tr -d 'a-z\n')" = "" ]
}

# The long options of a text.
options() {
	grep -oE -- '--[a-z][a-z-]+' | sort -u
}

@test "each man page has the options of its commands, and no others" {
	while IFS=: read -r page words; do
		# shellcheck disable=SC2086 # the words are arguments
		help=$(IFS=,; for w in $words; do IFS=' '; "$hark" $w --help; done | options)
		page="$BATS_TEST_DIRNAME/../../man/$page.scd"
		# Of each entry of a page; its other words may be of other commands.
		run comm -13 <(printf '%s\n' "$help") <(grep '^\*-' "$page" | options)
		[ -z "$output" ] || { echo "$page has, and --help has not: $output"; false; }
		run comm -23 <(printf '%s\n' "$help") <(options <"$page")
		[ -z "$output" ] || { echo "--help has, and $page has not: $output"; false; }
	done <<-'END'
		hark-cell.1:cell add,cell rm,cell ls,cell show
		hark-config.1:config check
		hark-doctor.1:doctor
		hark-key.1:key show,key new,key rotate
		hark-ledger.1:ledger stat,ledger export,ledger prune,ledger redact,ledger retire
		hark-observer.1:observer add,observer ls,observer show,observer disable,observer enable,observer rm,observer release,observer receipts,observer replay,observer new,observer test
		hark-probe.1:probe read
		hark-prove.1:prove
		hark-sign.1:sign
		hark-status.1:status
		hark-tail.1:tail
		hark-verify.1:verify,verify --envelope
	END
}

@test "a noun's help lists its verbs" {
	run "$hark" cell --help
	[ "$status" -eq 0 ]
	[[ "$output" == *add*rm*ls*show* ]]
	for words in "cell add" "cell rm" "cell ls" "cell show" run tail status doctor "config check"; do
		# shellcheck disable=SC2086 # the words are arguments
		run "$hark" $words --help
		[ "$status" -eq 0 ]
		[[ "${lines[0]}" == "usage: hark $words"* ]]
	done
}

@test "config check: good 0, a mistake 78 with its place, not there 66" {
	cat >"$dir/h.yaml" <<-'END'
		data: /srv/hark
		cells:
		  - name: c0
		    uds_base: /run/vm/c0.sock
	END
	run "$hark" config check "$dir/h.yaml"
	[ "$status" -eq 0 ]
	[ "$output" = "hark config check: good: data /srv/hark, run /run/hark, 1 cell, 0 observers" ]
	mkdir "$dir/h.yaml.d"
	printf 'ledger:\n  tick: 4\n' >"$dir/h.yaml.d/10.yaml"
	run "$hark" config check "$dir/h.yaml"
	[ "$status" -eq 78 ]
	[ "$output" = "hark config check: $dir/h.yaml.d/10.yaml:2:3: unknown key 'tick' of 'ledger'; did you mean 'tick_s'?" ]
	run "$hark" config check "$dir/none.yaml"
	[ "$status" -eq 66 ]
	[ "$output" = "hark config check: $dir/none.yaml: there is no such file; make it, or name another" ]
	: >"$dir/empty.yaml"
	"$hark" config check "$dir/empty.yaml"
	run "$hark" config check "$dir"
	[ "$status" -eq 78 ]
	[ "${#lines[@]}" -eq 1 ]
}

@test "harkd refuses a bad configuration in the same words, 78" {
	printf 'dta: /x\n' >"$dir/h.yaml"
	run timeout 20 "$HARK_BIN/harkd" --config "$dir/h.yaml"
	[ "$status" -eq 78 ]
	[ "$output" = "harkd: $dir/h.yaml:1:1: unknown key 'dta'; did you mean 'data'?" ]
}

@test "doctor: each check is a line, and a key that others read fails it" {
	mkdir -p "$dir/data/keys"
	run "$hark" doctor --dir "$dir/data" --json
	[ "$status" -eq 0 ]
	[ "$(jq -r .check <<<"$output" | tr '\n' ' ')" = "landlock seccomp user user namespaces vsock cgroup /proc clock descriptors space sync keys observers " ]
	[ -z "$(jq -r 'select(.state == "warn" and .remedy == "")' <<<"$output")" ]
	touch "$dir/data/keys/evidence.key"
	chmod 0600 "$dir/data/keys/evidence.key"
	run "$hark" doctor --dir "$dir/data"
	[ "$status" -eq 0 ]
	[[ "$output" == *"keys             1, their owner's alone"* ]]
	chmod 0640 "$dir/data/keys/evidence.key"
	run "$hark" doctor --dir "$dir/data"
	[ "$status" -eq 69 ]
	[[ "$output" == *"fail  keys             others may read evidence.key; chmod 0600"* ]]
}

@test "cell ls --dir: a damaged file is 65, no directory 66" {
	mkdir -p "$dir/data/cells"
	run "$hark" cell ls --dir "$dir/data"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	printf 'nonsense\n' >"$dir/data/cells/c0"
	run "$hark" cell ls --dir "$dir/data"
	[ "$status" -eq 65 ]
	[ "${#lines[@]}" -eq 1 ]
	run "$hark" cell ls --dir "$dir/none"
	[ "$status" -eq 66 ]
	run "$hark" tail --dir "$dir/none"
	[ "$status" -eq 66 ]
	run "$hark" tail --dir "$dir/data"
	[ "$status" -eq 66 ]
	[ "${#lines[@]}" -eq 1 ]
}
