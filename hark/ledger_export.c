/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * hark ledger export: the ledger as a static tlog-tiles log, at its latest checkpoint.  What was
 * exported before is not written again.  Every hash is recomputed on the way, and the checkpoint is
 * written last, so what carries one is whole.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "hark/commands.h"
#include "hark/export_dir.h"
#include "hark/sealed.h"
#include "merkle/merkle.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "verify/tiles.h"

/* Leaves between two marks from which an export that was interrupted goes on. */
#define SETTLE_LEAVES    65536u
#define ENTRY_BYTES_MAX  (2u + LEDGER_LEAF_BYTES_MAX)
#define BUNDLE_BYTES_MAX (TILES_WIDTH * ENTRY_BYTES_MAX)

static const struct option options[] = {
	LEDGER_CHOICE_OPTIONS,
	CLIENT_OPTIONS,
	{ 0 },
};

static const struct args_command command = {
	.name = "hark ledger export",
	.usage =
		"usage: hark ledger export DIR\n"
		"\n"
		"Writes the ledger, as it was last sealed, into DIR as a static C2SP tlog-tiles\n"
		"log: checkpoint, tile/..., tile/entries/... An export that is there is brought up "
		"to\n"
		"date; anything else that is not empty is left alone.\n"
		"\n" LEDGER_CHOICE_USAGE CLIENT_USAGE "      --help            print this\n"
		"      --version         print the version\n"
		"\n"
		"exit: 0 written, 2 usage, 5 the daemon does not answer, 65 the ledger is "
		"damaged,\n"
		"      66 there is no ledger, or nothing is sealed, 73 DIR cannot be written or "
		"is\n"
		"      none of ours, 74 reading failed, 77 not allowed\n",
	.options = options,
};

struct exporting {
	struct sealed sealed;
	const char *path;
	struct export_dir dir;
	struct buf bundle;
	struct merkle_hash hashes[TILES_WIDTH]; /* of the bundle's leaves */
	bool is_hidden;                         /* one of its leaves is redacted or pruned */
	bool has_leaf;                          /* one is not */
	bool shows_bar;
};

/* ---- tiles ---------------------------------------------------------------------------------- */

static int
damaged(uint64_t leaf)
{
	log_error("leaf %" PRIu64 " does not lead to the tree beside it: the ledger is damaged "
		  "(hark verify says where)",
		  leaf);
	return EXIT_DATA;
}

/* A merkle_node_fn over the hashes of one tile. */
static enum err
tile_node(void *ctx, unsigned int level, uint64_t index, struct merkle_hash *out)
{
	const struct merkle_hash *hashes = ctx;
	struct merkle_hash left, right;
	enum err e;

	if (level == 0) {
		*out = hashes[index];
		return ERR_OK;
	}
	e = tile_node(ctx, level - 1, 2 * index, &left);
	if (e == ERR_OK)
		e = tile_node(ctx, level - 1, 2 * index + 1, &right);
	if (e == ERR_OK)
		merkle_node(&left, &right, out);
	return e;
}

/* The tile is the one that the level above has a hash of: so all tiles hang together, and the
 * last ones on the root. */
static int
put_tile(struct exporting *x, unsigned int level, uint64_t index, struct merkle_hash *hashes,
	 unsigned int width)
{
	uint8_t data[TILES_WIDTH * MERKLE_HASH_BYTES];
	struct merkle_hash made, stored;
	struct ledger_failure why = { 0 };
	char path[TILES_PATH_MAX];
	unsigned int i;
	enum err e = ERR_OK;

	for (i = 0; i < width; i++)
		memcpy(data + (size_t)i * MERKLE_HASH_BYTES, hashes[i].bytes, MERKLE_HASH_BYTES);
	if (width == TILES_WIDTH && level + 1 < TILES_LEVELS) {
		e = tile_node(hashes, 8, 0, &made);
		if (e == ERR_OK)
			e = ledger_reader_node(x->sealed.reader, 8 * (level + 1), index, &stored);
		if (e == ERR_OK && !merkle_equal(&made, &stored))
			return damaged(((index + 1) << (8 * (level + 1))) - 1);
	}
	if (e != ERR_OK)
		return sealed_fail(e, &why);
	tiles_path(level, index, width, path);
	return export_dir_put(&x->dir, path, data, (size_t)width * MERKLE_HASH_BYTES);
}

static int
put_higher_tiles(struct exporting *x, uint64_t from)
{
	uint64_t size = x->sealed.head.size;
	struct merkle_hash hashes[TILES_WIDTH];
	struct ledger_failure why = { 0 };
	unsigned int level;

	for (level = 1; tiles_count(level, size) > 0; level++) {
		uint64_t index = tiles_count(level, from) / TILES_WIDTH;

		for (; index * TILES_WIDTH < tiles_count(level, size); index++) {
			unsigned int width = tiles_width(level, index, size);
			unsigned int i;
			int code;

			for (i = 0; i < width; i++) {
				enum err e =
					ledger_reader_node(x->sealed.reader, 8 * level,
							   index * TILES_WIDTH + i, &hashes[i]);

				if (e != ERR_OK)
					return sealed_fail(e, &why);
			}
			code = put_tile(x, level, index, hashes, width);
			if (code != EXIT_OK)
				return code;
		}
	}
	return EXIT_OK;
}

