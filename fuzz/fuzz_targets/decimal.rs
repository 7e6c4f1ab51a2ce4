//! See `ticklot_fuzz::decimal`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ticklot_fuzz::decimal(data));
