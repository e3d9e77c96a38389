#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::repo_pages::page_text(data));
