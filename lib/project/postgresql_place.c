/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Where a PostgreSQL is: what the projection says, and the addresses of its hosts, which are looked
 * up once.  libpq then gets addresses and looks nothing up by itself: names are for certificates
 * and password files alone.
 */
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "os/resolve.h"
#include "project/postgresql_internal.h"

#define PORT_DNS 53u
/* Hosts of a projection, and addresses of one. */
#define HOSTS_MAX      16u
#define ADDRESSES_MAX  8u
#define LIST_BYTES_MAX 65536u

/* libpq shows a URI that it cannot read, with all that is in it: so it is read beforehand. */
enum err
pg_read_uri(const char *uri, PQconninfoOption **out, struct project_failure *why)
{
	char *words = NULL;
	PQconninfoOption *options = PQconninfoParse(uri, &words);
	const PQconninfoOption *o;

	PQfreemem(words);
	if (options == NULL) {
		project_say(why, "the projection is no URI that PostgreSQL's library takes");
		return ERR_REFUSED;
	}
	for (o = options; o->keyword != NULL; o++) {
		/* Its file is read after all rights were given up, and may name any port. */
		if (o->val != NULL && strcmp(o->keyword, "service") == 0) {
			PQconninfoFree(options);
			project_say(why, "a service is not looked up: give host and port in the "
					 "projection");
			return ERR_REFUSED;
		}
	}
	*out = options;
	return ERR_OK;
}

/* The value of an option; "" where it has none. */
static const char *
option_of(const PQconninfoOption *options, const char *keyword)
{
	const PQconninfoOption *o;

	for (o = options; o->keyword != NULL; o++) {
		if (strcmp(o->keyword, keyword) == 0)
			return o->val != NULL ? o->val : "";
	}
	return "";
}

/* ---- hosts --------------------------------------------------------------------------------- */

/* An element of a list with commas, and the next one's beginning; the last stays at the end. */
static struct bytes
next_of(const char **list)
{
	struct bytes out = { (const uint8_t *)*list, strcspn(*list, ",") };

	*list += out.size;
	if (**list == ',')
		(*list)++;
	return out;
}

static size_t
count_of(const char *list)
{
	size_t count = 1;

	for (; *list != '\0'; list++)
		count += *list == ',';
	return count;
}

/* One of the projection's hosts; texts are parts of lists. */
struct host {
	struct bytes name;
	struct bytes address;
	struct bytes port;
};

static bool
is_socket(const struct host *h)
{
	return h->address.size == 0 &&
	       (h->name.size == 0 || h->name.data[0] == '/' || h->name.data[0] == '@');
}

static bool
has_only_name(const struct host *h)
{
	return h->address.size == 0 && !is_socket(h);
}

/* As libpq pairs them: as many as there are addresses, or else names; one port may serve all. */
static enum err
read_hosts(const PQconninfoOption *options, struct host *out, size_t *count_out,
	   struct project_failure *why)
{
	const char *names = option_of(options, "host");
	const char *addresses = option_of(options, "hostaddr");
	const char *ports = option_of(options, "port");
	const char *whole = ports;
	size_t count = count_of(addresses[0] != '\0' ? addresses : names);
	size_t i;

	if (count > HOSTS_MAX) {
		project_say(why, "the projection has more than %u hosts", HOSTS_MAX);
		return ERR_REFUSED;
	}
	if ((names[0] != '\0' && count_of(names) != count) ||
	    (ports[0] != '\0' && count_of(ports) != count && count_of(ports) != 1)) {
		project_say(why, "the projection has not as many hosts as addresses or ports");
		return ERR_REFUSED;
	}
	for (i = 0; i < count; i++) {
		out[i].name = next_of(&names);
		out[i].address = next_of(&addresses);
		if (count_of(whole) == 1)
			ports = whole;
		out[i].port = next_of(&ports);
		if (out[i].port.size == 0)
			out[i].port = (struct bytes){ (const uint8_t *)PG_PORT_USUAL,
						      strlen(PG_PORT_USUAL) };
	}
	*count_out = count;
	return ERR_OK;
}

/* What is none fails when it is connected to. */
static void
say_port(const struct host *h, const struct database_reach *r)
{
	uint64_t port = 0;

	if (!is_socket(h) &&
	    num_read_u64((const char *)h->port.data, h->port.size, UINT16_MAX, &port) == ERR_OK)
		r->port(r->ctx, (uint16_t)port);
}

static void
say_files(const PQconninfoOption *options, const struct database_reach *r)
{
	static const char *const files[] = { "sslrootcert", "sslcert", "sslkey", "sslcrl",
					     "passfile" };
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const char *path = option_of(options, files[i]);

		if (path[0] != '\0')
			r->file(r->ctx, path);
	}
}

