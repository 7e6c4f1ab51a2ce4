//! See `ticklot_fuzz::websocket`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ticklot_fuzz::websocket(data));
