#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::repo_store::documents_read(data));
