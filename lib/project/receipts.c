/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * KmsReceipt: a line a receipt, appended to a file and synced before the transaction that knows its
 * new length.  What lies behind that length after a crash was never committed, and is cut.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "os/file.h"
#include "os/store.h"
#include "project/capability.h"
#include "json/tree.h"
#include "json/writer.h"

#define DEPTH_MAX 64u
#define FILE_MODE 0640
/* What a line has beside its receipt, at the most. */
#define LINE_BYTES 2048u

struct receipts {
	int fd;
	uint64_t count; /* what is in the database, and with this batch */
	uint64_t bytes;
	struct buf lines; /* of this batch */
};

static void
receipts_close(void *state)
{
	struct receipts *r = state;

	if (r == NULL)
		return;
	file_close(&r->fd);
	buf_finish(&r->lines);
	free(r);
}

/* ---- opening ------------------------------------------------------------------------------- */

static enum err
take_row(void *ctx, const struct bytes *columns, size_t count)
{
	struct receipts *r = ctx;

	(void)count;
	if (database_read_count(columns[0], &r->count) != ERR_OK)
		return ERR_REFUSED;
	return database_read_count(columns[1], &r->bytes);
}

/* Opens the file, which is made where it is not there. */
static enum err
open_file(const struct capability_context *c, struct receipts *r)
{
	const char *slash = strrchr(c->config->receipt_file, '/');
	const char *name = slash != NULL ? slash + 1 : c->config->receipt_file;
	int dirfd = c->environment->receipt_dirfd;
	enum err e;

	e = store_open(dirfd, name, &r->fd);
	if (e != ERR_MISSING)
		return e;
	e = store_create(dirfd, name, FILE_MODE, NULL, 0);
	return e == ERR_OK ? store_open(dirfd, name, &r->fd) : e;
}

/* What is behind the length that is known goes; what should be before it must be there. */
static enum err
fit(const struct capability_context *c, struct receipts *r, struct project_failure *why)
{
	const char *path = c->config->receipt_file;
	struct file_info info;
	enum err e = file_stat(r->fd, &info);

	if (e != ERR_OK)
		return e;
	if (info.kind != FILE_REGULAR) {
		project_say(why, "%s is %s, no file for receipts", path, file_kind_text(info.kind));
		return ERR_REFUSED;
	}
	if (info.size < r->bytes) {
		project_say(why,
			    "%s has %llu bytes, and the database knows of %llu: receipts are "
			    "missing; bring the file back",
			    path, (unsigned long long)info.size, (unsigned long long)r->bytes);
		return ERR_REFUSED;
	}
	if (c->begins && info.size > 0) {
		project_say(why,
			    "%s has %llu bytes that the database knows nothing of: move it away "
			    "before this observer begins anew",
			    path, (unsigned long long)info.size);
		return ERR_REFUSED;
	}
	return info.size > r->bytes ? store_cut(r->fd, r->bytes) : ERR_OK;
}

static enum err
receipts_open(const struct capability_context *c, void **state, struct project_failure *why)
{
	struct database_value observer = database_text(c->config->observer);
	struct receipts *r = calloc(1, sizeof(*r));
	enum err e;

	struct database_answer answer = { .fn = take_row, .ctx = r, .columns = 2, .most = 1 };

	if (r == NULL)
		return ERR_MEMORY;
	r->fd = -1;
	project_say(why, "the receipts in hark_cursors are no numbers");
	e = database_ask(c->db,
			 "SELECT receipts, receipt_bytes FROM hark_cursors WHERE observer = $1",
			 &observer, 1, &answer, NULL, why);
	if (e == ERR_OK) {
		e = open_file(c, r);
		if (e == ERR_OK)
			e = fit(c, r, why);
		if (e != ERR_OK && e != ERR_MEMORY && e != ERR_REFUSED) {
			project_say(why, "%s cannot be used: %s", c->config->receipt_file,
				    e == ERR_SYSTEM ? strerror(errno) : err_text(e));
			e = ERR_AGAIN;
		}
	}
	if (e != ERR_OK) {
		receipts_close(r);
		return e;
	}
	*state = r;
	return ERR_OK;
}

