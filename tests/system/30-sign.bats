#!/usr/bin/env bats
# SPDX-License-Identifier: MIT OR Apache-2.0
# hark sign and hark verify --envelope as a person uses them: exit codes, words, and that nothing
# leaves unsigned.

setup() {
	hark="$HARK_BIN/hark"
	dir=$(mktemp -d "$BATS_TMPDIR/sign.XXXXXX")
	cd "$dir" || return 1
	unset "${!CELLOS_HOST_TELEMETRY_SIGN@}"
	seed=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc
	event='{"id":"e1","source":"s","specversion":"1.0","subject":"urn:x","time":"2026-11-21T13:20:00.123456789Z","type":"t","data":{"b":1,"a":"2"}}'
	echo '{"k1":"6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw"}' >keys
	echo '{"m1":"c2VjcmV0"}' >hmac-keys
}

teardown() {
	cd / && rm -rf "$dir"
}

ed25519() {
	env CELLOS_HOST_TELEMETRY_SIGN_ALG=ed25519 CELLOS_HOST_TELEMETRY_SIGN_KID=k1 \
		CELLOS_HOST_TELEMETRY_SIGN_ED25519_SK="$seed" "$@"
}

hmac() {
	env CELLOS_HOST_TELEMETRY_SIGN_ALG=hmac CELLOS_HOST_TELEMETRY_SIGN_KID=m1 \
		CELLOS_HOST_TELEMETRY_SIGN_HMAC_KEY=c2VjcmV0 "$@"
}

@test "sign: an event becomes an envelope that verifies" {
	echo "$event" | ed25519 "$hark" sign >out
	[ "$(wc -l <out)" -eq 1 ]
	grep -qF '{"event":{"specversion":"1.0","id":"e1","source":"s","type":"t","datacontenttype":null,"data":{"a":"2","b":1},"time":"2026-11-21T13:20:00.123456789Z","traceparent":null},"signerKid":"k1","algorithm":"ed25519","signature":"' out
	run "$hark" verify --envelope --keys keys --json out
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = '{"algorithm":"ed25519","eventId":"e1","eventType":"t","kid":"k1","line":1,"reason":"none","verdict":"ok"}' ]
}

@test "sign: HMAC, transport, a file, several lines, one pipe" {
	printf '%s\n%s' "$event" "$event" >events
	hmac "$hark" sign --transport events >out
	[ "$(wc -l <out)" -eq 2 ]
	[ "$(jq -r .type out | sort -u)" = dev.cellos.events.signed_envelope.v1 ]
	"$hark" verify --envelope --hmac-keys hmac-keys <out
	ed25519 "$hark" sign events | "$hark" verify --envelope --keys keys --hmac-keys hmac-keys
}

@test "sign: a line comes out before the next one goes in" {
	mkfifo in out
	ed25519 "$hark" sign <in >out &
	exec 7>in 8<out
	echo "$event" >&7
	read -r -t 20 -u 8 line
	[ "${line:0:9}" = '{"event":' ]
	echo "$event" >&7
	read -r -t 20 -u 8 line
	exec 7>&-
	wait $!
	exec 8<&-
}

@test "sign: off is a refusal, whatever comes in" {
	run "$hark" sign <<<"$event"
	[ "$status" -eq 78 ]
	[[ "$output" == "hark sign: signing is off"* ]]
	CELLOS_HOST_TELEMETRY_SIGN_ALG=off run "$hark" sign </dev/null
	[ "$status" -eq 78 ]
}

@test "sign: a bad setting is named, and its key is not shown" {
	CELLOS_HOST_TELEMETRY_SIGN_ALG=rsa run "$hark" sign </dev/null
	[ "$status" -eq 78 ]
	[[ "$output" == *CELLOS_HOST_TELEMETRY_SIGN_ALG* ]]
	run ed25519 env -u CELLOS_HOST_TELEMETRY_SIGN_KID "$hark" sign </dev/null
	[ "$status" -eq 78 ]
	[[ "$output" == *CELLOS_HOST_TELEMETRY_SIGN_KID* ]]
	run ed25519 env CELLOS_HOST_TELEMETRY_SIGN_ED25519_SK=TopSecret "$hark" sign </dev/null
	[ "$status" -eq 78 ]
	[[ "$output" == *CELLOS_HOST_TELEMETRY_SIGN_ED25519_SK* ]]
	[[ "$output" != *TopSecret* ]]
	run ed25519 env CELLOS_HOST_TELEMETRY_SIGN_HMAC_KEY=TopSecret "$hark" sign </dev/null
	[ "$status" -eq 78 ]
	[[ "$output" == *CELLOS_HOST_TELEMETRY_SIGN_HMAC_KEY* ]]
	[[ "$output" != *TopSecret* ]]
}

@test "sign: a bad line is told with its place, the lines before it stay" {
	printf '%s\n%s\n' "$event" '{"specversion":"1.0"}' >events
	ed25519 "$hark" sign events >out 2>err || code=$?
	[ "$code" -eq 65 ]
	[ "$(wc -l <out)" -eq 1 ]
	[ "$(cat err)" = 'hark sign: events:2: expected the attribute id' ]
	run ed25519 "$hark" sign <<<""
	[ "$status" -eq 65 ]
	[[ "$output" == "hark sign: stdin:1: "* ]]
	run ed25519 "$hark" sign <<<"${event/\"id\"/\"evil\":1,\"id\"}"
	[ "$status" -eq 65 ]
	[[ "$output" == *"attribute evil"* ]]
	run ed25519 "$hark" sign <<<"${event/\"b\":1/\"b\":-0}"
	[ "$status" -eq 65 ]
	[[ "$output" == *"number -0"* ]]
}

