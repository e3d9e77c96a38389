//! What `serve` does besides answering requests: it tells the service manager how it is, and writes down who asked for what.

pub(crate) mod access_log;
pub(crate) mod service_manager;
pub(crate) mod sightings;
