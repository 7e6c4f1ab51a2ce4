//! See `ticklot_fuzz::jayx`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ticklot_fuzz::jayx(data));
