-- SPDX-License-Identifier: MIT OR Apache-2.0
-- The table of pg-events.wasm, for SQLite and PostgreSQL.  What a guest claims may be any u64: NUMERIC.
-- source and guest_comm end where an event's record does: a guest may claim more, which the leaf has.
-- Where limits have room for less than an event, detail is {"hark:left_out":true}: no guest can claim that name.
-- Give it as pg.create, with pg.table: events.
CREATE TABLE events (
	event_index BIGINT PRIMARY KEY,
	time_ns BIGINT NOT NULL,
	type TEXT NOT NULL,
	cell TEXT,
	run TEXT,
	source TEXT,
	epoch BIGINT,
	seq NUMERIC(20),
	guest_pid BIGINT,
	guest_monotonic_ns NUMERIC(20),
	guest_comm TEXT,
	detail TEXT
);
