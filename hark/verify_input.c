/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Reads keys and checkpoints that a person gives. */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "hark/verify_input.h"
#include "os/file.h"
#include "prog/exit.h"
#include "prog/log.h"

/* Of a file of keys, or of a note. */
#define FILE_BYTES_MAX 65536u

int
verify_input_fail(enum hark_verifier_error e, const struct hark_failure *why)
{
	log_error("%s", why->text[0] != '\0' ? why->text : hark_verifier_error_text(e));
	switch (e) {
	case HARK_VERIFIER_MISSING:
		return EXIT_NO_INPUT;
	case HARK_VERIFIER_SYSTEM:
		return why->system_error == EACCES || why->system_error == EPERM
			       ? EXIT_NO_PERMISSION
			       : EXIT_IO;
	case HARK_VERIFIER_FORMAT:
	case HARK_VERIFIER_LIMIT:
		return EXIT_CONFIG;
	case HARK_VERIFIER_OK:
	case HARK_VERIFIER_ARGUMENT:
	case HARK_VERIFIER_MEMORY:
		break;
	}
	return EXIT_SOFTWARE;
}

/* Tells what is wrong with what a person gave. */
static int
refuse(const char *given, enum hark_verifier_error e, const struct hark_failure *why)
{
	char shown[128];

	(void)text_escape(given, strlen(given), shown, sizeof(shown));
	log_error("%s: %s", shown, why->text);
	return e == HARK_VERIFIER_MEMORY ? EXIT_SOFTWARE : EXIT_CONFIG;
}

static int
read_file(const char *path, const char *otherwise, struct buf *out)
{
	cleanup(file_close) int fd = -1;
	char shown[128];
	enum err e = file_open_read(path, &fd);

	(void)text_escape(path, strlen(path), shown, sizeof(shown));
	if (e == ERR_OK)
		e = file_read_all(fd, FILE_BYTES_MAX, out);
	if (e == ERR_OK)
		return EXIT_OK;
	if (e == ERR_MISSING)
		log_error("%s: there is no such file%s", shown, otherwise);
	else if (e == ERR_LIMIT)
		log_error("%s: it has more than %u bytes", shown, FILE_BYTES_MAX);
	else
		log_error("%s: %s", shown, e == ERR_MEMORY ? "out of memory" : strerror(errno));
	if (e == ERR_SYSTEM && errno == EACCES)
		return EXIT_NO_PERMISSION;
	return e == ERR_MISSING ? EXIT_NO_INPUT : e == ERR_LIMIT ? EXIT_CONFIG : EXIT_IO;
}

static int
add_lines(struct hark_verifier *verifier, const char *path, struct bytes rest)
{
	struct hark_failure why = { 0 };
	size_t count = 0;

	while (rest.size > 0) {
		const uint8_t *newline = memchr(rest.data, '\n', rest.size);
		size_t size = newline != NULL ? (size_t)(newline - rest.data) : rest.size;
		size_t taken = newline != NULL ? size + 1 : size;
		struct hark_text line = { .data = (const char *)rest.data, .size = size };
		enum hark_verifier_error e;

		rest = (struct bytes){ rest.data + taken, rest.size - taken };
		if (size == 0 || line.data[0] == '#')
			continue;
		e = hark_verifier_add_key(verifier, line, &why);
		if (e != HARK_VERIFIER_OK)
			return refuse(path, e, &why);
		count++;
	}
	if (count > 0)
		return EXIT_OK;
	log_error("no verifier key is in the file that was given");
	return EXIT_CONFIG;
}

int
verify_input_key(struct hark_verifier *verifier, const char *text)
{
	struct hark_failure why = { 0 };
	struct buf file = { 0 };
	enum hark_verifier_error e = hark_verifier_add_key(verifier, hark_text_of(text), &why);
	int code;

	if (e == HARK_VERIFIER_OK)
		return EXIT_OK;
	if (e != HARK_VERIFIER_FORMAT)
		return refuse(text, e, &why);
	code = read_file(text, ", and it is no verifier key", &file);
	if (code == EXIT_OK)
		code = add_lines(verifier, text, (struct bytes){ file.data, file.size });
	buf_finish(&file);
	return code;
}

int
verify_input_checkpoint(struct hark_verifier *verifier, const char *path)
{
	struct hark_failure why = { 0 };
	struct buf file = { 0 };
	struct hark_text note;
	enum hark_verifier_error e;
	int code = read_file(path, "", &file);

	if (code == EXIT_OK) {
		note = (struct hark_text){ .data = (const char *)file.data, .size = file.size };
		e = hark_verifier_add_checkpoint(verifier, note, &why);
		if (e != HARK_VERIFIER_OK)
			code = refuse(path, e, &why);
	}
	buf_finish(&file);
	return code;
}