/* ---- receipts ------------------------------------------------------------------------------ */

/* The line of a receipt: what the host knows, and beside it what was asked for. */
static enum err
add_line(const struct capability_context *c, struct receipts *r, const struct json_node *receipt,
	 size_t payload_bytes)
{
	/* Numbers beyond 2^53 get quotes, and a line is longer than its receipt by its beginning.
	 */
	size_t most = 2 * payload_bytes + LINE_BYTES;
	struct json_writer w;
	size_t size = 0;
	enum err e;

	e = buf_reserve(&r->lines, most, SIZE_MAX / 2);
	if (e != ERR_OK)
		return ERR_MEMORY;
	json_writer_init(&w, (char *)r->lines.data + r->lines.size, most);
	json_write_literal(&w, "{\"number\":");
	json_write_u64_string(&w, r->count);
	json_write_literal(&w, ",\"observer\":");
	json_write_string(&w, c->config->observer, strlen(c->config->observer));
	json_write_literal(&w, ",\"origin\":");
	json_write_string(&w, c->config->origin, strlen(c->config->origin));
	json_write_literal(&w, ",\"receipt\":");
	e = json_node_write(receipt, JSON_ORDER_UTF16, JSON_NUMBERS_SAFE, &w);
	json_write_literal(&w, "}\n");
	if (e == ERR_OK)
		e = json_writer_finish(&w, &size);
	if (e != ERR_OK)
		return e;
	r->lines.size += size;
	r->count++;
	return ERR_OK;
}

static enum err
receipts_execute(const struct capability_context *c, void *state, const struct effect *effect,
		 struct project_failure *why)
{
	cleanup(json_tree_destroyp) struct json_tree *tree = NULL;
	struct json_failure failure = { .text = "" };
	struct receipts *r = state;
	char error[256];
	enum err e;

	(void)why;
	if (effect->payload.size == 0)
		return c->refuse(c->refuse_ctx, effect, "empty");
	e = json_tree_read((const char *)effect->payload.data, effect->payload.size, DEPTH_MAX,
			   &tree, &failure);
	if (e == ERR_MEMORY)
		return e;
	if (e != ERR_OK) {
		(void)snprintf(error, sizeof(error), "no JSON at byte %zu: %s", failure.offset,
			       failure.text);
		return c->refuse(c->refuse_ctx, effect, error);
	}
	if (json_tree_root(tree)->type != JSON_OBJECT)
		return c->refuse(c->refuse_ctx, effect, "not a JSON object");
	e = add_line(c, r, json_tree_root(tree), effect->payload.size);
	return e == ERR_LIMIT ? c->refuse(c->refuse_ctx, effect, "too long") : e;
}

static enum err
receipts_before_commit(const struct capability_context *c, void *state, struct project_failure *why)
{
	struct receipts *r = state;
	struct database_value values[] = { database_number(r->count),
					   database_number(r->bytes + r->lines.size),
					   database_text(c->config->observer) };
	enum err e;

	if (r->lines.size == 0)
		return ERR_OK;
	e = store_write_at(r->fd, r->bytes, r->lines.data, r->lines.size);
	if (e == ERR_OK)
		e = store_sync(r->fd);
	if (e != ERR_OK) {
		project_say(why, "%s cannot be written: %s", c->config->receipt_file,
			    strerror(errno));
		return ERR_AGAIN;
	}
	return database_ask(c->db,
			    "UPDATE hark_cursors SET receipts = $1, receipt_bytes = $2 "
			    "WHERE observer = $3",
			    values, 3, NULL, NULL, why);
}

static void
receipts_after_commit(const struct capability_context *c, void *state)
{
	struct receipts *r = state;

	(void)c;
	r->bytes += r->lines.size;
	buf_clear(&r->lines);
}

const struct capability capability_receipts = {
	.token = HARK_OBSERVER_TOKEN_KMS_RECEIPT,
	.name = "KmsReceipt",
	.open = receipts_open,
	.execute = receipts_execute,
	.before_commit = receipts_before_commit,
	.after_commit = receipts_after_commit,
	.close = receipts_close,
};
