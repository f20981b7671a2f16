#!/usr/bin/env bats
# SPDX-License-Identifier: MIT OR Apache-2.0
# hark-listen as a person starts it: options, exit codes, and what stands in the socket's place.
# What guests do to it is in 11-listen-guests.py.

setup() {
	listen="${HARK_BIN:=build/bin}/hark-listen"
	guest="$BATS_TEST_DIRNAME/guest.py"
	dir=$(mktemp -d)
	base="$dir/vm.sock"
	pids=()
	unset CELLOS_RUN_ID
	export PYTHONDONTWRITEBYTECODE=1
}

teardown() {
	local pid
	for pid in "${pids[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	rm -rf "$dir"
}

# wait_until COMMAND...: until it succeeds; the pause between two looks decides nothing.
wait_until() {
	local end=$((SECONDS + 20))
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || { echo "waited in vain for: $*"; return 1; }
		sleep 0.01
	done
}

said() {
	grep -q "$2" "$dir/$1.err"
}

spawned() {
	[ "$(grep -c process_spawned "$dir/a.out")" -eq "$1" ]
}

# start NAME OPTION...: a listener whose output is NAME.out and NAME.err, when it listens.
start() {
	local name=$1
	shift
	# What one of that name said before is not what this one says.
	: >"$dir/$name.err"
	"$listen" --uds-base "$base" --cell c0 "$@" >"$dir/$name.out" 2>"$dir/$name.err" 3>&- &
	pid=$!
	pids+=("$pid")
	wait_until said "$name" "listening on"
}

# SIGTERM to the last one started, which ends it with 0.
stop() {
	kill -TERM "$pid"
	wait "$pid"
}

# refuses OPTION VALUE...: 2, a message that names the option, nothing on the disk.
refuses() {
	local code=0 option=$1
	timeout 10 "$listen" --uds-base "$base" --cell c0 "$@" >"$dir/out" 2>"$dir/err" || code=$?
	if [ "$code" -ne 2 ] || [ -s "$dir/out" ] || [ -e "${base}_9001" ] ||
		! grep -qF -e "$option" "$dir/err" || grep -q "listening on" "$dir/err"; then
		echo "$*: $code: $(cat "$dir/err")"
		return 1
	fi
}

takes() {
	if ! start takes "$@" || ! stop; then
		echo "$*: $(cat "$dir/takes.err")"
		return 1
	fi
}

@test "options: each bad value is 2, and the message names the option" {
	refuses --keepalive 0
	refuses --keepalive 0.0
	refuses --keepalive -1
	refuses --keepalive ""
	refuses --keepalive .5
	refuses --keepalive 1.
	refuses --keepalive 1e3
	refuses --keepalive 10s
	refuses --keepalive 0.0000000001
	refuses --keepalive 1.0000000001
	refuses --keepalive 4294968
	refuses --keepalive 99999999999999999999
	refuses --probe-interval 0
	refuses --probe-interval 86401
	refuses --probe-interval x
	refuses --mode ""
	refuses --mode 8
	refuses --mode 1777
	refuses --mode -1
	refuses --mode 0600x
	refuses --mode 0x1ff
	refuses --mode rw
	refuses --owner root
	refuses --owner root:
	refuses --owner :root
	refuses --owner no-such-user-here:root
	refuses --owner root:no-such-group-here
	refuses --owner 4294967295:0
	refuses --owner 0:4294967295
	refuses --peer-uid -1
	refuses --peer-uid 4294967295
	refuses --peer-uid root
	refuses --connections 0
	refuses --connections 9
	refuses --connections 1.5
	refuses --run-id ""
	refuses --run-id "a b"
	refuses --run-id "$(printf 'r%.0s' {1..129})"
	refuses --spec-hash sha256:00
	refuses --spec-hash "sha256:$(printf 'A%.0s' {1..64})"
	refuses --spec-hash "md5:$(printf 'a%.0s' {1..64})"
	refuses --host ""
	refuses --host a/b
	refuses --host "$(printf 'h%.0s' {1..65})"
}

