#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::deb_parse::deb_transfer(data));