enum err
pg_reach(const struct project_config *config, const struct database_reach *r,
	 struct project_failure *why)
{
	PQconninfoOption *options = NULL;
	struct host hosts[HOSTS_MAX];
	size_t count = 0;
	enum err e = pg_read_uri(config->projection, &options, why);
	size_t i;

	if (e != ERR_OK)
		return e;
	e = read_hosts(options, hosts, &count, why);
	for (i = 0; e == ERR_OK && i < count; i++) {
		if (is_socket(&hosts[i]))
			r->unix_sockets(r->ctx);
		if (has_only_name(&hosts[i]))
			r->lookup(r->ctx);
		say_port(&hosts[i], r);
	}
	if (e == ERR_OK)
		say_files(options, r);
	PQconninfoFree(options);
	return e;
}

/* ---- looking up ---------------------------------------------------------------------------- */

/* The lists that libpq gets. */
struct lists {
	struct buf names, addresses, ports;
	size_t count;
};

static enum err
add_to(struct buf *list, bool first, const void *text, size_t size)
{
	enum err e = first ? ERR_OK : buf_append(list, ",", 1, LIST_BYTES_MAX);

	return e == ERR_OK ? buf_append(list, text, size, LIST_BYTES_MAX) : e;
}

static enum err
add_host(struct lists *l, const struct host *h, struct bytes address)
{
	bool first = l->count == 0;
	enum err e = add_to(&l->names, first, h->name.data, h->name.size);

	if (e == ERR_OK)
		e = add_to(&l->addresses, first, address.data, address.size);
	if (e == ERR_OK)
		e = add_to(&l->ports, first, h->port.data, h->port.size);
	l->count++;
	return e;
}

/* A host that is not found is passed over: another may be. */
static enum err
look_up(struct lists *l, const struct host *h, struct project_failure *why)
{
	struct resolve_address found[ADDRESSES_MAX];
	const char *reason = "";
	char name[256];
	char shown[256];
	size_t count = 0;
	enum err e;
	size_t i;

	(void)text_escape((const char *)h->name.data, h->name.size, shown, sizeof(shown));
	e = h->name.size < sizeof(name) ? ERR_OK : ERR_MISSING;
	if (e == ERR_OK) {
		memcpy(name, h->name.data, h->name.size);
		name[h->name.size] = '\0';
		e = resolve_host(name, found, ADDRESSES_MAX, &count, &reason);
	}
	if (e != ERR_OK) {
		project_say(why, "PostgreSQL: host \"%s\" is not found: %s", shown, reason);
		return ERR_OK;
	}
	for (i = 0; e == ERR_OK && i < count; i++)
		e = add_host(
			l, h,
			(struct bytes){ (const uint8_t *)found[i].text, strlen(found[i].text) });
	return e;
}

static enum err
end_list(struct buf *list, char **out)
{
	enum err e = buf_append(list, "", 1, LIST_BYTES_MAX + 1);

	if (e == ERR_OK)
		*out = strdup((const char *)list->data);
	return e == ERR_OK && *out == NULL ? ERR_MEMORY : e;
}

static enum err
keep_lists(struct project_config *config, struct lists *l, const struct project_failure *why)
{
	enum err e;

	if (l->count == 0) {
		config->unfound = strdup(why->text);
		return config->unfound != NULL ? ERR_OK : ERR_MEMORY;
	}
	e = end_list(&l->names, &config->hosts);

	if (e == ERR_OK)
		e = end_list(&l->addresses, &config->addresses);
	return e == ERR_OK ? end_list(&l->ports, &config->ports) : e;
}

enum err
pg_find(struct project_config *config, struct project_failure *why)
{
	PQconninfoOption *options = NULL;
	struct lists l = { .count = 0 };
	struct host hosts[HOSTS_MAX];
	size_t count = 0;
	enum err e = pg_read_uri(config->projection, &options, why);
	size_t i;

	MUST(config->hosts == NULL);

	if (e != ERR_OK)
		return e;
	e = read_hosts(options, hosts, &count, why);
	for (i = 0; e == ERR_OK && i < count; i++)
		e = has_only_name(&hosts[i]) ? look_up(&l, &hosts[i], why)
					     : add_host(&l, &hosts[i], hosts[i].address);
	if (e == ERR_OK)
		e = keep_lists(config, &l, why);
	buf_finish(&l.names);
	buf_finish(&l.addresses);
	buf_finish(&l.ports);
	PQconninfoFree(options);
	if (e == ERR_LIMIT) {
		project_say(why, "the projection's hosts are too many");
		e = ERR_REFUSED;
	}
	return e;
}
