/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Records about observers as the operations ledger has them.  What they say is shown, not judged.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "base/text.h"
#include "config/config.h"
#include "hark/observer_record.h"
#include "os/beneath.h"
#include "os/file.h"
#include "prog/exit.h"
#include "prog/log.h"

/* What the notary writes has seven levels, and a manifest three more. */
#define JSON_DEPTH_MAX 32u
#define TYPE_BEGIN     "dev.hark.events.operations.v1."

bool
observer_name_check(const char *name)
{
	char shown[128];

	if (config_observer_name_is_good(name))
		return true;
	(void)text_escape(name, strlen(name), shown, sizeof(shown));
	log_error("'%s' is no name of an observer: give 1 to 64 letters, digits and ._:@-, "
		  "neither '.' nor '-' first",
		  shown);
	return false;
}

char *
observer_absolute(const char *option, const char *value)
{
	char here[CONFIG_PATH_BYTES_MAX] = "";
	char shown[256];
	char *path = NULL;
	size_t size;
	int fd = -1;
	bool good = value[0] != '\0' && text_is_utf8(value, strlen(value));

	if (good && value[0] != '/') {
		good = beneath_open_dir(BENEATH_CWD, ".", BENEATH_FOLLOW, &fd) == ERR_OK &&
		       beneath_path(fd, here, sizeof(here)) == ERR_OK;
		beneath_close(&fd);
	}
	size = strlen(here) + strlen(value) + 2;
	if (good && size <= CONFIG_PATH_BYTES_MAX)
		path = malloc(size);
	if (path != NULL && here[0] != '\0') {
		memcpy(path, here, strlen(here));
		path[strlen(here)] = '/';
		memcpy(path + strlen(here) + 1, value, strlen(value) + 1);
	} else if (path != NULL) {
		memcpy(path, value, strlen(value) + 1);
	} else {
		(void)text_escape(value, strlen(value), shown, sizeof(shown));
		log_error("'%s' is no value of %s: give a path of 1 to 4095 bytes of UTF-8", shown,
			  option);
	}
	return path;
}

/* ---- ledgers ------------------------------------------------------------------------------- */

int
observer_ledger_refuse(enum err e, const struct ledger_failure *why)
{
	char shown[sizeof(why->text) * 2];

	(void)text_escape(why->text, strlen(why->text), shown, sizeof(shown));
	log_error("%s", why->text[0] != '\0' ? shown : err_text(e));
	switch (e) {
	case ERR_MISSING:
		return EXIT_NO_INPUT;
	case ERR_FORMAT:
		return EXIT_DATA;
	case ERR_UNSUPPORTED:
		return EXIT_UNAVAILABLE;
	case ERR_MEMORY:
		return EXIT_SOFTWARE;
	default:
		return EXIT_IO;
	}
}

void
observer_ledger_finish(struct observer_ledger *l)
{
	follow_closep(&l->follow);
	client_closep(&l->client);
}

int
observer_ledger_open(const struct ledger_choice *choice, struct observer_ledger *out)
{
	struct ledger_failure why = { .system_error = 0 };
	struct observer_ledger l = { NULL, NULL };
	cleanup(file_close) int dirfd = -1;
	cleanup(file_close) int page_fd = -1;
	int code = ledger_choice_open(choice, &l.client, &dirfd, &page_fd);
	enum err e;

	if (code != EXIT_OK)
		return code;
	e = follow_open(dirfd, page_fd, &l.follow, &why);
	if (e == ERR_OK)
		e = follow_seek(l.follow, follow_first(l.follow), &why);
	if (e != ERR_OK && e != ERR_AGAIN) {
		observer_ledger_finish(&l);
		return observer_ledger_refuse(e, &why);
	}
	*out = l;
	return EXIT_OK;
}

/* ---- records ------------------------------------------------------------------------------- */

bool
observer_record_read(struct bytes leaf, struct observer_record *out, enum err *e_out)
{
	struct observer_record r = { .tree = NULL };
	const struct json_node *type;

	*e_out = json_tree_read((const char *)leaf.data, leaf.size, JSON_DEPTH_MAX, &r.tree, NULL);
	if (*e_out != ERR_OK)
		return false;
	r.root = json_tree_root(r.tree);
	type = json_node_member(r.root, "type");
	r.operation = json_node_member(json_node_member(r.root, "data"), "operation");
	if (type == NULL || type->type != JSON_STRING || r.operation == NULL ||
	    type->text_size <= strlen(TYPE_BEGIN) ||
	    memcmp(type->text, TYPE_BEGIN, strlen(TYPE_BEGIN)) != 0) {
		json_tree_destroy(r.tree);
		return false;
	}
	r.kind = type->text + strlen(TYPE_BEGIN);
	r.kind_size = type->text_size - strlen(TYPE_BEGIN);
	*out = r;
	return true;
}

void
observer_record_finish(struct observer_record *r)
{
	json_tree_destroy(r->tree);
	r->tree = NULL;
}

bool
observer_record_is(const struct observer_record *r, const char *kind)
{
	return r->kind_size == strlen(kind) && memcmp(r->kind, kind, r->kind_size) == 0;
}

bool
observer_number_of(const struct json_node *object, const char *name, uint64_t *out)
{
	const struct json_node *n = object != NULL ? json_node_member(object, name) : NULL;

	return n != NULL && n->type == JSON_STRING &&
	       num_read_u64(n->text, n->text_size, UINT64_MAX, out) == ERR_OK;
}

bool
observer_digest_of(const struct observer_record *r, uint8_t out[32])
{
	const struct json_node *receipt = json_node_member(r->operation, "ObserverQuarantine");
	const struct json_node *digest =
		receipt != NULL ? json_node_member(receipt, "observer_module_digest") : NULL;
	const struct json_node *n;
	size_t i = 0;

	if (digest == NULL || digest->type != JSON_ARRAY || digest->child_count != 32)
		return false;
	for (n = digest->child; n != NULL; n = n->next) {
		uint64_t byte = 0;

		if (n->type != JSON_NUMBER ||
		    num_read_u64(n->text, n->text_size, UINT8_MAX, &byte) != ERR_OK)
			return false;
		out[i++] = (uint8_t)byte;
	}
	return true;
}
