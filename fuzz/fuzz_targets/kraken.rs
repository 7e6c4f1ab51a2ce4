//! See `ticklot_fuzz::kraken`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ticklot_fuzz::kraken(data));
