//! Debian's control syntax (Policy 5.1, deb822(5)): paragraphs of `Name: value` fields.
//!
//! There are two readers for two situations, which agree on all valid text:
//!
//! - [`paragraphs`] is the fast one, for text that is known to be valid. It finds the borders and checks nothing.
//! - [`parse`] and [`Reader`] are strict: they check every rule and say in which line, column and field one is broken.
//!
//! [`ParagraphBuf`] is the owned form, which can be changed and written and never holds anything that could be read as
//! another field or another paragraph.

mod lines;
mod owned;
mod scan;
mod stream;
mod strict;

pub(crate) use lines::LineStarts;
pub use owned::ParagraphBuf;
pub(crate) use scan::has_name;
pub use scan::{Field, Fields, Paragraph, Paragraphs, paragraphs};
pub use stream::Reader;
pub use strict::parse;
pub(crate) use strict::parse_one;
