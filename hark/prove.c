/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark prove: one leaf as a proof that anybody can check offline. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/num.h"
#include "base/text.h"
#include "hark/commands.h"
#include "hark/sealed.h"
#include "merkle/merkle.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/store.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"
#include "verify/proof.h"

#define FILE_MODE 0644

static const struct option options[] = {
	LEDGER_CHOICE_OPTIONS,
	CLIENT_OPTIONS,
	{ "output", required_argument, NULL, 'o' },
	{ 0 },
};

static const struct args_command command = {
	.name = "hark prove",
	.usage =
		"usage: hark prove INDEX [-o FILE]\n"
		"\n"
		"Writes a proof (C2SP tlog-proof) that leaf INDEX is in the ledger as it was last\n"
		"sealed, with the leaf itself. hark verify FILE --key VKEY checks it offline.\n"
		"\n"
		"  -o, --output FILE     write it there; else to standard "
		"output\n" LEDGER_CHOICE_USAGE CLIENT_USAGE "      --help            print this\n"
		"      --version         print the version\n"
		"\n"
		"exit: 0 written, 2 usage, 5 the daemon does not answer, 65 the ledger is "
		"damaged,\n"
		"      66 no such leaf, or it is pruned, redacted or not sealed, 73 FILE cannot "
		"be\n"
		"      made, 74 reading or writing failed, 77 not allowed\n",
	.options = options,
};

struct prove {
	struct sealed sealed;
	uint64_t index;
	struct buf leaf;    /* the reader forgets it when it is asked for the tree */
	const char *output; /* NULL: standard output */
};

/* Options and INDEX; *ready where it can go on. */
static int
read_arguments(int argc, char **argv, struct prove *p, bool *ready)
{
	const char *index = NULL;
	struct args args;
	int code = EXIT_OK;
	int option;

	args_init(&args, &command, argc, argv);
	for (;;) {
		option = args_next(&args, &code);
		if (option == ARGS_STOP)
			return code;
		if (option == ARGS_END && index == NULL && (index = args_operand(&args)) != NULL)
			continue;
		if (option == ARGS_END)
			break;
		if (option == CLIENT_OPTION_CONTROL)
			client_set_control(optarg);
		else if (option == 'o')
			p->output = optarg;
		else if (!ledger_choice_option(&p->sealed.choice, option, optarg))
			return EXIT_USAGE;
	}
	if (index == NULL || args_operand(&args) != NULL ||
	    num_read_u64(index, strlen(index), UINT64_MAX - 1, &p->index) != ERR_OK)
		return args_mistake(&args, "expected one INDEX, a decimal number");
	*ready = true;
	return EXIT_OK;
}

/* The leaf itself, borrowed from the reader. */
static int
read_leaf(struct prove *p, struct ledger_leaf *leaf)
{
	struct ledger_failure why = { 0 };
	enum err e = ledger_reader_seek(p->sealed.reader, p->index, &why);

	if (e == ERR_OK)
		e = ledger_reader_next(p->sealed.reader, p->sealed.head.size, leaf, &why);
	if (e == ERR_MISSING) {
		log_error("leaf %" PRIu64 " was pruned; the first that is here is %" PRIu64,
			  p->index, ledger_reader_first(p->sealed.reader));
		return EXIT_NO_INPUT;
	}
	if (e != ERR_OK)
		return sealed_fail(e, &why);
	if (leaf->redacted) {
		log_error("leaf %" PRIu64 " was redacted: there is nothing left to prove",
			  p->index);
		return EXIT_NO_INPUT;
	}
	return EXIT_OK;
}

/* A proof that does not hold is never given: what it was made from is then damaged. */
static int
make(struct prove *p, struct buf *out)
{
	struct sealed *s = &p->sealed;
	struct merkle_hash hashes[MERKLE_PROOF_MAX];
	struct ledger_failure why = { 0 };
	struct merkle_hash hash;
	struct ledger_leaf leaf = { .index = 0 };
	size_t count = 0;
	enum err e;
	int code = read_leaf(p, &leaf);

	if (code != EXIT_OK)
		return code;
	merkle_leaf(leaf.data.data, leaf.data.size, &hash);
	e = buf_append(&p->leaf, leaf.data.data, leaf.data.size, LEDGER_LEAF_BYTES_MAX);
	if (e == ERR_OK)
		e = merkle_prove_inclusion(ledger_reader_node, s->reader, p->index, s->head.size,
					   hashes, &count);
	if (e == ERR_OK && merkle_verify_inclusion(&hash, p->index, s->head.size, hashes, count,
						   &s->head.root) != ERR_OK) {
		log_error("leaf %" PRIu64 " and the tree do not lead to the root that was signed: "
			  "the ledger is damaged (hark verify says where)",
			  p->index);
		return EXIT_DATA;
	}
	if (e == ERR_OK)
		e = proof_write(p->index, (struct bytes){ p->leaf.data, p->leaf.size }, hashes,
				count, (struct bytes){ s->note.data, s->note.size }, out);
	return e == ERR_OK ? EXIT_OK : sealed_fail(e, &why);
}

/* Whole or not at all, over what is there. */
static int
write_file(const char *path, const struct buf *data)
{
	cleanup(file_close) int dirfd = -1;
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	char folder[4096] = ".";
	char shown[256];
	enum err e = ERR_LIMIT;

	if (slash != NULL && (size_t)(slash - path) + 2 <= sizeof(folder)) {
		memcpy(folder, path, (size_t)(slash - path) + 1);
		folder[slash - path + 1] = '\0';
	}
	if (strlen(name) > 0 && strlen(name) <= STORE_NAME_BYTES_MAX)
		e = folder_open_path(folder, &dirfd);
	if (e == ERR_OK)
		e = store_replace(dirfd, name, FILE_MODE, data->data, data->size);
	if (e == ERR_OK)
		return EXIT_OK;
	(void)text_escape(path, strlen(path), shown, sizeof(shown));
	log_error("%s: %s", shown, e == ERR_LIMIT ? "not a name of a file" : strerror(errno));
	return EXIT_CANT_CREATE;
}

static int
prove(struct prove *p)
{
	cleanup(buf_finish) struct buf text = { 0 };
	uint64_t committed = 0;
	int code = sealed_open(&p->sealed);

	if (code == EXIT_OK)
		code = sealed_committed(&p->sealed, &committed);
	if (code != EXIT_OK)
		return code;
	if (p->index >= committed) {
		log_error("there is no leaf %" PRIu64 ": the ledger has %" PRIu64, p->index,
			  committed);
		return EXIT_NO_INPUT;
	}
	code = sealed_want(&p->sealed, p->index + 1);
	if (code == EXIT_OK)
		code = make(p, &text);
	if (code != EXIT_OK)
		return code;
	if (p->output != NULL)
		return write_file(p->output, &text);
	(void)fwrite(text.data, 1, text.size, stdout); /* main looks at the stream */
	return EXIT_OK;
}

int
command_prove(int argc, char **argv)
{
	struct prove p = { .index = 0 };
	bool ready = false;
	int code;

	log_init(command.name);
	sealed_init(&p.sealed);
	code = read_arguments(argc, argv, &p, &ready);
	if (ready)
		code = prove(&p);
	sealed_finish(&p.sealed);
	buf_finish(&p.leaf);
	return code;
}
