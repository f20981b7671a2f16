-- SPDX-License-Identifier: MIT OR Apache-2.0
-- The table of sessions.wasm, for SQLite and PostgreSQL: one row a process, filled in as its start, exec
-- and exit come.  Times are the guest's monotonic clock.  Give it as pg.create, with pg.table: sessions
-- and pg.key: [cell, run, epoch, guest_pid, start_ns]; start_ns tells apart processes that had one number
-- after another, and is 0 where the agent does not say it.
CREATE TABLE sessions (
	cell TEXT NOT NULL,
	run TEXT NOT NULL,
	epoch BIGINT NOT NULL,
	guest_pid BIGINT NOT NULL,
	start_ns NUMERIC(20) NOT NULL,
	started_ns NUMERIC(20),
	executed_ns NUMERIC(20),
	exited_ns NUMERIC(20),
	duration_ns NUMERIC(20) GENERATED ALWAYS AS (exited_ns - started_ns) STORED,
	comm TEXT,
	exe TEXT,
	ppid BIGINT,
	uid BIGINT,
	exit_code BIGINT,
	PRIMARY KEY (cell, run, epoch, guest_pid, start_ns)
);
