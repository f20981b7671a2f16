/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bodies of wire 2, of later minors and of mixed sessions, with the answer that each must get. */
#ifndef UNIT_WIRE_FRAME_ROWS_H
#define UNIT_WIRE_FRAME_ROWS_H

#include <stddef.h>

#include <hark/telemetry.h>

/* A head and its text are two literals that are read as one. */
/* clang-format off */

/* Bodies are written as C strings in pieces, so that one reads what stands there. */
#define VERSION(v) "\x6f" "content_version" v
#define SOURCE(s) "\x6c" "probe_source" s
#define PID(p) "\x69" "guest_pid" p
#define COMM(c) "\x6a" "guest_comm" c
#define NS(n) "\x72" "guest_monotonic_ns" n
#define SEQ(n) "\x63" "seq" n
#define DROPPED(n) "\x67" "dropped" n
#define DETAIL(d) "\x66" "detail" d
#define STREAM(s) "\x66" "stream" s
#define REST PID("\x07") COMM("\x62" "sh") NS("\x01")
#define HELLO SOURCE("\x6b" "agent.hello") REST
#define EVENT SOURCE("\x61" "x") REST
#define V1 VERSION("\x01")
#define V2 VERSION("\x02")
#define V3 VERSION("\x03")
#define GOOD STREAM("\x70" "00112233445566ff")
#define LATER "\x61" "l"
#define K64 "\x78\x40" "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define K65 "\x78\x41" "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefx"
#define PAIRS_8(p) "\x62" p "0\x01\x62" p "1\x01\x62" p "2\x01\x62" p "3\x01" "\x62" p "4\x01\x62" p \
	"5\x01\x62" p "6\x01\x62" p "7\x01"
#define PAIRS_32 PAIRS_8("a") PAIRS_8("b") PAIRS_8("c") PAIRS_8("d")

enum { FIRST = HARK_WIRE_FIRST, CELLOS = HARK_WIRE_CELLOS, HARK = HARK_WIRE_HARK };

/* want is "" for a frame that is accepted; after is the mode then. */
#define ROW(rule, before, body, want, after) { rule, before, body, sizeof(body) - 1, want, after }

