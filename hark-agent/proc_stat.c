/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Readers of two files of /proc (proc(5)).  Pure: bytes in, numbers out. */
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "hark-agent/proc_stat.h"

#define FIELD_PPID      4u
#define FIELD_THREADS   20u
#define FIELD_START     22u
#define FIELD_EXIT_CODE 52u

/* The next word; *at moves behind the blank that ends it. */
static bool
next_word(const char *text, size_t size, size_t *at, const char **word, size_t *word_size)
{
	size_t from = *at;

	while (*at < size && text[*at] != ' ' && text[*at] != '\n')
		(*at)++;
	*word = text + from;
	*word_size = *at - from;
	if (*at < size)
		(*at)++;
	return *word_size > 0;
}

static enum err
read_fields(const char *text, size_t size, struct proc_stat *s)
{
	bool has_start = false;
	size_t at = 0;
	size_t field;

	for (field = FIELD_PPID; field <= FIELD_EXIT_CODE; field++) {
		const char *word;
		size_t word_size;
		uint64_t v;

		if (!next_word(text, size, &at, &word, &word_size))
			break;
		if (field != FIELD_PPID && field != FIELD_THREADS && field != FIELD_START &&
		    field != FIELD_EXIT_CODE)
			continue;
		if (num_read_u64(word, word_size, UINT64_MAX, &v) != ERR_OK)
			return ERR_FORMAT;
		if ((field == FIELD_PPID && v > INT32_MAX) ||
		    (field == FIELD_EXIT_CODE && v > UINT32_MAX))
			return ERR_FORMAT;
		if (field == FIELD_PPID)
			s->ppid = (pid_t)v;
		if (field == FIELD_THREADS)
			s->threads = v;
		if (field == FIELD_START) {
			s->start_ticks = v;
			has_start = true;
		}
		if (field == FIELD_EXIT_CODE) {
			s->exit_status = (uint32_t)v;
			s->has_exit_status = true;
		}
	}
	return has_start ? ERR_OK : ERR_FORMAT;
}

enum err
proc_stat_read(const char *text, size_t size, struct proc_stat *out)
{
	const char *open;
	const char *close;
	struct proc_stat s;
	size_t name;
	size_t rest;
	uint64_t pid;
	enum err e;

	MUST(text != NULL && out != NULL);

	memset(&s, 0, sizeof(s));
	/* The name ends at the last bracket: it may itself hold ") R 1". */
	open = memchr(text, '(', size);
	close = memrchr(text, ')', size);
	if (open == NULL || close == NULL || close < open || open == text || open[-1] != ' ')
		return ERR_FORMAT;
	if (num_read_u64(text, (size_t)(open - text) - 1, INT32_MAX, &pid) != ERR_OK || pid == 0)
		return ERR_FORMAT;
	s.pid = (pid_t)pid;
	name = (size_t)(close - open) - 1;
	s.comm_size = (uint8_t)(name < COMM_BYTES ? name : COMM_BYTES);
	memcpy(s.comm, open + 1, s.comm_size);
	rest = (size_t)(close - text) + 1;
	if (size - rest < 4 || text[rest] != ' ' || text[rest + 2] != ' ')
		return ERR_FORMAT;
	s.state = text[rest + 1];
	e = read_fields(text + rest + 3, size - rest - 3, &s);
	if (e != ERR_OK)
		return e;
	*out = s;
	return ERR_OK;
}

enum err
proc_status_uid(const char *text, size_t size, uint32_t *out)
{
	/* The kernel writes a line end in a name as \n, so no name can look like this line. */
	static const char label[] = "\nUid:\t";
	const char *line;
	size_t digits = 0;
	size_t at;
	uint64_t v;

	MUST(text != NULL && out != NULL);

	line = memmem(text, size, label, sizeof(label) - 1);
	if (line == NULL)
		return ERR_FORMAT;
	at = (size_t)(line - text) + sizeof(label) - 1;
	while (at + digits < size && text[at + digits] >= '0' && text[at + digits] <= '9')
		digits++;
	/* A number that the read cut off is not a number. */
	if (at + digits == size || text[at + digits] != '\t')
		return ERR_FORMAT;
	if (num_read_u64(text + at, digits, UINT32_MAX, &v) != ERR_OK)
		return ERR_FORMAT;
	*out = (uint32_t)v;
	return ERR_OK;
}