@test "sign: a line of more than a MiB is refused" {
	run ed25519 "$hark" sign < <(head -c 3000000 /dev/zero | tr '\0' ' ')
	[ "$status" -eq 65 ]
	[[ "$output" == "hark sign: stdin:1: "*1048576* ]]
}

@test "sign: nothing in, nothing out; a missing file; usage" {
	run ed25519 "$hark" sign </dev/null
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	run ed25519 "$hark" sign missing
	[ "$status" -eq 66 ]
	[[ "$output" == "hark sign: missing: "* ]]
	run ed25519 "$hark" sign a b
	[ "$status" -eq 2 ]
	run ed25519 "$hark" sign --bad
	[ "$status" -eq 2 ]
	run ed25519 "$hark" sign --help
	[ "$status" -eq 0 ]
	[[ "$output" == usage:* ]]
}

@test "sign: output that cannot be written is a failure" {
	run ed25519 sh -c '"$0" sign >/dev/full' "$hark" <<<"$event"
	[ "$status" -eq 74 ]
}

@test "verify: a changed envelope is tampered with and wins over all else" {
	echo "$event" | ed25519 "$hark" sign >good
	sed 's/"b":1/"b":2/' good >bad
	sed 's/"k1"/"k2"/' good >stranger
	echo >blank
	cat good stranger bad blank >all
	"$hark" verify --envelope --keys keys --json all >out 2>err || code=$?
	[ "$code" -eq 1 ]
	[ "$(jq -r '[.line, .verdict, .reason] | join(" ")' out)" = \
"1 ok none
2 refused unknown_kid
3 refused bad_signature
4 refused not_json" ]
	[ "$(cat err)" = 'hark verify: 4 lines: 1 ok, 1 tampered, 2 unverifiable' ]
	run "$hark" verify --envelope --keys keys bad missing
	[ "$status" -eq 1 ]
}

@test "verify: what cannot be judged is 4, and so is nothing" {
	echo "$event" | ed25519 "$hark" sign | sed 's/"k1"/"k2"/' >stranger
	run "$hark" verify --envelope --keys keys stranger
	[ "$status" -eq 4 ]
	[[ "${lines[0]}" == "refused  unknown_kid "* ]]
	run "$hark" verify --envelope --keys keys </dev/null
	[ "$status" -eq 4 ]
	run "$hark" verify --envelope --keys keys --json < <(head -c 3000000 /dev/zero | tr '\0' ' ')
	[ "$status" -eq 4 ]
	[[ "${lines[0]}" == *'"line":1,"reason":"too_large","verdict":"refused"}' ]]
	echo '{}' >none
	echo "$event" | ed25519 "$hark" sign >good
	run "$hark" verify --envelope --keys none good
	[ "$status" -eq 4 ]
}

@test "verify: several files say which" {
	echo "$event" | ed25519 "$hark" sign >a
	echo "$event" | ed25519 "$hark" sign >'b "q"'
	run "$hark" verify --envelope --keys keys --json a 'b "q"'
	[ "$status" -eq 0 ]
	[ "$(jq -r .file <<<"${lines[0]}")" = a ]
	[ "$(jq -r .file <<<"${lines[1]}")" = 'b "q"' ]
}

@test "verify: hostile text reaches no terminal" {
	e=${event/\"e1\"/\"\\u001b[2Je\\u202ex\\u009b\"}
	echo "$e" | ed25519 "$hark" sign >good
	run "$hark" verify --envelope --keys keys good
	[ "$status" -eq 0 ]
	[ -z "$(tr -d '\n -~' <<<"$output")" ]
	run "$hark" verify --envelope --keys keys --json good
	[ "$(jq -r .eventId <<<"${lines[0]}")" = "$(printf '\033[2Je\342\200\256x\302\233')" ]
}

@test "verify: key files that are missing or malformed" {
	run "$hark" verify --envelope --keys missing </dev/null
	[ "$status" -eq 66 ]
	[[ "$output" == "hark verify: missing: "* ]]
	echo '{"a":"TopSecret"' >broken
	run "$hark" verify --envelope --hmac-keys broken </dev/null
	[ "$status" -eq 78 ]
	[[ "$output" == "hark verify: broken: "* && "$output" != *TopSecret* ]]
	run "$hark" verify --envelope --keys keys --keys keys </dev/null
	[ "$status" -eq 78 ]
	[[ "$output" == *"key k1: given twice" ]]
	run "$hark" verify --envelope --keys . </dev/null
	[ "$status" -eq 66 ]
}

@test "verify: without --envelope or keys it says what there is" {
	run "$hark" verify
	[ "$status" -eq 2 ]
	[[ "$output" == *"expected one PATH"* ]]
	run "$hark" verify --envelope </dev/null
	[ "$status" -eq 2 ]
	[[ "$output" == *"--keys"* ]]
}
