#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::apt_solve::status_read(data));
