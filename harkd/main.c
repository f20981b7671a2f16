/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* harkd: starts Hark's other programs, watches them, and answers what people ask. */
#include <errno.h>
#include <string.h>

#include "harkd/harkd.h"
#include "prog/exit.h"
#include "prog/log.h"

int
main(int argc, char **argv)
{
	static struct harkd h;
	bool run = false;
	int code;

	log_init("harkd");
	code = life_open(&h, argc, argv, &run);
	if (run) {
		if (loop_run(h.loop) != ERR_OK) {
			log_error("waiting failed: %s", strerror(errno));
			h.exit_code = EXIT_OS;
		}
		code = h.exit_code;
	}
	life_close(&h);
	return code;
}
