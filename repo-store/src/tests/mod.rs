//! What concerns the whole crate and needs more than its public face.

mod faults;
mod fuzz_replay;
mod joint;
mod memory;
mod package_readers;
mod packages;
mod serialized;
mod shortened_histories;
pub(crate) mod signer;
