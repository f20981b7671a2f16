// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything of the engine that C links: Wasmtime's C API as it is, BLAKE3 in one call, and a validator with a list of its own.

use wasmparser::{Validator, WasmFeatures};
pub use wasmtime_c_api::*;

/// Hashes `size` bytes at `data` into the 32 bytes at `out`.
///
/// # Safety
/// `data` must be readable for `size` bytes (it may be null when `size` is 0), `out` writable for 32.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hark_engine_blake3(data: *const u8, size: usize, out: *mut u8) {
    let bytes = if size == 0 {
        &[][..]
    } else {
        // SAFETY: the caller's promise.
        unsafe { core::slice::from_raw_parts(data, size) }
    };
    let digest = blake3::hash(bytes);
    // SAFETY: the caller's promise.
    unsafe { core::ptr::copy_nonoverlapping(digest.as_bytes().as_ptr(), out, 32) };
}

/// What a module may be made of.  The C API can switch most proposals off, but not function references
/// where garbage collection is not built in; so the list stands here, and what is not in it is off.
const PROPOSALS: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    // Tables of functions alone: without GC_TYPES there is no externref.
    .union(WasmFeatures::REFERENCE_TYPES);

/// Checks that `size` bytes at `data` are a core module of those proposals.  Where they are not, the
/// reason (UTF-8, not terminated, cut to `capacity`) is written to `why` and its size to `why_size`.
///
/// # Safety
/// `data` must be readable for `size` bytes (it may be null when `size` is 0), `why` writable for
/// `capacity`, `why_size` writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hark_engine_validate(
    data: *const u8,
    size: usize,
    why: *mut u8,
    capacity: usize,
    why_size: *mut usize,
) -> bool {
    let bytes = if size == 0 {
        &[][..]
    } else {
        // SAFETY: the caller's promise.
        unsafe { core::slice::from_raw_parts(data, size) }
    };
    let Err(error) = Validator::new_with_features(PROPOSALS).validate_all(bytes) else {
        return true;
    };
    let text = error.to_string();
    let length = text.len().min(capacity);
    // SAFETY: the caller's promise.
    unsafe {
        core::ptr::copy_nonoverlapping(text.as_ptr(), why, length);
        why_size.write(length);
    }
    false
}
