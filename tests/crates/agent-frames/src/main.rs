// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes frames made by CellOS's own guest encoder to a Unix socket, and says on standard output
//! what it sent, one JSON object a line.  usage: agent-frames SOCKET
use std::io::Write;
use std::os::unix::net::UnixStream;

use cellos_telemetry::{encode_frame, probe_source, ProbeEvent};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: agent-frames SOCKET")?;
    let comms = ["sh", "", "a\"b\\c\n", "\u{e9}\u{1f980}", "sixteen-bytes-xx", "\u{7f}\u{2028}/"];
    let numbers = [(1u32, 0u64), (23, 23), (24, 24), (255, 256), (65536, 1 << 32),
        (u32::MAX, u64::MAX), (4242, (1 << 53) + 1)];
    let mut socket = UnixStream::connect(path)?;
    for source in probe_source::ALL {
        for comm in comms {
            for (pid, ns) in numbers {
                let event = ProbeEvent {
                    probe_source: source,
                    guest_pid: pid,
                    guest_comm: comm.to_string(),
                    guest_monotonic_ns: ns,
                };
                let frame = encode_frame(&event).map_err(|e| format!("{e:?}"))?;
                socket.write_all(&frame)?;
                println!("{}", serde_json::json!({
                    "probeSource": source, "guestPid": pid, "guestComm": comm,
                    "guestMonotonicNs": ns.to_string(),
                }));
            }
        }
    }
    Ok(())
}
