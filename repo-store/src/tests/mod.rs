//! What concerns the whole crate and needs more than its public face.

mod faults;
mod memory;
mod packages;
