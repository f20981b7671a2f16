/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark observer new: the begin of a module, with a build that works where its compiler is. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/must.h"
#include "base/text.h"
#include "hark/commands.h"
#include "hark/observer_files.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/store.h"
#include "prog/args.h"
#include "prog/exit.h"
#include "prog/log.h"

enum { OPTION_LANG = 256 };

static const struct option options[] = {
	{ "lang", required_argument, NULL, OPTION_LANG },
	{ 0 },
};

static const struct args_command command = {
	.name = "hark observer new",
	.usage = "usage: hark observer new --lang c|rust DIR\n"
		 "\n"
		 "Makes DIR with a module that writes a row an event, and `build`, which makes\n"
		 "rows.wasm of it: by clang and wasm-ld, or by a rustc that has the target\n"
		 "wasm32-unknown-unknown.\n"
		 "\n"
		 "      --lang WORD    c or rust\n"
		 "      --help         print this\n"
		 "      --version      print the version\n"
		 "\n"
		 "exit: 0 made, 2 usage, 73 DIR is there or cannot be made, 74 writing failed\n",
	.options = options,
};

static const char build_c[] =
	"#!/bin/sh\n"
	"# Makes rows.wasm.  Try it: hark observer test rows.wasm --grant PgWrite\n"
	"set -eu\n"
	"cd \"$(dirname \"$0\")\"\n"
	"clang --target=wasm32 -O2 -mbulk-memory -ffreestanding -nostdlib -Wall -Wextra \\\n"
	"\t-I include -Wl,--no-entry -Wl,--strip-all -o rows.wasm rows.c\n";

/* Where rustup's compiler comes first and lacks the target, the distribution's may have it. */
static const char build_rust[] =
	"#!/bin/sh\n"
	"# Makes rows.wasm.  Try it: hark observer test rows.wasm --grant PgWrite\n"
	"set -eu\n"
	"cd \"$(dirname \"$0\")\"\n"
	"target=wasm32-unknown-unknown\n"
	"set -- \"${RUSTC:-rustc}\"\n"
	"[ -n \"${RUSTC:-}\" ] || set -- rustc /usr/bin/rustc\n"
	"for rustc in \"$@\"; do\n"
	"\tlibraries=$(\"$rustc\" --print target-libdir --target $target 2>/dev/null) || continue\n"
	"\t[ -d \"$libraries\" ] || continue\n"
	"\texec \"$rustc\" --edition 2021 --target $target -O -C panic=abort -C strip=symbols \\\n"
	"\t\t-C linker=wasm-ld --crate-type cdylib -o rows.wasm rows.rs\n"
	"done\n"
	"echo \"$1 has no target $target: rustup target add $target, or of Debian\" \\\n"
	"\t\"libstd-rust-dev-wasm32\" >&2\n"
	"exit 1\n";

static int
refuse(const char *dir, enum err e)
{
	char shown[512];

	(void)text_escape(dir, strlen(dir), shown, sizeof(shown));
	log_error("%s: %s", shown,
		  e == ERR_SYSTEM || e == ERR_MISSING ? strerror(errno) : err_text(e));
	return EXIT_IO;
}

/* Each is new: the directory was made here. */
static enum err
put(int dirfd, const char *name, mode_t mode, struct bytes text)
{
	return store_put(dirfd, name, mode, text.data, text.size);
}

static enum err
put_literal(int dirfd, const char *name, mode_t mode, const char *text)
{
	return put(dirfd, name, mode, (struct bytes){ (const uint8_t *)text, strlen(text) });
}

/* include/hark/observer.h, so that it builds where Hark is not installed. */
static enum err
put_header(int dirfd)
{
	cleanup(file_close) int include = -1;
	cleanup(file_close) int hark = -1;
	bool made;
	enum err e = folder_make(dirfd, "include", 0755, &made);

	if (e == ERR_OK)
		e = folder_open(dirfd, "include", &include);
	if (e == ERR_OK)
		e = folder_make(include, "hark", 0755, &made);
	if (e == ERR_OK)
		e = folder_open(include, "hark", &hark);
	return e == ERR_OK ? put(hark, "observer.h", 0644, observer_files[OBSERVER_FILE_HEADER])
			   : e;
}

static int
make(const char *dir, bool rust)
{
	cleanup(file_close) int fd = -1;
	bool made = false;
	enum err e = folder_make(AT_FDCWD, dir, 0755, &made);

	if (e != ERR_OK) {
		(void)refuse(dir, e);
		return EXIT_CANT_CREATE;
	}
	if (!made) {
		char shown[512];

		(void)text_escape(dir, strlen(dir), shown, sizeof(shown));
		log_error("%s is there already: give a directory that is not", shown);
		return EXIT_CANT_CREATE;
	}
	e = folder_open_path(dir, &fd);
	if (e == ERR_OK)
		e = put(fd, rust ? "rows.rs" : "rows.c", 0644,
			observer_files[rust ? OBSERVER_FILE_RUST : OBSERVER_FILE_C]);
	if (e == ERR_OK && !rust)
		e = put_header(fd);
	if (e == ERR_OK)
		e = put_literal(fd, "build", 0755, rust ? build_rust : build_c);
	return e == ERR_OK ? EXIT_OK : refuse(dir, e);
}

int
command_observer_new(int argc, char **argv)
{
	const char *language = NULL;
	const char *dir = NULL;
	struct args args;
	int code = EXIT_OK;
	int option;

	log_init(command.name);
	args_init(&args, &command, argc, argv);
	for (;;) {
		option = args_next(&args, &code);
		if (option == ARGS_STOP)
			return code;
		if (option == OPTION_LANG) {
			language = optarg;
			continue;
		}
		if (dir != NULL || (dir = args_operand(&args)) == NULL)
			break;
	}
	if (language == NULL || (strcmp(language, "c") != 0 && strcmp(language, "rust") != 0))
		return args_mistake(&args, "--lang wants c or rust");
	if (dir == NULL || dir[0] == '\0' || args_operand(&args) != NULL)
		return args_mistake(&args, "expected one DIR");
	return make(dir, strcmp(language, "rust") == 0);
}
