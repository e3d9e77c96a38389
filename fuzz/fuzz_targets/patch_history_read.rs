#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::apt_index::patch_history_read(data));
