/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/staged.h"
#include "world.h"

static void
hear(void *ctx, const char *line)
{
	struct world *w = ctx;
	size_t size = strlen(w->said);

	(void)snprintf(w->said + size, sizeof(w->said) - size, "%s\n", line);
}

static void
add_text(struct buf *options, enum observer_option option, const char *text)
{
	assert_int_equal(options_add_text(options, option, text, strlen(text)), ERR_OK);
}

void
world_init(struct world *w, uint32_t tokens)
{
	struct buf options = { 0 };
	char projection[128];

	*w = (struct world){ .folder = "/tmp/hark-project-XXXXXX", .dirfd = -1 };
	assert_non_null(mkdtemp(w->folder));
	(void)snprintf(w->database, sizeof(w->database), "%s/rows.db", w->folder);
	(void)snprintf(w->metrics, sizeof(w->metrics), "%s/metrics", w->folder);
	(void)snprintf(w->receipts, sizeof(w->receipts), "%s/receipts", w->folder);
	(void)snprintf(projection, sizeof(projection), "sqlite:%s", w->database);
	w->dirfd = open(w->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(w->dirfd >= 0);
	assert_int_equal(options_add_number(&options, OPTION_TOKENS, tokens), ERR_OK);
	add_text(&options, OPTION_PROJECTION, projection);
	add_text(&options, OPTION_TABLE, "kept");
	add_text(&options, OPTION_CREATE, WORLD_ROWS);
	add_text(&options, OPTION_METRIC_FILE, w->metrics);
	add_text(&options, OPTION_METRIC_PREFIX, "t_");
	add_text(&options, OPTION_RECEIPT_FILE, w->receipts);
	assert_int_equal(project_config_read((struct bytes){ (const uint8_t *)"o", 1 },
					     (struct bytes){ (const uint8_t *)"h/evidence", 10 },
					     (struct bytes){ options.data, options.size },
					     &w->config, &w->why),
			 ERR_OK);
	buf_finish(&options);
	w->environment = (struct project_environment){ .wake_fd = -1,
						       .metric_dirfd = w->dirfd,
						       .receipt_dirfd = w->dirfd,
						       .line = hear,
						       .line_ctx = w };
}

void
world_finish(struct world *w)
{
	DIR *folder;
	const struct dirent *entry;

	project_destroy(w->project);
	project_config_finish(&w->config);
	folder = opendir(w->folder);
	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] != '.')
			assert_int_equal(unlinkat(dirfd(folder), entry->d_name, 0), 0);
	}
	(void)closedir(folder);
	assert_int_equal(rmdir(w->folder), 0);
	(void)close(w->dirfd);
}

void
world_begin(struct world *w)
{
	assert_null(w->project);
	assert_int_equal(project_create(&w->config, &w->environment, &w->project), ERR_OK);
}

void
world_die(struct world *w)
{
	project_destroy(w->project);
	w->project = NULL;
}

enum err
world_effect(struct world *w, unsigned int token, const char *bytes)
{
	uint8_t message[4096];
	struct bytes rest = { (const uint8_t *)bytes, strlen(bytes) };
	size_t used = 0;

	assert_true(staged_write((uint8_t)token, &rest, message, sizeof(message), &used));
	return project_take_effects(w->project, (struct bytes){ message, used });
}

enum err
world_batch(struct world *w, uint64_t leaves, uint64_t count)
{
	uint64_t cursor = project_cursor(w->project);

	return project_take_batch(w->project, cursor, cursor + leaves, count, w->now_ns);
}

void
world_commit(struct world *w)
{
	unsigned int tries;

	for (tries = 0; project_holds(w->project); tries++) {
		enum err e = ERR_OK;

		assert_true(tries < 100);
		if (!project_is_connected(w->project))
			e = project_connect(w->project, w->now_ns, &w->why);
		if (e == ERR_OK && project_holds(w->project))
			e = project_commit(w->project, w->now_ns, &w->why);
		assert_true(e == ERR_OK || e == ERR_AGAIN);
	}
}

const char *
world_ask(struct world *w, const char *sql)
{
	static char text[16384];
	sqlite3_stmt *statement = NULL;
	sqlite3 *db = NULL;
	size_t size = 0;
	int i;

	text[0] = '\0';
	assert_int_equal(sqlite3_open(w->database, &db), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	while (sqlite3_step(statement) == SQLITE_ROW) {
		for (i = 0; i < sqlite3_column_count(statement); i++) {
			const char *column = (const char *)sqlite3_column_text(statement, i);

			size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%s",
						 i > 0      ? "|"
						 : size > 0 ? ";"
							    : "",
						 column != NULL ? column : "-");
			assert_true(size < sizeof(text));
		}
	}
	assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return text;
}

void
world_change(struct world *w, const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(w->database, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

const char *
world_read(const char *path)
{
	static char text[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size;

	if (fd < 0)
		return NULL;
	size = read(fd, text, sizeof(text) - 1);
	assert_true(size >= 0);
	text[size] = '\0';
	(void)close(fd);
	return text;
}
