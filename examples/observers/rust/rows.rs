// SPDX-License-Identifier: MIT OR Apache-2.0
//! An observer in Rust, without its standard library: a row with the index and the cell of each
//! event.
//!
//!     rustc --edition 2021 --target wasm32-unknown-unknown -O -C panic=abort -C strip=symbols \
//!         -C linker=wasm-ld --crate-type cdylib -o rows.wasm rows.rs
#![no_std]

use core::fmt::{self, Write};

#[link(wasm_import_module = "arkhe:observer/event")]
extern "C" {
    #[link_name = "next"]
    fn event_next(at: *mut u8, len: i32) -> i32;
}

#[link(wasm_import_module = "arkhe:observer/pg")]
extern "C" {
    #[link_name = "write"]
    fn pg_write(at: *const u8, len: i32);
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

/// The record of an event: docs/format/observer-abi.md has its offsets.
struct Event<'a>(&'a [u8]);

impl Event<'_> {
    fn u32_at(&self, offset: usize) -> u32 {
        let mut bytes = [0u8; 4];
        bytes.copy_from_slice(&self.0[offset..offset + 4]);
        u32::from_le_bytes(bytes)
    }

    fn index(&self) -> u64 {
        u64::from(self.u32_at(8)) | u64::from(self.u32_at(12)) << 32
    }

    /// One of the six texts: type, id, cell, run, probe source, comm.
    fn text(&self, which: usize) -> &str {
        let begin = self.u32_at(56 + 8 * which) as usize;
        let size = self.u32_at(60 + 8 * which) as usize;
        // The host gives UTF-8 only.
        core::str::from_utf8(&self.0[begin..begin + size]).unwrap_or("")
    }
}

/// JSON in a buffer of its own.
struct Row {
    bytes: [u8; 1024],
    size: usize,
}

impl Write for Row {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let end = self.size + s.len();
        self.bytes
            .get_mut(self.size..end)
            .ok_or(fmt::Error)?
            .copy_from_slice(s.as_bytes());
        self.size = end;
        Ok(())
    }
}

impl Row {
    fn string(&mut self, s: &str) -> fmt::Result {
        self.write_char('"')?;
        for c in s.chars() {
            match c {
                '"' | '\\' => write!(self, "\\{}", c)?,
                c if (c as u32) < 0x20 => write!(self, "\\u{:04x}", c as u32)?,
                c => self.write_char(c)?,
            }
        }
        self.write_char('"')
    }

    fn of(event: &Event) -> Result<Row, fmt::Error> {
        let mut row = Row { bytes: [0; 1024], size: 0 };
        write!(row, "{{\"index\":{},\"cell\":", event.index())?;
        row.string(event.text(2))?;
        row.write_char('}')?;
        Ok(row)
    }
}

#[no_mangle]
pub extern "C" fn observer() {
    let mut buffer = [0u8; 4096];
    loop {
        let size = unsafe { event_next(buffer.as_mut_ptr(), buffer.len() as i32) };
        if size <= 0 {
            return;
        }
        if let Ok(row) = Row::of(&Event(&buffer[..size as usize])) {
            unsafe { pg_write(row.bytes.as_ptr(), row.size as i32) };
        }
    }
}
