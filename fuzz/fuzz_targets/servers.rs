//! See `ticklot_fuzz::servers`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ticklot_fuzz::servers(data));
