//! See `ticklot_fuzz::requests`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ticklot_fuzz::requests(data));
