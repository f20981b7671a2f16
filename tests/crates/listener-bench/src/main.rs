// SPDX-License-Identifier: MIT OR Apache-2.0
//! CellOS's published listener as a peer for the benchmark: accepts, decodes, stamps, makes its
//! CloudEvent and writes it to a file, a line each.  It is given every advantage: lines are
//! buffered and flushed once at the end, where Hark flushes as it goes.
//! usage: listener-bench BASE OUTPUT CONNECTIONS
//! It prints "listening" when senders may start, and at the end one JSON object.
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use cellos_host_telemetry::keepalive::KeepAlive;
use cellos_host_telemetry::listener::VsockUdsListener;
use cellos_host_telemetry::sign_outbound::{host_stamped_envelope, StampedDeclaration};
use cellos_host_telemetry::HostStamp;

struct Out {
    file: BufWriter<File>,
    frames: u64,
    began: Option<Instant>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    if args.len() != 4 {
        return Err("usage: listener-bench BASE OUTPUT CONNECTIONS".into());
    }
    let listener = VsockUdsListener::bind_for_cell(Path::new(&args[1])).map_err(text)?;
    let file = BufWriter::with_capacity(1 << 20, File::create(&args[2])?);
    let out = Arc::new(Mutex::new(Out { file, frames: 0, began: None }));
    println!("listening");
    let mut tasks = Vec::new();
    for _ in 0..args[3].parse::<u32>()? {
        let mut stream = listener.accept().await.map_err(text)?;
        let out = out.clone();
        tasks.push(tokio::spawn(async move {
            let keepalive = KeepAlive::new(Duration::from_secs(10));
            loop {
                let guest = match stream.recv_guest_declaration().await {
                    Ok(Some(guest)) => guest,
                    Ok(None) => return Ok(()),
                    Err(e) => return Err(text(e)),
                };
                keepalive.notify_frame().await;
                let stamped = StampedDeclaration { guest, host: stamp() };
                let mut out = out.lock().map_err(text)?;
                out.began.get_or_insert_with(Instant::now);
                let id = format!("ev-{}", out.frames);
                let event = host_stamped_envelope(
                    &stamped,
                    &id,
                    "/cellos-supervisor/host-telemetry",
                    "dev.cellos.events.cell.observability.guest.process_spawned",
                )
                .map_err(text)?;
                serde_json::to_writer(&mut out.file, &event).map_err(text)?;
                out.file.write_all(b"\n").map_err(text)?;
                out.frames += 1;
            }
        }));
    }
    for task in tasks {
        task.await??;
    }
    let mut out = out.lock().map_err(text)?;
    out.file.flush()?;
    let seconds = out.began.map_or(0.0, |began| began.elapsed().as_secs_f64());
    println!(
        "{}",
        serde_json::json!({
            "peer": "cellos-host-telemetry 0.5.1", "frames": out.frames, "seconds": seconds,
            "frames_per_s": (out.frames as f64 / seconds.max(1e-9)) as u64,
        })
    );
    std::fs::remove_file(listener.socket_path())?;
    Ok(())
}

fn stamp() -> HostStamp {
    HostStamp {
        cell_id: "cell-a".into(),
        run_id: "run-1".into(),
        host_received_at: SystemTime::now(),
        spec_signature_hash:
            "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae".into(),
    }
}

fn text(e: impl std::fmt::Display) -> String {
    e.to_string()
}
