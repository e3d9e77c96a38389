#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::repo_serve::access_log_read(data));
