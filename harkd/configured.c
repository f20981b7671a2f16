/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Which configuration is in force, told to the notary at each start and each reload: the bytes that
 * were read, because what stands in the files may have changed meanwhile.  harkd computes no
 * digest; the notary does, and records them.
 */
#include <errno.h>
#include <string.h>

#include "base/must.h"
#include "harkd/harkd.h"
#include "os/file.h"
#include "os/memfd.h"
#include "prog/exit.h"
#include "prog/log.h"

enum err
configured_keep(struct harkd *h, const struct buf *texts, bool is_reload)
{
	int fd = -1;
	enum err e = memfd_of("configuration", (struct bytes){ texts->data, texts->size }, &fd);

	if (e != ERR_OK) {
		log_error("the configuration cannot be kept for its record: %s", strerror(errno));
		return e;
	}
	/* Of two that no notary could be told of, the one in force is what is told. */
	pending_forget(h, &h->configured);
	file_close(&h->configured.fd);
	h->configured.fd = fd;
	h->configured.is_reload = is_reload;
	return ERR_OK;
}

static void
on_recorded(struct harkd *h, void *ctx, const struct message *done)
{
	struct configured *c = ctx;

	(void)h;
	if (done == NULL)
		return; /* the next notary is told again */
	if (message_number(done, FIELD_CODE, EXIT_SOFTWARE) != EXIT_OK)
		log_error("the notary does not record the configuration");
	file_close(&c->fd);
}

void
configured_tell(struct harkd *h)
{
	struct configured *c = &h->configured;
	struct message m;

	if (c->fd < 0 || !notary_hears(h))
		return;
	message_init(&m, MESSAGE_CONFIG_LOADED, 0);
	message_set_text(&m, FIELD_REASON, c->is_reload ? "reload" : "start");
	if (file_duplicate(c->fd, &m.fds[0]) != ERR_OK) {
		log_error("the configuration's descriptor cannot be made: %s", strerror(errno));
		return;
	}
	m.fd_count = 1;
	pending_ask(h, &m, on_recorded, c, 0, 0);
}
