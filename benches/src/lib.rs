//! Inputs for the benches, made from a seed: the same number always gives the same packages.
//!
//! The control data is modelled on Debian's: names with common stems, a handful of versions, dependency lists, long
//! descriptions. Only the payload is tiny.

#![forbid(unsafe_code)]

pub mod inputs;
pub mod packages;