/* ---- entries -------------------------------------------------------------------------------- */

/* A leaf whose bytes are gone has its hash after an empty size: no event is empty. */
static enum err
add_hidden(struct exporting *x, const struct merkle_hash *hash)
{
	static const uint8_t empty[2] = { 0, 0 };
	enum err e = buf_append(&x->bundle, empty, sizeof(empty), BUNDLE_BYTES_MAX);

	x->is_hidden = true;
	return e == ERR_OK
		       ? buf_append(&x->bundle, hash->bytes, MERKLE_HASH_BYTES, BUNDLE_BYTES_MAX)
		       : e;
}

static enum err
add_entry(struct exporting *x, struct bytes leaf)
{
	uint8_t size[2] = { (uint8_t)(leaf.size >> 8), (uint8_t)leaf.size };
	enum err e = buf_append(&x->bundle, size, sizeof(size), BUNDLE_BYTES_MAX);

	x->has_leaf = true;
	return e == ERR_OK ? buf_append(&x->bundle, leaf.data, leaf.size, BUNDLE_BYTES_MAX) : e;
}

/* One leaf, pruned, redacted or whole, with its hash checked against tree/0. */
static int
add_leaf(struct exporting *x, uint64_t index, struct merkle_hash *hash)
{
	struct ledger_failure why = { 0 };
	struct merkle_hash stored;
	struct ledger_leaf leaf = { .index = 0 };
	enum err e;

	if (index < ledger_reader_first(x->sealed.reader)) {
		e = ledger_reader_node(x->sealed.reader, 0, index, hash);
		if (e == ERR_OK)
			e = add_hidden(x, hash);
		return e == ERR_OK ? EXIT_OK : sealed_fail(e, &why);
	}
	e = ledger_reader_next(x->sealed.reader, x->sealed.head.size, &leaf, &why);
	if (e != ERR_OK)
		return sealed_fail(e, &why);
	MUST(leaf.index == index);
	if (leaf.redacted) {
		*hash = leaf.redacted_hash;
		e = add_hidden(x, hash);
	} else {
		merkle_leaf(leaf.data.data, leaf.data.size, hash);
		e = add_entry(x, leaf.data);
	}
	if (e == ERR_OK)
		e = ledger_reader_node(x->sealed.reader, 0, index, &stored);
	if (e != ERR_OK)
		return sealed_fail(e, &why);
	return merkle_equal(hash, &stored) ? EXIT_OK : damaged(index);
}

static int
put_bundle(struct exporting *x, uint64_t bundle)
{
	unsigned int width = tiles_width(0, bundle, x->sealed.head.size);
	char path[TILES_PATH_MAX];
	unsigned int i;
	int code = EXIT_OK;

	buf_clear(&x->bundle);
	x->is_hidden = false;
	x->has_leaf = false;
	for (i = 0; i < width && code == EXIT_OK; i++)
		code = add_leaf(x, bundle * TILES_WIDTH + i, &x->hashes[i]);
	if (code == EXIT_OK)
		code = put_tile(x, 0, bundle, x->hashes, width);
	/* A bundle of which nothing is left is not written: the log was pruned there. */
	if (code != EXIT_OK ||
	    (!x->has_leaf && width == TILES_WIDTH &&
	     (bundle + 1) * TILES_WIDTH <= ledger_reader_first(x->sealed.reader)))
		return code;
	tiles_path(x->is_hidden ? TILES_REDACTED : TILES_ENTRIES, bundle, width, path);
	return export_dir_put(&x->dir, path, x->bundle.data, x->bundle.size);
}

static void
show_bar(const struct exporting *x, uint64_t done)
{
	if (x->shows_bar)
		(void)fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " %s", done, x->sealed.head.size,
			      text_counted(x->sealed.head.size, "leaf", "leaves"));
}

