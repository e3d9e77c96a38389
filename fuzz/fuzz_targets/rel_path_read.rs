#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::apt_index::rel_path_read(data));
