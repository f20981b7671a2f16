/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Silence, deaths, restarts, removals, clocks: rows of scenarios.c, each a rule, the steps
 * (script.h), and the leaves that they lead to. */
/* clang-format off */
	{ "nobody came",
	  "wait 9600\n"
	  "wait 200\n"
	  "wait 20000\n",
	  "agent_silenced c1 cause=never_connected elapsedMs=10000\n"
	  "agent_silenced c0 cause=never_connected elapsedMs=10000\n" },
	{ "silence after a connection, and its end",
	  "open 1\n"
	  "plain 1\n"
	  "close 1\n"
	  "wait 10000\n"
	  "wait 5000\n"
	  "open 2\n"
	  "plain 2\n",
	  "process_spawned c0 epoch=1 probeSource=process.spawned\n"
	  "closed c0 epoch=1 goodbye=false frames=1\n"
	  "agent_silenced c1 cause=never_connected elapsedMs=10000\n"
	  "agent_silenced c0 cause=disconnected elapsedMs=10000\n"
	  "agent_resumed c0 silenceMs=15000\n"
	  "process_spawned c0 epoch=2 probeSource=process.spawned\n" },
	{ "each silence is told, not the first alone",
	  "open 1\n"
	  "plain 1\n"
	  "wait 12000\n"
	  "plain 1\n"
	  "close 1\n"
	  "wait 9900\n"
	  "wait 200\n",
	  "process_spawned c0 epoch=1 probeSource=process.spawned\n"
	  "agent_silenced c1 cause=never_connected elapsedMs=10000\n"
	  "agent_silenced c0 cause=connected_but_mute elapsedMs=10000\n"
	  "agent_resumed c0 silenceMs=12000\n"
	  "process_spawned c0 epoch=1 probeSource=process.spawned\n"
	  "closed c0 epoch=1 goodbye=false frames=2\n"
	  "agent_silenced c0 cause=disconnected elapsedMs=10000\n" },
	{ "connected and mute",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "wait 10000\n"
	  "event 1 seq=0\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "agent_silenced c1 cause=never_connected elapsedMs=10000\n"
	  "agent_silenced c0 cause=connected_but_mute elapsedMs=10000\n"
	  "agent_resumed c0 silenceMs=10000\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n" },
	{ "a silence of the cell is one event, whatever its streams",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "open 2\n"
	  "hello 2 b seq=0\n"
	  "wait 25000\n"
	  "event 2 seq=0\n"
	  "event 1 seq=0\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "agent_hello c0 epoch=2 probeSource=agent.hello seq=0\n"
	  "conflict c0 epoch=2 otherEpoch=1 cause=second_speaker\n"
	  "agent_silenced c1 cause=never_connected elapsedMs=10000\n"
	  "agent_silenced c0 cause=connected_but_mute elapsedMs=10000\n"
	  "agent_resumed c0 silenceMs=25000\n"
	  "process_exec c0 epoch=2 probeSource=process.exec seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n" },
	{ "a stream that falls mute beside another",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "open 2\n"
	  "hello 2 b seq=0\n"
	  "wait 6000\n"
	  "event 2 seq=0\n"
	  "wait 4000\n"
	  "wait 3000\n"
	  "event 2 seq=1\n"
	  "beat 1 seq=0\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "agent_hello c0 epoch=2 probeSource=agent.hello seq=0\n"
	  "conflict c0 epoch=2 otherEpoch=1 cause=second_speaker\n"
	  "process_exec c0 epoch=2 probeSource=process.exec seq=0\n"
	  "agent_silenced c1 cause=never_connected elapsedMs=10000\n"
	  "agent_silenced c0 epoch=1 cause=connected_but_mute elapsedMs=10000 stream=6161616161616161\n"
	  "process_exec c0 epoch=2 probeSource=process.exec seq=1\n"
	  "agent_resumed c0 epoch=1 silenceMs=13000 stream=6161616161616161\n"
	  "agent_heartbeat c0 epoch=1 probeSource=agent.heartbeat seq=0\n" },
	{ "silence while the cell's limits kept its reading",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "wait 1000\n"
	  "limited\n"
	  "wait 10000\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "limited c0 pausedMs=250\n"
	  "agent_silenced c1 cause=never_connected elapsedMs=10000\n"
	  "agent_silenced c0 cause=host_overloaded elapsedMs=10000\n" },
	{ "a silence that was reported is not reported again",
	  "open 1\n"
	  "plain 1\n"
	  "close 1\n"
	  "wait 10000\n"
	  "commit\n"
	  "kill\n"
	  "wait 15000\n"
	  "open 1\n"
	  "plain 1\n",
	  "process_spawned c0 epoch=1 probeSource=process.spawned\n"
	  "closed c0 epoch=1 goodbye=false frames=1\n"
	  "agent_silenced c1 cause=never_connected elapsedMs=10000\n"
	  "agent_silenced c0 cause=disconnected elapsedMs=10000\n"
	  "notary_restarted restarts=1\n"
	  "agent_resumed c0 silenceMs=25000\n"
	  "process_spawned c0 epoch=2 probeSource=process.spawned\n" },
	{ "the notary's own absence is not the guest's silence",
	  "open 1\n"
	  "plain 1\n"
	  "wait 8000\n"
	  "kill\n"
	  "wait 8000\n"
	  "plain 1\n",
	  "process_spawned c0 epoch=1 probeSource=process.spawned\n"
	  "notary_restarted restarts=1\n"
	  "process_spawned c0 epoch=1 probeSource=process.spawned\n" },
	{ "a receiver dies with wire 1 and wire 2 in its hands",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "event 1 seq=0\n"
	  "slot 1\n"
	  "open 2\n"
	  "plain 2\n"
	  "open 3\n"
	  "gone\n"
	  "receiver\n"
	  "slot 0\n"
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "event 1 seq=0\n"
	  "event 1 seq=1\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n"
	  "process_spawned c1 epoch=1 probeSource=process.spawned\n"
	  "closed c0 epoch=1 goodbye=false frames=2\n"
	  "gap c1 epoch=1 cause=receiver_died\n"
	  "closed c1 epoch=1 goodbye=false frames=1\n"
	  "gap c1 cause=receiver_died\n"
	  "closed c1 goodbye=false frames=0\n"
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=1\n" },
	{ "the notary dies: streams and connections go on",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "event 1 seq=0\n"
	  "slot 1\n"
	  "open 2\n"
	  "plain 2\n"
	  "commit\n"
	  "kill\n"
	  "again\n"
	  "plain 2\n"
	  "slot 0\n"
	  "event 1 seq=1\n"
	  "close 1\n"
	  "slot 1\n"
	  "close 2\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n"
	  "process_spawned c1 epoch=1 probeSource=process.spawned\n"
	  "notary_restarted restarts=1\n"
	  "process_spawned c1 epoch=1 probeSource=process.spawned\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=1\n"
	  "closed c0 epoch=1 goodbye=false frames=3\n"
	  "closed c1 epoch=1 goodbye=false frames=2\n" },
	{ "the notary dies before anything is durable: the receiver sends it again",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "event 1 seq=0\n"
	  "kill\n"
	  "again\n"
	  "event 1 seq=1\n",
	  "notary_restarted restarts=1\n"
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=1\n" },
	{ "harkd dies: its receivers are gone",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "event 1 seq=0\n"
	  "slot 1\n"
	  "open 2\n"
	  "plain 2\n"
	  "commit\n"
	  "reboot\n"
	  "slot 0\n"
	  "open 1\n"
	  "hello 1 a seq=1\n"
	  "event 1 seq=1\n"
	  "slot 1\n"
	  "open 2\n"
	  "plain 2\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n"
	  "process_spawned c1 epoch=1 probeSource=process.spawned\n"
	  "started clean=false\n"
	  "closed c0 epoch=1 goodbye=false frames=2\n"
	  "gap c1 epoch=1 cause=receiver_died\n"
	  "closed c1 epoch=1 goodbye=false frames=1\n"
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=1\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=1\n"
	  "process_spawned c1 epoch=2 probeSource=process.spawned\n" },
	{ "a receiver that died together with the notary is found gone",
	  "open 1\n"
	  "plain 1\n"
	  "commit\n"
	  "gone\n"
	  "kill\n"
	  "wait 10000\n",
	  "process_spawned c0 epoch=1 probeSource=process.spawned\n"
	  "notary_restarted restarts=1\n"
	  "gap c0 epoch=1 cause=receiver_died\n"
	  "closed c0 epoch=1 goodbye=false frames=1\n"
	  "agent_silenced c0 cause=disconnected elapsedMs=10000\n"
	  "agent_silenced c1 cause=never_connected elapsedMs=10000\n" },
	{ "a silence that was not durable is found again",
	  "open 1\n"
	  "plain 1\n"
	  "close 1\n"
	  "wait 10000\n"
	  "kill\n"
	  "wait 10000\n",
	  "process_spawned c0 epoch=1 probeSource=process.spawned\n"
	  "closed c0 epoch=1 goodbye=false frames=1\n"
	  "agent_silenced c1 cause=never_connected elapsedMs=10000\n"
	  "notary_restarted restarts=1\n"
	  "agent_silenced c0 cause=disconnected elapsedMs=10000\n" },
	{ "a challenge outlives the notary",
	  "open 1\n"
	  "plain 1\n"
	  "open 2\n"
	  "plain 2\n"
	  "commit\n"
	  "kill\n"
	  "wait 3000\n",
	  "process_spawned c0 epoch=1 probeSource=process.spawned\n"
	  "process_spawned c0 epoch=2 probeSource=process.spawned\n"
	  "notary_restarted restarts=1\n"
	  "conflict c0 epoch=2 otherEpoch=1 cause=second_speaker\n" },
	{ "a stream that was parted outlives the notary",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "wait 100\n"
	  "open 2\n"
	  "hello 2 a seq=0\n"
	  "wait 100\n"
	  "event 1 seq=0\n"
	  "commit\n"
	  "kill\n"
	  "event 1 seq=1\n"
	  "event 1 seq=1\n"
	  "event 2 seq=0\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "conflict c0 epoch=2 otherEpoch=1 cause=stream_shared\n"
	  "process_exec c0 epoch=2 probeSource=process.exec seq=0\n"
	  "notary_restarted restarts=1\n"
	  "process_exec c0 epoch=2 probeSource=process.exec seq=1\n"
	  "process_exec c0 epoch=1 probeSource=process.exec seq=0\n" },
	{ "refusals are told with their number",
	  "open 1\n"
	  "reject 1\n"
	  "reject\n",
	  "rejected c0 reason=float count=3\n"
	  "rejected c0 reason=float count=3\n" },
	{ "a cell is removed while it is connected",
	  "open 1\n"
	  "plain 1\n"
	  "remove\n"
	  "plain 1\n"
	  "wait 2000\n"
	  "plain 1\n",
	  "process_spawned c0 epoch=1 probeSource=process.spawned\n"
	  "process_spawned c0 epoch=1 probeSource=process.spawned\n"
	  "closed c0 epoch=1 goodbye=false frames=2\n"
	  "removed c0 reason=asked\n" },
	{ "a cell is removed and its connections end by themselves",
	  "open 1\n"
	  "hello 1 a seq=0\n"
	  "remove\n"
	  "bye 1 seq=0\n"
	  "close 1\n",
	  "agent_hello c0 epoch=1 probeSource=agent.hello seq=0\n"
	  "agent_goodbye c0 epoch=1 probeSource=agent.goodbye seq=0\n"
	  "closed c0 epoch=1 goodbye=true frames=2\n"
	  "removed c0 reason=asked\n" },
	{ "the real clock steps",
	  "wait 1000\n"
	  "step 7000\n"
	  "wait 1000\n",
	  "clock_stepped direction=forward\n" },
	{ "a tick a minute",
	  "wait 9000\n"
	  "open 1\n"
	  "plain 1\n"
	  "close 1\n"
	  "wait 43000\n"
	  "wait 9000\n",
	  "process_spawned c0 epoch=1 probeSource=process.spawned\n"
	  "closed c0 epoch=1 goodbye=false frames=1\n"
	  "agent_silenced c1 cause=never_connected elapsedMs=10000\n"
	  "agent_silenced c0 cause=disconnected elapsedMs=10000\n"
	  "tick\n" },
	/* clang-format on */
