#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::differential::paragraph_against_apt(data));
