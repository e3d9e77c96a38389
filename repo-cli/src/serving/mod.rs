//! What `serve` does besides sending files: it renders pages for people, tells the service manager how it is, and writes down who asked for what.

pub(crate) mod access_log;
pub(crate) mod pages;
pub(crate) mod service_manager;
pub(crate) mod sightings;