@test "options: a cell's name is 1 to 128 bytes without blanks and controls" {
	refuses --cell ""
	refuses --cell "a b"
	refuses --cell $'a\nb'
	refuses --cell $'\xff'
	refuses --cell "$(printf 'c%.0s' {1..129})"
	takes --cell "$(printf 'c%.0s' {1..128})"
	takes --cell 'zelle-ä"\'
}

@test "options: probes and what they read belong together" {
	refuses --probe cpu
	refuses --probe host.cgroup
	refuses --cgroup /sys/fs/cgroup
	refuses --tap lo
	refuses --nft inet/t
	refuses --fc-metrics /m
	refuses --cgroup relative --probe host.cgroup
	refuses --cgroup /a/../b --probe host.cgroup
	refuses --tap a/b --probe host.tap_link
	refuses --tap .. --probe host.tap_link
	refuses --tap "$(printf 'i%.0s' {1..16})" --probe host.tap_link
	refuses --probe host.tap_link --tap lo --probe tap_link
}

@test "options: good values are taken" {
	takes --keepalive 0.000000001
	takes --keepalive 4294967 --probe-interval 86400
	takes --mode 0 --connections 8 --peer-uid 4294967294
	takes --run-id "$(printf 'r%.0s' {1..128})" --host a.example
	takes --spec-hash "sha256:$(printf '0123456789abcdef%.0s' {1..4})" --no-rearm
	takes --probe cgroup --cgroup /sys/fs/cgroup --probe host.tap_link --tap lo
}

@test "options: what is missing, unknown or too much is 2" {
	run "$listen"
	[ "$status" -eq 2 ]
	[[ "$output" == *--uds-base* ]]
	run "$listen" --cell c0
	[ "$status" -eq 2 ]
	[[ "$output" == *--uds-base* ]]
	run "$listen" --uds-base "$base"
	[ "$status" -eq 2 ]
	[[ "$output" == *--cell* ]]
	for bad in "" / "$dir/"; do
		run timeout 10 "$listen" --uds-base "$bad" --cell c0
		[ "$status" -eq 2 ]
		[[ "$output" == *--uds-base* ]]
	done
	refuses extra
	refuses --unknown
	run "$listen" --keepalive
	[ "$status" -eq 2 ]
	[[ "$output" == *keepalive* ]]
}

@test "options: --help and --version say so on standard output" {
	"$listen" --help >"$dir/out" 2>"$dir/err"
	[ ! -s "$dir/err" ]
	[[ "$(head -n 1 "$dir/out")" == "usage: hark-listen "* ]]
	"$listen" --version >"$dir/out" 2>"$dir/err"
	[ ! -s "$dir/err" ]
	[[ "$(cat "$dir/out")" == hark-listen* ]]
}

@test "options: every option of the manual is in --help, and the other way round" {
	man="$BATS_TEST_DIRNAME/../../man/hark-listen.1.scd"
	grep -o -e '--[a-z][a-z-]*' <("$listen" --help) | sort -u >"$dir/help"
	sed -n '/^# OPTIONS/,/^# EVENTS/p' "$man" | grep -o -e '\*--[a-z][a-z-]*' | tr -d '*' |
		sort -u >"$dir/man"
	diff "$dir/help" "$dir/man"
}

