/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where a projection leads: what is reached, what is looked up, and what libpq is told of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/resolve.h"
#include "project/postgresql_internal.h"
#include "unit.h"

enum err __wrap_resolve_host(const char *host, struct resolve_address *out, size_t most,
			     size_t *count_out, const char **why_out);

/* "two" has two addresses, "none" none. */
enum err
__wrap_resolve_host(const char *host, struct resolve_address *out, size_t most, size_t *count_out,
		    const char **why_out)
{
	assert_true(most >= 2);
	*why_out = "nobody knows it";
	if (strcmp(host, "none") == 0)
		return ERR_MISSING;
	(void)snprintf(out[0].text, sizeof(out[0].text), "1.%s", host);
	(void)snprintf(out[1].text, sizeof(out[1].text), "2.%s", host);
	*count_out = strcmp(host, "two") == 0 ? 2 : 1;
	return ERR_OK;
}

/* What is reached, as words. */
static char reached[512];

static void
add(const char *word)
{
	size_t size = strlen(reached);

	(void)snprintf(reached + size, sizeof(reached) - size, "%s%s", size > 0 ? " " : "", word);
}

static void
add_port(void *ctx, uint16_t port)
{
	char word[16];

	(void)ctx;
	(void)snprintf(word, sizeof(word), "%u", port);
	add(word);
}

static void
add_unix(void *ctx)
{
	(void)ctx;
	add("unix");
}

static void
add_lookup(void *ctx)
{
	(void)ctx;
	add("lookup");
}

static void
add_file(void *ctx, const char *path)
{
	(void)ctx;
	add(path);
}

static const struct {
	const char *uri;
	const char *reach; /* NULL: refused */
	const char *found; /* hosts addresses ports; NULL: nobody knows them */
} rows[] = {
	{ "postgresql://h/d", "lookup 5432", "h 1.h 5432" },
	{ "postgresql://u:p@h:7/d", "lookup 7", "h 1.h 7" },
	{ "postgresql://two:7/d", "lookup 7", "two,two 1.two,2.two 7,7" },
	{ "postgresql://a,two:7,c:8/d", "lookup 5432 lookup 7 lookup 8",
	  "a,two,two,c 1.a,1.two,2.two,1.c 5432,7,7,8" },
	{ "postgresql://a,none/d", "lookup 5432 lookup 5432", "a 1.a 5432" },
	{ "postgresql://none/d", "lookup 5432", NULL },
	{ "postgresql:///d", "unix", "  5432" },
	{ "postgresql:///d?host=/run/pg", "unix", "/run/pg  5432" },
	{ "postgresql:///d?host=/run/pg&port=7", "unix", "/run/pg  7" },
	{ "postgresql:///d?host=@abstract", "unix", "@abstract  5432" },
	{ "postgresql:///d?host=/run/pg,h&port=7", "unix lookup 7", "/run/pg,h ,1.h 7,7" },
	{ "postgresql:///d?host=a,b&port=7,", "lookup 7 lookup 5432", "a,b 1.a,1.b 7,5432" },
	{ "postgresql://h/d?hostaddr=192.0.2.1", "5432", "h 192.0.2.1 5432" },
	{ "postgresql:///d?hostaddr=192.0.2.1,::1&port=7", "7 7", ", 192.0.2.1,::1 7,7" },
	{ "postgresql://a,b/d?hostaddr=192.0.2.1,", "5432 lookup 5432",
	  "a,b 192.0.2.1,1.b 5432,5432" },
	{ "postgresql://h:0/d", "lookup 0", "h 1.h 0" },
	{ "postgresql://h/d?sslrootcert=/ca&passfile=/p", "lookup 5432 /ca /p", "h 1.h 5432" },
	{ "postgresql://h/d?sslkey=/k&sslcert=/c&sslcrl=/l", "lookup 5432 /c /k /l", "h 1.h 5432" },
	{ "postgresql://a,b/d?hostaddr=192.0.2.1", NULL, NULL },
	{ "postgresql:///d?host=a,b,c&port=1,2", NULL, NULL },
	{ "postgresql://h/d?service=x", NULL, NULL },
	{ "postgresql://h/d?%zz", NULL, NULL },
	{ "postgresql:///d?host=,,,,,,,,,,,,,,,,", NULL, NULL },
};

static void
projections_lead_where_they_say(void **state)
{
	static const struct database_reach reach = {
		.port = add_port, .unix_sockets = add_unix, .lookup = add_lookup, .file = add_file
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct project_config config = { .projection = strdup(rows[i].uri) };
		struct project_failure why = { "" };
		char found[512];
		enum err e;

		reached[0] = '\0';
		e = pg_reach(&config, &reach, &why);
		if (rows[i].reach == NULL ? e != ERR_REFUSED || why.text[0] == '\0'
					  : strcmp(reached, rows[i].reach) != 0)
			fail_msg("%s: %s %s", rows[i].uri, reached, why.text);
		e = pg_find(&config, &why);
		if (rows[i].found == NULL) {
			assert_int_equal(e, rows[i].reach == NULL ? ERR_REFUSED : ERR_OK);
			assert_null(config.hosts);
			assert_int_equal(config.unfound != NULL, rows[i].reach != NULL);
		} else {
			assert_int_equal(e, ERR_OK);
			(void)snprintf(found, sizeof(found), "%s %s %s", config.hosts,
				       config.addresses, config.ports);
			if (strcmp(found, rows[i].found) != 0)
				fail_msg("%s: %s", rows[i].uri, found);
		}
		project_config_finish(&config);
	}
}

static void
a_host_that_nobody_knows_is_named(void **state)
{
	struct project_config config = { .projection = strdup("postgresql://u:secret@none/d") };
	struct database_place place = { .config = &config, .wake_fd = -1 };
	struct project_failure why = { "" };
	struct project_failure said = { "" };
	struct database db = { .state = NULL };

	(void)state;
	assert_int_equal(pg_find(&config, &why), ERR_OK);
	config.database = &database_postgresql;
	assert_int_equal(database_open(&db, &place, &said), ERR_AGAIN);
	assert_string_equal(said.text, "PostgreSQL: host \"none\" is not found: nobody knows it");
	project_config_finish(&config);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(projections_lead_where_they_say),
		cmocka_unit_test(a_host_that_nobody_knows_is_named),
	};

	return cmocka_run_group_tests_name("project/postgresql_place", tests, NULL, NULL);
}
