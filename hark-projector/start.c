/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "hark-projector/start.h"
#include "base/must.h"
#include "os/file.h"
#include "proto/options.h"

enum err
start_read(struct message *m, struct start *out, struct project_failure *why)
{
	struct bytes options;
	enum err e;

	MUST(m != NULL && m->type == MESSAGE_PROJECTOR_SETUP && m->fd_count == 4);
	MUST(out != NULL && why != NULL);

	*out = (struct start){
		.database_dirfd = file_steal(&m->fds[0]),
		.metric_dirfd = file_steal(&m->fds[1]),
		.receipt_dirfd = file_steal(&m->fds[2]),
		.observer_fd = file_steal(&m->fds[3]),
		.require_confinement = message_number(m, FIELD_CONFINE, 0) != 0,
	};
	options = message_bytes(m, FIELD_OPTIONS);
	e = options_check(options.data, options.size);
	if (e != ERR_OK)
		return ERR_FORMAT;
	e = project_config_read(message_bytes(m, FIELD_OBSERVER), message_bytes(m, FIELD_ORIGIN),
				options, &out->config, why);
	return e == ERR_FORMAT ? ERR_REFUSED : e;
}

void
start_finish(struct start *s)
{
	if (s == NULL)
		return;
	project_config_finish(&s->config);
	file_close(&s->database_dirfd);
	file_close(&s->metric_dirfd);
	file_close(&s->receipt_dirfd);
	file_close(&s->observer_fd);
}
