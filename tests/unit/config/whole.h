/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A configuration that says all that can be said. */
#ifndef UNIT_CONFIG_WHOLE_H
#define UNIT_CONFIG_WHOLE_H

static const char whole[] = "# everything\n"
			    "data: /srv/hark\n"
			    "run: \"/run/hark test\"\n"
			    "host: node-1.example\n"
			    "require_confinement: true\n"
			    "receiver:\n"
			    "  isolation: shared\n"
			    "  cells_max: 12\n"
			    "ledger:\n"
			    "  segment_bytes: 8MiB\n"
			    "  batch_bytes: 262144\n"
			    "  commit_ms: 2.5\n"
			    "  checkpoint_s: 0.5\n"
			    "  tick_s: 30\n"
			    "keepalive_s: 5\n"
			    "control: { group: wheel }\n"
			    "cells:\n"
			    "  - name: c0\n"
			    "    uds_base: /run/vm/c0.sock\n"
			    "    run_id: 17\n"
			    "    spec_hash: sha256:"
			    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
			    "    keepalive_s: 3\n"
			    "    rearm: false\n"
			    "    limits: {events_per_s: 1000, ledger_bytes_per_s: 1MiB, "
			    "connections: 2}\n"
			    "    owner: \"root:4294967294\"\n"
			    "    mode: 0660\n"
			    "    peer_uid: 1001\n"
			    "  - {name: c1, uds_base: /run/vm/c1.sock}\n";

#endif
