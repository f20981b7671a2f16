// SPDX-License-Identifier: MIT OR Apache-2.0
//! Verifies envelopes, one a line on standard input, with CellOS's own code; answers a line each:
//! "ok <event id>" or "refused <why>".  usage: verify-envelope ED25519-KEYS HMAC-KEYS
use std::collections::HashMap;
use std::io::BufRead;

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use cellos_core::trust_keys::{
    parse_trust_verify_keys, verify_signed_event_envelope, SignedEventEnvelopeV1,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: verify-envelope ED25519-KEYS HMAC-KEYS";
    let public = std::fs::read_to_string(args.next().ok_or(usage)?)?;
    let secret = std::fs::read_to_string(args.next().ok_or(usage)?)?;
    let verifying = parse_trust_verify_keys(&public).map_err(|e| e.to_string())?;
    let mut macs = HashMap::new();
    for (kid, text) in serde_json::from_str::<HashMap<String, String>>(&secret)? {
        macs.insert(kid, URL_SAFE_NO_PAD.decode(text.trim_end_matches('='))?);
    }
    for line in std::io::stdin().lock().lines() {
        let envelope: SignedEventEnvelopeV1 = match serde_json::from_str(&line?) {
            Ok(envelope) => envelope,
            Err(e) => {
                println!("refused {e}");
                continue;
            }
        };
        match verify_signed_event_envelope(&envelope, &verifying, &macs) {
            Ok(event) => println!("ok {}", event.id),
            Err(e) => println!("refused {}", e.to_string().replace('\n', " ")),
        }
    }
    Ok(())
}