static int
put_bundles(struct exporting *x, uint64_t from)
{
	uint64_t size = x->sealed.head.size;
	uint64_t first = ledger_reader_first(x->sealed.reader);
	struct ledger_failure why = { 0 };
	uint64_t bundle = from / TILES_WIDTH;
	uint64_t start = bundle * TILES_WIDTH;
	int code = EXIT_OK;
	enum err e;

	if (start >= size)
		return EXIT_OK;
	e = ledger_reader_seek(x->sealed.reader, start > first ? start : first, &why);
	if (e != ERR_OK)
		return sealed_fail(e, &why);
	for (; bundle * TILES_WIDTH < size && code == EXIT_OK; bundle++) {
		uint64_t done = bundle * TILES_WIDTH;

		show_bar(x, done);
		if (done > from && done % SETTLE_LEAVES == 0)
			code = export_dir_settle(&x->dir, x->sealed.head.origin, done);
		if (code == EXIT_OK)
			code = put_bundle(x, bundle);
	}
	if (x->shows_bar)
		(void)fprintf(stderr, "\r\033[K");
	return code;
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* The ledger must have grown from what was exported before. */
static int
check_head(struct exporting *x)
{
	const struct checkpoint *old = &x->dir.head;
	struct ledger_failure why = { 0 };
	struct merkle_hash root;
	enum err e;

	if (!x->dir.has_head)
		return EXIT_OK;
	if (old->size > x->sealed.head.size) {
		log_error("the export has %" PRIu64 " %s and the ledger's checkpoint %" PRIu64
			  ": nothing was written",
			  old->size, text_counted(old->size, "leaf", "leaves"),
			  x->sealed.head.size);
		return EXIT_DATA;
	}
	e = merkle_root_at(ledger_reader_node, x->sealed.reader, old->size, &root);
	if (e != ERR_OK)
		return sealed_fail(e, &why);
	if (merkle_equal(&root, &old->root))
		return EXIT_OK;
	log_error("the ledger has not grown from the export: the first %" PRIu64
		  " leaves are others. Nothing was written; keep both and see hark verify --since",
		  old->size);
	return EXIT_DATA;
}

/* What is written already, durably: up to the last whole export, or to the last mark. */
static uint64_t
begin_at(const struct exporting *x)
{
	uint64_t from = x->dir.has_head ? x->dir.head.size : 0;

	if (x->dir.done > from)
		from = x->dir.done;
	return from < x->sealed.head.size ? from : x->sealed.head.size;
}

static int
check_root(struct exporting *x)
{
	struct ledger_failure why = { 0 };
	struct merkle_hash root;
	enum err e =
		merkle_root_at(ledger_reader_node, x->sealed.reader, x->sealed.head.size, &root);

	if (e != ERR_OK)
		return sealed_fail(e, &why);
	return merkle_equal(&root, &x->sealed.head.root) ? EXIT_OK
							 : damaged(x->sealed.head.size - 1);
}

static int
export_ledger(struct exporting *x)
{
	struct sealed *s = &x->sealed;
	uint64_t committed = 0;
	uint64_t from;
	int code = sealed_open(s);

	if (code == EXIT_OK)
		code = sealed_committed(s, &committed);
	if (code == EXIT_OK && (s->client != NULL || !s->has_head))
		code = sealed_want(s, committed > 0 ? committed : 1);
	if (code == EXIT_OK && s->head.size > 0)
		code = check_root(x);
	if (code == EXIT_OK)
		code = export_dir_open(&x->dir, x->path, s->head.origin);
	if (code == EXIT_OK)
		code = check_head(x);
	if (code != EXIT_OK)
		return code;
	from = begin_at(x);
	code = put_bundles(x, from);
	if (code == EXIT_OK)
		code = put_higher_tiles(x, from);
	if (code == EXIT_OK)
		code = export_dir_settle(&x->dir, s->head.origin, s->head.size);
	if (code == EXIT_OK)
		code = export_dir_checkpoint(&x->dir, s->note.data, s->note.size);
	if (code == EXIT_OK)
		log_info("%" PRIu64 " %s of %s, %" PRIu64 " of them new", s->head.size,
			 text_counted(s->head.size, "leaf", "leaves"), s->head.origin,
			 s->head.size - from);
	return code;
}

int
command_ledger_export(int argc, char **argv)
{
	struct exporting *x = calloc(1, sizeof(*x));
	struct args args;
	int code = EXIT_OK;
	int option;

	log_init(command.name);
	if (x == NULL) {
		log_error("out of memory");
		return EXIT_SOFTWARE;
	}
	sealed_init(&x->sealed);
	x->dir = (struct export_dir){ .fd = -1, .folder_fd = -1 };
	x->shows_bar = isatty(STDERR_FILENO) == 1;
	args_init(&args, &command, argc, argv);
	do {
		option = args_next(&args, &code);
		if (option == CLIENT_OPTION_CONTROL)
			client_set_control(optarg);
		else if (option >= 0 && !ledger_choice_option(&x->sealed.choice, option, optarg))
			option = ARGS_STOP, code = EXIT_USAGE;
		else if (option == ARGS_END && x->path == NULL &&
			 (x->path = args_operand(&args)) != NULL)
			option = 0;
	} while (option >= 0);
	if (option == ARGS_END && (x->path == NULL || args_operand(&args) != NULL))
		code = args_mistake(&args, "expected one DIR");
	else if (option == ARGS_END)
		code = export_ledger(x);
	export_dir_close(&x->dir);
	sealed_finish(&x->sealed);
	buf_finish(&x->bundle);
	free(x);
	return code;
}
