/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Lets another language's reader ask ours.  Each line of standard input is one connection: bodies
 * of frames in hex, with blanks between them.  Each line of standard output is the answer for the
 * last body that was read, as JSON; a connection ends with its first refusal.  Texts are hex, so
 * that nothing is lost on the way.  A tool of the tests; it is not installed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hark/telemetry.h>

#define BODIES_BYTES_MAX 65536u

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* The bytes of one word of hex; -1 for anything else. */
static ssize_t
unhex(const char *word, uint8_t *out)
{
	size_t n = 0;

	for (; word[0] != '\0'; word += 2) {
		int high = hex_digit(word[0]);
		int low = high < 0 ? -1 : hex_digit(word[1]);

		if (low < 0 || n == BODIES_BYTES_MAX)
			return -1;
		out[n++] = (uint8_t)(high << 4 | low);
	}
	return (ssize_t)n;
}

static void
print_text(struct hark_text text)
{
	size_t i;

	putchar('"');
	for (i = 0; i < text.size; i++)
		printf("%02x", (unsigned)(unsigned char)text.data[i]);
	putchar('"');
}

static void
print_detail(const struct hark_detail *entry)
{
	putchar('[');
	print_text(entry->key);
	switch (entry->type) {
	case HARK_DETAIL_TEXT:
		printf(",\"text\",");
		print_text(entry->value.text);
		break;
	case HARK_DETAIL_BOOL:
		printf(",\"bool\",%s", entry->value.boolean ? "true" : "false");
		break;
	case HARK_DETAIL_INTEGER:
		printf(",\"integer\",%lld", (long long)entry->value.integer);
		break;
	}
	putchar(']');
}

static void
print_accepted(const struct hark_guest_declaration *d, const struct hark_wire_session *session)
{
	uint32_t i;

	printf("{\"verdict\":\"accept\",\"mode\":%d,\"stream\":\"%llu\",\"content_version\":%u,"
	       "\"guest_pid\":%lu,\"guest_monotonic_ns\":\"%llu\",\"probe_source\":",
	       (int)session->mode, (unsigned long long)session->stream,
	       (unsigned)d->content_version, (unsigned long)d->guest_pid,
	       (unsigned long long)d->guest_monotonic_ns);
	print_text(d->probe_source);
	printf(",\"guest_comm\":");
	print_text(d->guest_comm);
	if (d->has_seq)
		printf(",\"seq\":\"%llu\"", (unsigned long long)d->seq);
	if (d->has_dropped)
		printf(",\"dropped\":\"%llu\"", (unsigned long long)d->dropped);
	printf(",\"detail\":[");
	for (i = 0; i < d->detail_count; i++) {
		if (i > 0)
			putchar(',');
		print_detail(&d->detail[i]);
	}
	printf("]}\n");
}

static int
judge_line(char *line, uint8_t *body)
{
	struct hark_wire_session session = { 0 };
	struct hark_guest_declaration d;
	struct hark_rejection rejection;
	char text[HARK_REJECTION_TEXT_BYTES];
	char *word = line;
	bool any = false;

	while (*word != '\0') {
		size_t length = strcspn(word, " ");
		char *next = word + length + (word[length] == ' ');
		ssize_t size;

		word[length] = '\0';
		size = unhex(word, body);
		if (size < 0)
			return 1;
		if (hark_decode_frame(&session, body, (size_t)size, &d, &rejection) !=
		    HARK_TELEMETRY_OK) {
			hark_rejection_text(&rejection, text);
			printf("{\"verdict\":\"reject\",\"why\":\"%s\"}\n", text);
			return 0;
		}
		any = true;
		word = next;
	}
	if (!any)
		return 1;
	print_accepted(&d, &session);
	return 0;
}

int
main(void)
{
	uint8_t *body = malloc(BODIES_BYTES_MAX);
	char *line = NULL;
	size_t capacity = 0;
	ssize_t length;
	int bad = body == NULL;

	while (!bad && (length = getline(&line, &capacity, stdin)) > 0) {
		if (line[length - 1] == '\n')
			line[length - 1] = '\0';
		bad = judge_line(line, body);
	}
	if (bad)
		fprintf(stderr, "frame-judge: a line that is not bodies in hex\n");
	free(line);
	free(body);
	return bad;
}
