#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::apt_sign::public_key_read(data));
