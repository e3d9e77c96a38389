#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::apt_fetch::sources_read(data));
