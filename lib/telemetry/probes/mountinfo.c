/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reads /proc/self/mountinfo (proc_pid_mountinfo(5)) as far as a cgroup's siblings need it.  A line
 * that is not understood is passed over: other mounts are none of our business.
 */
#include "telemetry/probes/mountinfo.h"

#include <stdbool.h>
#include <string.h>

struct slice {
	const char *data;
	size_t size;
};

/* One mount of a v1 hierarchy; paths are unescaped and terminated. */
struct mount {
	char root[MOUNTINFO_PATH_BYTES];
	char point[MOUNTINFO_PATH_BYTES];
	struct slice options;
};

static bool
slice_is(struct slice s, const char *text)
{
	return s.size == strlen(text) && memcmp(s.data, text, s.size) == 0;
}

static struct slice
next_field(struct slice *line)
{
	const char *end = line->size > 0 ? memchr(line->data, ' ', line->size) : NULL;
	struct slice field = { line->data, end != NULL ? (size_t)(end - line->data) : line->size };
	size_t skip = field.size + (end != NULL ? 1 : 0);

	line->data += skip;
	line->size -= skip;
	return field;
}

/* Undoes the kernel's \ooo of blanks, line feeds and backslashes. */
static bool
unescape(struct slice field, char *out)
{
	size_t used = 0;
	size_t i;

	for (i = 0; i < field.size && used < MOUNTINFO_PATH_BYTES - 1; i++) {
		const char *d = field.data + i;

		if (*d == '\\' && field.size - i > 3 && d[1] >= '0' && d[1] <= '3' && d[2] >= '0' &&
		    d[2] <= '7' && d[3] >= '0' && d[3] <= '7') {
			out[used++] = (char)((d[1] - '0') * 64 + (d[2] - '0') * 8 + d[3] - '0');
			i += 3;
		} else {
			out[used++] = *d;
		}
	}
	out[used] = '\0';
	return i == field.size && used > 0 && out[0] == '/';
}

static bool
read_mount(struct slice line, struct mount *out)
{
	struct slice root, point;
	int i;

	for (i = 0; i < 3; i++)
		(void)next_field(&line); /* mount id, parent id, device */
	root = next_field(&line);
	point = next_field(&line);
	while (line.size > 0 && !slice_is(next_field(&line), "-"))
		continue; /* mount options and optional fields */
	if (!slice_is(next_field(&line), "cgroup"))
		return false;
	(void)next_field(&line); /* source */
	out->options = next_field(&line);
	return unescape(root, out->root) && unescape(point, out->point);
}

static bool
has_option(struct slice options, const char *name)
{
	size_t size = strlen(name);

	while (options.size >= size) {
		const char *end = memchr(options.data, ',', options.size);
		struct slice one = { options.data,
				     end != NULL ? (size_t)(end - options.data) : options.size };
		size_t skip = one.size + (end != NULL ? 1 : 0);

		if (slice_is(one, name))
			return true;
		options.data += skip;
		options.size -= skip;
	}
	return false;
}

/* What is left of path below `base`: "" or "/...".  NULL where it is not below. */
static const char *
below(const char *path, const char *base)
{
	size_t size = strlen(base);

	if (size == 1)
		return path[1] == '\0' ? "" : path;
	if (strncmp(path, base, size) != 0 || (path[size] != '\0' && path[size] != '/'))
		return NULL;
	return path + size;
}

/* Joins as paths are joined; "/" before a rest that begins with "/" is dropped. */
static bool
join(const char *base, const char *rest, char *out)
{
	size_t base_size = strcmp(base, "/") == 0 && rest[0] != '\0' ? 0 : strlen(base);
	size_t rest_size = strlen(rest);

	if (base_size + rest_size >= MOUNTINFO_PATH_BYTES)
		return false;
	memcpy(out, base, base_size);
	memcpy(out + base_size, rest, rest_size + 1);
	return true;
}

static bool
next_mount(struct slice *text, struct mount *out)
{
	while (text->size > 0) {
		const char *end = memchr(text->data, '\n', text->size);
		struct slice line = { text->data,
				      end != NULL ? (size_t)(end - text->data) : text->size };
		size_t skip = line.size + (end != NULL ? 1 : 0);

		text->data += skip;
		text->size -= skip;
		if (read_mount(line, out))
			return true;
	}
	return false;
}

enum err
mountinfo_cgroup1_path(const char *text, size_t size, const char *leaf, const char *controller,
		       char *path)
{
	struct slice all = { text, size };
	char cgroup[MOUNTINFO_PATH_BYTES] = "";
	size_t longest = 0;
	struct slice rest;
	struct mount m;

	/* The innermost mount that the leaf is below gives the cgroup's own path. */
	rest = all;
	while (next_mount(&rest, &m)) {
		const char *under = below(leaf, m.point);

		if (under == NULL || strlen(m.point) < longest)
			continue;
		if (!join(m.root, under, cgroup))
			return ERR_MISSING;
		longest = strlen(m.point);
	}
	rest = all;
	while (longest > 0 && next_mount(&rest, &m)) {
		const char *under = below(cgroup, m.root);

		if (under != NULL && has_option(m.options, controller) &&
		    join(m.point, under, path))
			return ERR_OK;
	}
	return ERR_MISSING;
}