static const struct row {
	const char *rule;
	int before;
	const char *body;
	size_t size;
	const char *want;
	int after;
} rows[] = {
	ROW("no byte", FIRST, "", "length_zero", FIRST),
	ROW("map alone", FIRST, "\xa5", "short", FIRST),
	ROW("simple two-byte true", FIRST, "\xf8\x15", "reserved_head", FIRST),
	ROW("first key cut", FIRST, "\xa5\x6f" "content", "short", FIRST),
	ROW("signature as the first key", FIRST, "\xa1\x69" "signature" "\x01", "version_not_first",
	    FIRST),
	ROW("first key not UTF-8", FIRST, "\xa1\x61\xff\x01", "version_not_first", FIRST),
	ROW("version true", FIRST, "\xa5" VERSION("\xf5") EVENT, "simple_value", FIRST),
	ROW("version negative", FIRST, "\xa5" VERSION("\x20") EVENT, "wrong_type:content_version",
	    FIRST),
	ROW("version 0 in a session", HARK, "\xa5" VERSION("\x00") EVENT, "version_zero", HARK),
	ROW("major in a session", HARK, "\xa5" VERSION("\x19\x01\x01") EVENT, "version_major",
	    HARK),
	ROW("version 1 in Hark", HARK, "\xa5" V1 EVENT, "version_mixed", HARK),
	ROW("version 3 in Hark", HARK, "\xa5" V3 EVENT, "version_mixed", HARK),
	ROW("mixed, judged before the rest", HARK, "\xa5" V1, "version_mixed", HARK),
	ROW("version 2 in Hark", HARK, "\xa5" V2 EVENT, "", HARK),
	ROW("seq in Hark", HARK, "\xa6" V2 EVENT SEQ("\x18\xff"), "", HARK),
	ROW("seq before the five", HARK, "\xa6" V2 SEQ("\x05") EVENT, "", HARK),
	ROW("seq text", HARK, "\xa6" V2 EVENT SEQ("\x61" "1"),
	    "wrong_type:seq", HARK),
	ROW("seq negative", HARK, "\xa6" V2 EVENT SEQ("\x20"), "wrong_type:seq", HARK),
	ROW("seq null", HARK, "\xa6" V2 EVENT SEQ("\xf6"), "simple_value", HARK),
	ROW("seq twice", HARK, "\xa7" V2 EVENT SEQ("\x01") SEQ("\x01"), "duplicate_key:seq", HARK),
	ROW("dropped text", HARK, "\xa6" V2 EVENT DROPPED("\x60"), "wrong_type:dropped", HARK),
	ROW("dropped twice", HARK, "\xa7" V2 EVENT DROPPED("\x01") DROPPED("\x02"),
	    "duplicate_key:dropped", HARK),
	ROW("detail twice", HARK, "\xa7" V2 EVENT DETAIL("\xa0") DETAIL("\xa0"),
	    "duplicate_key:detail", HARK),
	ROW("unknown key in Hark", HARK, "\xa6" V2 EVENT LATER "\x01", "unknown_key", HARK),
	ROW("signature in Hark", HARK, "\xa6" V2 EVENT "\x69" "signature" "\x01", "guest_signed",
	    HARK),
	ROW("signerKid in wire 1", FIRST, "\xa6" V1 EVENT "\x69" "signerKid" "\x01", "guest_signed",
	    FIRST),
	ROW("signature in a later minor", CELLOS, "\xa6" V3 EVENT "\x69" "signature" "\x01",
	    "guest_signed", CELLOS),
	ROW("signerkid is only unknown", FIRST, "\xa6" V1 EVENT "\x69" "signerkid" "\x01",
	    "unknown_key", FIRST),
	ROW("detail empty", HARK, "\xa6" V2 EVENT DETAIL("\xa0"), "", HARK),
	ROW("detail array", HARK, "\xa6" V2 EVENT DETAIL("\x80"), "wrong_type:detail", HARK),
	ROW("detail text", HARK, "\xa6" V2 EVENT DETAIL("\x60"), "wrong_type:detail", HARK),
	ROW("detail null", HARK, "\xa6" V2 EVENT DETAIL("\xf6"), "simple_value", HARK),
	ROW("detail indefinite", HARK, "\xa6" V2 EVENT DETAIL("\xbf\xff"), "indefinite_length",
	    HARK),
	ROW("detail key empty", HARK, "\xa6" V2 EVENT DETAIL("\xa1\x60\x01"), "bad_detail_key",
	    HARK),
	ROW("detail key upper case", HARK, "\xa6" V2 EVENT DETAIL("\xa1\x61" "A\x01"),
	    "bad_detail_key", HARK),
	ROW("detail key with hyphen", HARK, "\xa6" V2 EVENT DETAIL("\xa1\x63" "a-b\x01"),
	    "bad_detail_key", HARK),
	ROW("detail key of 64", HARK, "\xa6" V2 EVENT DETAIL("\xa1" K64 "\x01"), "", HARK),
	ROW("detail key of 65", HARK, "\xa6" V2 EVENT DETAIL("\xa1" K65 "\x01"), "bad_detail_key",
	    HARK),
	ROW("detail key number", HARK, "\xa6" V2 EVENT DETAIL("\xa1\x01\x01"), "wrong_type:key",
	    HARK),
	ROW("detail key true", HARK, "\xa6" V2 EVENT DETAIL("\xa1\xf5\x01"), "simple_value", HARK),
	ROW("detail key not UTF-8", HARK, "\xa6" V2 EVENT DETAIL("\xa1\x61\xff\x01"),
	    "invalid_utf8:detail", HARK),
	ROW("detail key twice", HARK, "\xa6" V2 EVENT DETAIL("\xa2\x61" "a\x01\x61" "a\x02"),
	    "duplicate_key:detail", HARK),
	ROW("detail key twice, not beside", HARK, "\xa6" V2 EVENT DETAIL("\xa3\x61" "b\x01\x61"
	    "a\x02\x61" "b\x03"),
	    "duplicate_key:detail", HARK),
	ROW("detail prefix is not twice", HARK, "\xa6" V2 EVENT DETAIL("\xa2\x62" "ab\x01\x61"
	    "a\x02"),
	    "", HARK),
	ROW("detail text not UTF-8", HARK, "\xa6" V2 EVENT DETAIL("\xa1\x61" "a\x61\xff"),
	    "invalid_utf8:detail", HARK),
	ROW("detail bytes", HARK, "\xa6" V2 EVENT DETAIL("\xa1\x61" "a\x41" "x"),
	    "wrong_type:detail", HARK),
	ROW("detail null value", HARK, "\xa6" V2 EVENT DETAIL("\xa1\x61" "a\xf6"),
	    "simple_value", HARK),
	ROW("detail float value", HARK, "\xa6" V2 EVENT DETAIL("\xa1\x61" "a\xf9\x3c\x00"),
	    "float", HARK),
	ROW("detail map value", HARK, "\xa6" V2 EVENT DETAIL("\xa1\x61" "a\xa0"),
	    "too_deep", HARK),
	ROW("detail array value", HARK, "\xa6" V2 EVENT DETAIL("\xa1\x61" "a\x80"),
	    "too_deep", HARK),
	ROW("detail largest", HARK, "\xa6" V2 EVENT DETAIL("\xa1\x61"
	    "a\x1b\x00\x1f\xff\xff\xff\xff\xff\xff"),
	    "", HARK),
	ROW("detail past largest", HARK, "\xa6" V2 EVENT DETAIL("\xa1\x61"
	    "a\x1b\x00\x20\x00\x00\x00\x00\x00\x00"),
	    "out_of_range:detail", HARK),
	ROW("detail least", HARK, "\xa6" V2 EVENT DETAIL("\xa1\x61"
	    "a\x3b\x00\x1f\xff\xff\xff\xff\xff\xfe"),
	    "", HARK),
	ROW("detail below least", HARK, "\xa6" V2 EVENT DETAIL("\xa1\x61"
	    "a\x3b\x00\x1f\xff\xff\xff\xff\xff\xff"),
	    "out_of_range:detail", HARK),
	ROW("detail of 32", HARK, "\xa6" V2 EVENT DETAIL("\xb8\x20" PAIRS_32), "", HARK),
	ROW("detail of 33", HARK, "\xa6" V2 EVENT DETAIL("\xb8\x21" PAIRS_32 "\x61" "z\x01"),
	    "too_many:detail", HARK),
	ROW("detail of 33, judged at its head", HARK, "\xa6" V2 EVENT DETAIL("\xb8\x21"),
	    "too_many:detail", HARK),
	ROW("trailing byte in Hark", HARK, "\xa5" V2 EVENT "\x00", "trailing_bytes", HARK),
	ROW("missing in Hark", HARK, "\xa2" V2 SEQ("\x01"), "missing_field:probe_source", HARK),
	ROW("heartbeat is ordinary", HARK, "\xa5" V2 SOURCE("\x6f" "agent.heartbeat") REST, "",
	    HARK),
	ROW("second hello", HARK, "\xa6" V2 HELLO DETAIL("\xa1" GOOD), "hello_repeated", HARK),
	ROW("hello", FIRST, "\xa6" V2 HELLO DETAIL("\xa1" GOOD), "", HARK),
	ROW("hello, detail first", FIRST, "\xa6" V2 DETAIL("\xa1" GOOD) HELLO, "", HARK),
	ROW("hello of wire 1 is a CellOS frame", FIRST, "\xa5" V1 HELLO, "", CELLOS),
	ROW("hello of a later minor", FIRST, "\xa6" V3 HELLO DETAIL("\x80"), "", CELLOS),
	ROW("hello second in CellOS", CELLOS, "\xa6" V2 HELLO DETAIL("\x80"), "", CELLOS),
	ROW("hello without detail", FIRST, "\xa5" V2 HELLO, "missing_field:stream", FIRST),
	ROW("hello without stream", FIRST, "\xa6" V2 HELLO DETAIL("\xa1\x61" "a\x01"),
	    "missing_field:stream", FIRST),
	ROW("hello, stream a number", FIRST, "\xa6" V2 HELLO DETAIL("\xa1" STREAM("\x07")),
	    "bad_hello:stream", FIRST),
	ROW("hello, stream of 15", FIRST, "\xa6" V2 HELLO DETAIL("\xa1" STREAM("\x6f"
	    "00112233445566f")),
	    "bad_hello:stream", FIRST),
	ROW("hello, stream of 17", FIRST, "\xa6" V2 HELLO DETAIL("\xa1" STREAM("\x71"
	    "00112233445566fff")),
	    "bad_hello:stream", FIRST),
	ROW("hello, stream upper case", FIRST, "\xa6" V2 HELLO DETAIL("\xa1" STREAM("\x70"
	    "00112233445566FF")),
	    "bad_hello:stream", FIRST),
	ROW("hello, unknown key", FIRST, "\xa7" V2 HELLO DETAIL("\xa1" GOOD) LATER "\x01",
	    "unknown_key", FIRST),
	ROW("hello, detail not UTF-8", FIRST, "\xa6" V2 HELLO DETAIL("\xa2" GOOD "\x61"
	    "a\x61\xff"),
	    "invalid_utf8:detail", FIRST),
	ROW("hello, detail twice", FIRST, "\xa7" V2 HELLO DETAIL("\xa1" GOOD) DETAIL("\xa1" GOOD),
	    "duplicate_key:detail", FIRST),
	ROW("hello, seq text", FIRST, "\xa7" V2 HELLO SEQ("\x60") DETAIL("\xa1" GOOD),
	    "wrong_type:seq", FIRST),
	ROW("hello is read twice: the end first", FIRST, "\xa7" V2 HELLO SEQ("\x60") DETAIL("\xa1"
	    GOOD) "\x00", "trailing_bytes", FIRST),
	ROW("no hello: its keys mean nothing", FIRST, "\xa6" V2 EVENT SEQ("\x60"), "", CELLOS),
	ROW("later: unknown array", CELLOS, "\xa6" V3 EVENT LATER "\x83\x01\x60\xf6", "", CELLOS),
	ROW("later: map of any keys", CELLOS, "\xa6" V3 EVENT LATER "\xa2\x01\x02\x01\x02", "",
	    CELLOS),
	ROW("later: array in an array", CELLOS, "\xa6" V3 EVENT LATER "\x81\x80", "too_deep",
	    CELLOS),
	ROW("later: map as a key", CELLOS, "\xa6" V3 EVENT LATER "\xa1\xa0\x01", "too_deep",
	    CELLOS),
	ROW("later: endless array", CELLOS, "\xa6" V3 EVENT LATER
	    "\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x01", "short", CELLOS),
	ROW("later: undefined", CELLOS, "\xa6" V3 EVENT LATER "\xf7", "simple_value", CELLOS),
	ROW("later: simple 99", CELLOS, "\xa6" V3 EVENT LATER "\xf8\x63", "simple_value", CELLOS),
	ROW("later: float", CELLOS, "\xa6" V3 EVENT LATER "\xfa\x00\x00\x00\x00", "float", CELLOS),
	ROW("later: tag in an array", CELLOS, "\xa6" V3 EVENT LATER "\x81\xc0\x01", "tag", CELLOS),
	ROW("later: bytes past the end", CELLOS, "\xa6" V3 EVENT LATER "\x42" "x", "short", CELLOS),
	ROW("later: unknown key twice", CELLOS, "\xa7" V3 EVENT LATER "\x01" LATER "\x02",
	    "duplicate_key:unknown", CELLOS),
	ROW("later: seq twice", CELLOS, "\xa7" V3 EVENT SEQ("\x01") SEQ("\x01"),
	    "duplicate_key:seq", CELLOS),
	ROW("later: key not UTF-8", CELLOS, "\xa6" V3 EVENT "\x61\xff\x01", "invalid_utf8:key",
	    CELLOS),
	ROW("later: 32 unknown keys", CELLOS, "\xb8\x25" V3 EVENT PAIRS_32, "", CELLOS),
	ROW("later: 33 unknown keys", CELLOS, "\xb8\x26" V3 EVENT PAIRS_32 LATER "\x01",
	    "too_many:unknown", CELLOS),
	ROW("wire 1 in CellOS", CELLOS, "\xa5" V1 EVENT, "", CELLOS),
	ROW("wire 1 with detail in CellOS", CELLOS, "\xa6" V1 EVENT DETAIL("\xa0"), "unknown_key",
	    CELLOS),
};

#endif
