/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The commands of hark.  Each gets its own arguments, argv[0] being its name, and gives the exit
 * code: 0 ok, 1 tampered, 2 usage, 3 incomplete, 4 unverifiable, 5 the daemon does not
 * answer, 65 to 78 as in sysexits.h.
 */
#ifndef HARK_COMMANDS_H
#define HARK_COMMANDS_H

typedef int command_fn(int argc, char **argv);

command_fn command_cell_add, command_cell_ls, command_cell_rm, command_cell_show;
command_fn command_config_check, command_doctor, command_run, command_status, command_tail;
command_fn command_key_new, command_key_rotate, command_key_show;
command_fn command_ledger_export, command_ledger_prune, command_ledger_redact;
command_fn command_ledger_retire, command_ledger_stat, command_prove;
command_fn command_observer_add, command_observer_disable, command_observer_enable;
command_fn command_observer_ls, command_observer_new, command_observer_receipts;
command_fn command_observer_release, command_observer_replay, command_observer_rm;
command_fn command_observer_show, command_observer_test;
command_fn command_probe_read, command_sign, command_verify;
/* What `hark verify` does where --envelope is among its arguments. */
command_fn command_verify_envelope;

#endif
