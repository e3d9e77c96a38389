#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::apt_fetch::logins_read(data));
