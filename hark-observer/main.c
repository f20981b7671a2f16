/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* hark-observer: runs one stranger's module over sealed evidence.  Started by harkd alone. */
#include "hark-observer/daemon.h"
#include "role/role.h"

static struct daemon observer;

int
main(void)
{
	struct message setup;
	int code = 0;

	if (role_begin(ROLE_OBSERVER, "hark-observer", &code) != ERR_OK ||
	    role_setup(MESSAGE_OBSERVER_SETUP, observer.bytes, sizeof(observer.bytes), &setup,
		       &code) != ERR_OK)
		return code;
	code = daemon_live(&observer, &setup);
	message_close(&setup);
	/* The threads may be asleep for a while: with the process they end. */
	return code;
}
