// SPDX-License-Identifier: MIT OR Apache-2.0
// The observer of ../rows.c in AssemblyScript: a row with the index and the cell of each event.
//
//     npm ci && npx asc rows.ts -O3 --runtime stub --use abort= -o rows.wasm

@external("arkhe:observer/event", "next")
declare function eventNext(at: usize, len: i32): i32;

@external("arkhe:observer/pg", "write")
declare function pgWrite(at: usize, len: i32): void;

// The record of an event: docs/format/observer-abi.md has its offsets.
const RECORD_BYTES: i32 = 4096;
const AT_INDEX: usize = 8;
const AT_CELL: usize = 72;

const record = memory.data(4096);

function textAt(place: usize): string {
  const begin = <usize>load<u32>(record + place);
  return String.UTF8.decodeUnsafe(record + begin, <usize>load<u32>(record + place + 4));
}

function quoted(text: string): string {
  let out = '"';
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c == 0x22 || c == 0x5c) out += "\\" + text.charAt(i);
    else if (c < 0x20) out += "\\u00" + (c < 16 ? "0" : "") + c.toString(16);
    else out += text.charAt(i);
  }
  return out + '"';
}

export function observer(): void {
  while (eventNext(record, RECORD_BYTES) > 0) {
    const row = '{"index":' + load<u64>(record + AT_INDEX).toString() +
      ',"cell":' + quoted(textAt(AT_CELL)) + "}";
    const bytes = String.UTF8.encode(row);
    pgWrite(changetype<usize>(bytes), bytes.byteLength);
  }
}
