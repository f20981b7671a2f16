/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Streams, connections, speakers: rows of scenarios.c, each a rule, the steps (script.h),
 * and the leaves that they lead to. */
/* clang-format off */
	{ "a connection of wire 2 from hello to goodbye",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "event 1 seq=0\n"
	  "beat 1 seq=1\n"
	  "event 1 seq=1\n"
	  "bye 1 seq=2\n"
	  "close 1\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=1\n"
	  "agent_goodbye c0 epoch=1 probeSource=agent.goodbye seq=2\n"
	  "closed c0 epoch=1 goodbye=true frames=5\n" },
	{ "a connection of wire 1 has an epoch of its own",
	  "open 1\n"
	  "plain 1\n"
	  "plain 1\n"
	  "close 1\n"
	  "open 2\n"
	  "plain 2\n"
	  "close 2\n",
	  "process_spawned c0 epoch=1 probeSource=process.spawned\n"
	  "process_spawned c0 epoch=1 probeSource=process.spawned\n"
	  "closed c0 epoch=1 goodbye=false frames=2\n"
	  "process_spawned c0 epoch=2 probeSource=process.spawned\n"
	  "closed c0 epoch=2 goodbye=false frames=1\n" },
	{ "a known stream that comes back keeps its epoch, and what it sends again is dropped",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "event 1 seq=0\n"
	  "event 1 seq=1\n"
	  "close 1\n"
	  "open 2\n"
	  "hello 2 a seq=1\n"
	  "event 2 seq=1\n"
	  "event 2 seq=2\n"
	  "close 2\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=1\n"
	  "closed c0 epoch=1 goodbye=false frames=3\n"
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=1\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=2\n"
	  "closed c0 epoch=1 goodbye=false frames=3\n" },
	{ "a jump is one gap",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "event 1 seq=0\n"
	  "event 1 seq=4\n"
	  "event 1 seq=5\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n"
	  "gap c0 epoch=1 cause=sequence_jump first=1 last=3\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=4\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=5\n" },
	{ "a heartbeat that shows a lost tail is a leaf, others are none",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "event 1 seq=0\n"
	  "beat 1 seq=1\n"
	  "beat 1 seq=3\n"
	  "beat 1 seq=3\n"
	  "beat 1 seq=3 dropped=2\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n"
	  "gap c0 epoch=1 cause=sequence_jump first=1 last=2\n"
	  "agent_heartbeat c0 epoch=1 probeSource=agent.heartbeat seq=3\n"
	  "dropped c0 epoch=1 atLeast=2\n"
	  "agent_heartbeat c0 epoch=1 probeSource=agent.heartbeat seq=3\n" },
	{ "a stream whose begin was never seen",
	  "open 1\n"
	  "hello 1 a seq=7\n"
	  "event 1 seq=7\n",
	  "gap c0 epoch=1 cause=sequence_jump first=0 last=6\n"
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=7\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=7\n" },
	{ "losses before numbering are said once",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "event 1 seq=0 dropped=4\n"
	  "event 1 seq=1 dropped=4\n"
	  "event 1 seq=2 dropped=6\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "dropped c0 epoch=1 atLeast=4\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=1\n"
	  "dropped c0 epoch=1 atLeast=2\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=2\n" },
	{ "what a receiver sends again is nothing new; a frame of no connection is a violation",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "event 1 seq=0\n"
	  "again\n"
	  "plain 2\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n"
	  "protocol_violation reason=connection_unknown\n" },
	{ "another stream has another epoch",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "bye 1 seq=0\n"
	  "close 1\n"
	  "open 2\n"
	  "hello 2 b seq=0\n"
	  "event 2 seq=0\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "agent_goodbye c0 epoch=1 probeSource=agent.goodbye seq=0\n"
	  "closed c0 epoch=1 goodbye=true frames=2\n"
	  "agent_hello c0 epoch=2 probeSource=agent.hello seq=0\n"
	  "process_exec c0 epoch=2 probeSource=process.exec seq=0\n" },
	{ "two cells do not mix",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "slot 1\n"
	  "open 2\n"
	  "hello 2 a seq=0\n"
	  "event 2 seq=0\n"
	  "slot 0\n"
	  "event 1 seq=0\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "agent_hello c1 epoch=1 probeSource=agent.hello seq=0\n"
	  "process_exec c1 epoch=1 probeSource=process.exec seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n" },
	{ "a hello of a live stream drains the old connection",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "event 1 seq=0\n"
	  "open 2\n"
	  "hello 2 a seq=0\n"
	  "event 1 seq=1 g=0\n"
	  "event 2 seq=1\n"
	  "event 2 seq=2\n"
	  "close 1\n"
	  "event 2 seq=3\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n"
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=1\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=2\n"
	  "closed c0 epoch=1 goodbye=false frames=3\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=3\n" },
	{ "both of one stream speak: a conflict, and an epoch for the one that was there",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "event 1 seq=0\n"
	  "wait 100\n"
	  "open 2\n"
	  "hello 2 a seq=1\n"
	  "wait 100\n"
	  "event 1 seq=1\n"
	  "event 2 seq=1\n"
	  "event 1 seq=2\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n"
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=1\n"
	  "conflict c0 epoch=2 otherEpoch=1 cause=stream_shared\n"
	  "process_exec c0 epoch=2 probeSource=process.exec seq=1\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=1\n"
	  "process_exec c0 epoch=2 probeSource=process.exec seq=2\n" },
	{ "a replaced connection that speaks too late, whatever its clock says",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "open 2\n"
	  "hello 2 a seq=0 g=99999999\n"
	  "wait 5000\n"
	  "event 1 seq=0\n"
	  "beat 2 seq=1\n"
	  "wait 5001\n"
	  "event 1 seq=1\n"
	  "event 2 seq=1\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n"
	  "agent_silenced c1 cause=never_connected elapsedMs=10000\n"
	  "conflict c0 epoch=2 otherEpoch=1 cause=stream_shared\n"
	  "process_exec c0 epoch=2 probeSource=process.exec seq=1\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=1\n" },
	{ "the old one goes on where the new one has ended",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "open 2\n"
	  "hello 2 a seq=0\n"
	  "close 2\n"
	  "event 1 seq=0\n"
	  "wait 100\n"
	  "event 1 seq=1\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "closed c0 epoch=1 goodbye=false frames=1\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=1\n" },
	{ "an agent that was started again is no conflict",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "event 1 seq=0\n"
	  "open 2\n"
	  "hello 2 b seq=0\n"
	  "close 1\n"
	  "wait 3000\n"
	  "event 2 seq=0\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n"
	  "agent_hello c0 epoch=2 probeSource=agent.hello seq=0\n"
	  "closed c0 epoch=1 goodbye=false frames=2\n"
	  "process_exec c0 epoch=2 probeSource=process.exec seq=0\n" },
	{ "a second speaker beside a live one, seen by the guest's clock",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "wait 100\n"
	  "open 2\n"
	  "hello 2 b seq=0\n"
	  "wait 100\n"
	  "event 1 seq=0\n"
	  "event 2 seq=0\n"
	  "event 1 seq=1\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "agent_hello c0 epoch=2 probeSource=agent.hello seq=0\n"
	  "conflict c0 epoch=2 otherEpoch=1 cause=second_speaker\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n"
	  "process_exec c0 epoch=2 probeSource=process.exec seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=1\n" },
	{ "a second speaker beside a mute one, seen by time",
	  "open 1\n"
	  "plain 1\n"
	  "open 2\n"
	  "plain 2\n"
	  "wait 1999\n"
	  "wait 2\n"
	  "plain 2\n",
	  "process_spawned c0 epoch=1 probeSource=process.spawned\n"
	  "process_spawned c0 epoch=2 probeSource=process.spawned\n"
	  "conflict c0 epoch=2 otherEpoch=1 cause=second_speaker\n"
	  "process_spawned c0 epoch=2 probeSource=process.spawned\n" },
	{ "a second speaker that goes at once is seen",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "open 2\n"
	  "plain 2\n"
	  "close 2\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "process_spawned c0 epoch=2 probeSource=process.spawned\n"
	  "conflict c0 epoch=2 otherEpoch=1 cause=second_speaker\n"
	  "closed c0 epoch=2 goodbye=false frames=1\n" },
	{ "a third speaker is one more event",
	  "open 1\n"
	  "plain 1\n"
	  "open 2\n"
	  "plain 2\n"
	  "wait 2100\n"
	  "open 3\n"
	  "plain 3\n"
	  "wait 2100\n",
	  "process_spawned c0 epoch=1 probeSource=process.spawned\n"
	  "process_spawned c0 epoch=2 probeSource=process.spawned\n"
	  "conflict c0 epoch=2 otherEpoch=1 cause=second_speaker\n"
	  "process_spawned c0 epoch=3 probeSource=process.spawned\n"
	  "conflict c0 epoch=3 otherEpoch=2 cause=second_speaker\n" },
	{ "whom the newcomer challenged ends, a third is there",
	  "open 1\n"
	  "plain 1\n"
	  "open 2\n"
	  "plain 2\n"
	  "wait 2100\n"
	  "open 3\n"
	  "plain 3\n"
	  "close 2\n"
	  "wait 2100\n",
	  "process_spawned c0 epoch=1 probeSource=process.spawned\n"
	  "process_spawned c0 epoch=2 probeSource=process.spawned\n"
	  "conflict c0 epoch=2 otherEpoch=1 cause=second_speaker\n"
	  "process_spawned c0 epoch=3 probeSource=process.spawned\n"
	  "closed c0 epoch=2 goodbye=false frames=1\n"
	  "conflict c0 epoch=3 otherEpoch=1 cause=second_speaker\n" },
	{ "another boot supersedes who was silent for two heartbeats",
	  "open 1\n"
	  "hello 1 a seq=0 boot=x\n"
	  "wait 2000\n"
	  "open 2\n"
	  "hello 2 b seq=0 boot=y\n"
	  "wait 3000\n"
	  "event 2 seq=0\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "agent_hello c0 epoch=2 probeSource=agent.hello seq=0\n"
	  "process_exec c0 epoch=2 probeSource=process.exec seq=0\n" },
	{ "the same boot supersedes nobody",
	  "open 1\n"
	  "hello 1 a seq=0 boot=x\n"
	  "wait 2000\n"
	  "open 2\n"
	  "hello 2 b seq=0 boot=x\n"
	  "wait 3000\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "agent_hello c0 epoch=2 probeSource=agent.hello seq=0\n"
	  "conflict c0 epoch=2 otherEpoch=1 cause=second_speaker\n" },
	{ "another boot beside one who speaks is a second speaker",
	  "open 1\n"
	  "hello 1 a seq=0 boot=x\n"
	  "wait 1900\n"
	  "open 2\n"
	  "hello 2 b seq=0 boot=y\n"
	  "wait 3000\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "agent_hello c0 epoch=2 probeSource=agent.hello seq=0\n"
	  "conflict c0 epoch=2 otherEpoch=1 cause=second_speaker\n" },
	{ "who was superseded and speaks again",
	  "open 1\n"
	  "hello 1 a seq=0 boot=x\n"
	  "wait 2000\n"
	  "open 2\n"
	  "hello 2 b seq=0 boot=y\n"
	  "event 1 seq=0\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "agent_hello c0 epoch=2 probeSource=agent.hello seq=0\n"
	  "conflict c0 epoch=1 otherEpoch=2 cause=second_speaker\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n" },
	/* clang-format on */
