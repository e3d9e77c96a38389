#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::repo_hooks::payload_read(data));
