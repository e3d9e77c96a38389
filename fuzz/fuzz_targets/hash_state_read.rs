#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::apt_index::hash_state_read(data));
