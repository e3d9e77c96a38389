#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::apt_index::index_update(data));