@test "stamps: the run is --run-id, else CELLOS_RUN_ID, else run-local-001; host and hash" {
	hash="sha256:$(printf '0123456789abcdef%.0s' {1..4})"
	CELLOS_RUN_ID=env start a --run-id option --spec-hash "$hash" --host h.example
	python3 "$guest" send "${base}_9001" 1
	wait_until grep -q closed "$dir/a.out"
	stop
	[ "$(jq -r .data.runId "$dir/a.out" | sort -u)" = option ]
	[ "$(jq -r .data.specSignatureHash "$dir/a.out" | sort -u)" = "$hash" ]
	[ "$(jq -r .source "$dir/a.out" | sort -u)" = /hark/h.example/listen ]
	[[ "$(jq -r .id "$dir/a.out" | head -n 1)" == h.example/listen/*/0 ]]
	CELLOS_RUN_ID=env start b
	python3 "$guest" send "${base}_9001" 1
	wait_until grep -q closed "$dir/b.out"
	stop
	[ "$(jq -r .data.runId "$dir/b.out" | sort -u)" = env ]
	[ "$(jq -r '.data | has("specSignatureHash")' "$dir/b.out" | sort -u)" = false ]
	CELLOS_RUN_ID='' start c
	python3 "$guest" send "${base}_9001" 1
	wait_until grep -q closed "$dir/c.out"
	stop
	[ "$(jq -r .data.runId "$dir/c.out" | sort -u)" = run-local-001 ]
	[ "$(cat "$dir"/[abc].out | jq -r .id | sort | uniq -d)" = "" ]
}

@test "socket: once it says 'listening on' a connect works" {
	for i in {1..20}; do
		start "r$i"
		python3 "$guest" connects "${base}_9001"
		stop
		[ ! -e "${base}_9001" ]
	done
}

@test "socket: its mode is 0600 or what --mode says, whatever the umask" {
	start a
	[ "$(stat -c %a "${base}_9001")" = 600 ]
	stop
	umask 077
	start b --mode 0666
	[ "$(stat -c %a "${base}_9001")" = 666 ]
	stop
	umask 0
	start c --mode 0
	[ "$(stat -c %a "${base}_9001")" = 0 ]
	stop
}

@test "socket: its owner is what --owner says, in names or numbers" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	start a --owner nobody:daemon --mode 0660
	[ "$(stat -c '%U:%G:%a' "${base}_9001")" = nobody:daemon:660 ]
	stop
	[ ! -e "${base}_9001" ]
	start b --owner 4711:4712
	[ "$(stat -c '%u:%g:%a' "${base}_9001")" = 4711:4712:600 ]
	stop
}

@test "place: a stale socket is replaced" {
	python3 "$guest" stale "${base}_9001"
	[ -S "${base}_9001" ]
	start a
	python3 "$guest" send "${base}_9001" 3
	wait_until grep -q closed "$dir/a.out"
	kill -KILL "$pid"
	wait "$pid" || true
	[ -S "${base}_9001" ]
	start b
	python3 "$guest" connects "${base}_9001"
	stop
}

@test "place: a live socket is refused with 69 and goes on living" {
	start a
	first=$pid
	inode=$(stat -c %i "${base}_9001")
	run timeout 10 "$listen" --uds-base "$base" --cell c1
	[ "$status" -eq 69 ]
	[[ "$output" == *"${base}_9001: a live socket is there"* ]]
	[ "$(stat -c %i "${base}_9001")" = "$inode" ]
	python3 "$guest" send "${base}_9001" 1
	wait_until grep -q process_spawned "$dir/a.out"
	[ "$pid" = "$first" ]
	stop
}

# stays_refused WORDS: 73, and the place is as it was.
stays_refused() {
	local before
	before=$(ls -lni --time-style=full-iso -d "${base}_9001")
	run timeout 10 "$listen" --uds-base "$base" --cell c0
	[ "$status" -eq 73 ]
	[[ "$output" == *"${base}_9001: "*"$1"* ]]
	[ "$(ls -lni --time-style=full-iso -d "${base}_9001")" = "$before" ]
}

@test "place: a file, a directory, a FIFO or a symlink is refused with 73 and left untouched" {
	echo precious >"${base}_9001"
	stays_refused "is there"
	[ "$(cat "${base}_9001")" = precious ]
	rm "${base}_9001"
	mkdir "${base}_9001"
	stays_refused "directory"
	rmdir "${base}_9001"
	mkfifo "${base}_9001"
	stays_refused "is there"
	rm "${base}_9001"
	ln -s /nonexistent "${base}_9001"
	stays_refused "link"
	rm "${base}_9001"
	python3 "$guest" stale "$dir/elsewhere"
	ln -s elsewhere "${base}_9001"
	stays_refused "link"
	[ -S "$dir/elsewhere" ]
}

@test "place: a directory that is missing or closed to us is 73" {
	run timeout 10 "$listen" --uds-base "$dir/none/vm" --cell c0
	[ "$status" -eq 73 ]
	[[ "$output" == *"$dir/none/vm_9001: its directory"*"No such file or directory"* ]]
	touch "$dir/file"
	run timeout 10 "$listen" --uds-base "$dir/file/vm" --cell c0
	[ "$status" -eq 73 ]
}

@test "place: a path of more than 108 bytes works" {
	long="$dir/$(printf 'd%.0s' {1..100})/$(printf 'e%.0s' {1..100})"
	mkdir -p "$long"
	base="$long/vm"
	start a
	python3 "$guest" send "${base}_9001" 2
	wait_until grep -q closed "$dir/a.out"
	stop
	[ ! -e "${base}_9001" ]
	[ "$(wc -l <"$dir/a.out")" -eq 3 ]
}

@test "place: a relative path, and one with a blank, work" {
	mkdir "$dir/a b"
	listen=$(realpath "$listen")
	cd "$dir/a b"
	base="v m"
	start a
	[ -S "$dir/a b/v m_9001" ]
	python3 "$guest" connects "$dir/a b/v m_9001"
	stop
	cd /
}

@test "place: a name that is too long says by how many bytes" {
	# sun_path takes 82 bytes of a name below a directory's descriptor, _9001 among them.
	name=$(printf 'n%.0s' {1..77})
	base="$dir/$name"
	start a
	python3 "$guest" connects "${base}_9001"
	stop
	for over in '1 byte' '20 bytes'; do
		run timeout 10 "$listen" --uds-base "$dir/$name$(printf "x%.0s" $(seq "${over%% *}"))" --cell c0
		[ "$status" -eq 73 ]
		[[ "$output" == *" $over over"* ]]
	done
}

@test "output: closed from the start it is 74, and so is a full disk" {
	code=0
	timeout 10 "$listen" --uds-base "$base" --cell c0 2>"$dir/err" >&- || code=$?
	[ "$code" -eq 74 ]
	[ ! -e "${base}_9001" ]
	code=0
	timeout 10 "$listen" --uds-base "$base" --cell c0 --keepalive 0.05 2>"$dir/err" \
		>/dev/full || code=$?
	[ "$code" -eq 74 ]
	grep -q "standard output: No space left" "$dir/err"
	[ ! -e "${base}_9001" ]
}

@test "output: a line is there before the next frame comes" {
	start a
	for i in {1..5}; do
		python3 "$guest" send "${base}_9001" 1
		wait_until spawned "$i"
	done
	stop
}

@test "user: it runs as an ordinary user" {
	[ "$(id -u)" -eq 0 ] || skip "is one already: every other test is this one"
	command -v setpriv >/dev/null || skip "needs setpriv"
	install -m 0755 "$listen" "$dir/hark-listen"
	mkdir "$dir/home"
	chown nobody "$dir/home"
	chmod 0711 "$dir"
	base="$dir/home/vm"
	setpriv --reuid nobody --regid nogroup --clear-groups --no-new-privs --bounding-set -all \
		"$dir/hark-listen" --uds-base "$base" --cell c0 --probe tap_link --tap lo \
		>"$dir/u.out" 2>"$dir/u.err" 3>&- &
	pid=$!
	pids+=("$pid")
	wait_until said u "listening on"
	[ "$(stat -c %U "${base}_9001")" = nobody ]
	python3 "$guest" send "${base}_9001" 1
	wait_until grep -q closed "$dir/u.out"
	grep -q host.v1.tap_link "$dir/u.out"
	stop
	run setpriv --reuid nobody --regid nogroup --clear-groups timeout 10 "$dir/hark-listen" \
		--uds-base "$dir/vm" --cell c0
	[ "$status" -eq 73 ]
	[[ "$output" == *"Permission denied"* ]]
	run setpriv --reuid nobody --regid nogroup --clear-groups timeout 10 "$dir/hark-listen" \
		--uds-base "$base" --cell c0 --owner root:root
	[ "$status" -eq 73 ]
	[ ! -e "${base}_9001" ]
}
