//! Reads and writes Debian's formats: control paragraphs, versions, relations and `.deb` archives.
#![forbid(unsafe_code)]

pub mod checksum;
pub mod clearsign;
pub mod control;
pub mod deb;
pub mod deb822;
mod error;
mod limits;
mod name;
pub mod relation;
pub mod version;

pub use error::{Error, Quoted};
pub use limits::Limits;
pub use name::{Architecture, Component, PackageName, SourceName, SuiteName};
pub use version::{Version, VersionRef};
