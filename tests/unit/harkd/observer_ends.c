/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How one of the two processes may end, at whatever moment a test has it. */
#include <signal.h>
#include <sys/eventfd.h>

#include "observer_rig.h"
#include "os/file.h"
#include "prog/exit.h"

void
rig_end(struct rig_process *p, bool by_signal, int number)
{
	p->how = (struct spawn_end){ by_signal, number };
	p->has_ended = true;
	file_close(&p->end);
	assert_int_equal(eventfd_write(p->pidfd, 1), 0);
	rig_turns();
}

/* Ends what still runs as it was told; not what may be started by that. */
void
rig_end_rest(void)
{
	bool is_there = child_exists(&rig.observer->projector);

	if (child_exists(&rig.observer->module))
		rig_end(&rig.module, false, 0);
	if (is_there)
		rig_end(&rig.projector, false, 0);
}

void
rig_module_signal(void)
{
	rig_end(&rig.module, true, SIGKILL);
}

void
rig_module_exit_1(void)
{
	rig_end(&rig.module, false, 1);
}

void
rig_module_exit_0(void)
{
	rig_end(&rig.module, false, 0);
}

void
rig_module_says_71(void)
{
	rig_say_failed(&rig.module, EXIT_OS);
	rig_end(&rig.module, false, EXIT_OS);
}

void
rig_module_says_what_it_may_not(void)
{
	rig_say_plain(&rig.module, MESSAGE_STOP);
	rig_end(&rig.module, true, SIGKILL);
}

void
rig_projector_signal(void)
{
	rig_end(&rig.projector, true, SIGKILL);
}

void
rig_projector_exit_0(void)
{
	rig_end(&rig.projector, false, 0);
}

void
rig_projector_says_71(void)
{
	rig_say_failed(&rig.projector, EXIT_OS);
	rig_end(&rig.projector, false, EXIT_OS);
}
