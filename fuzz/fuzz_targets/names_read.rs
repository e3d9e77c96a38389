#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::repo_store::names_read(data));
