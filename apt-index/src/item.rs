/// What an index is a list of: a stanza, or the lines of one package.
///
/// An item is checked when it is made, so that adding it to an index cannot break the index, and an index can be taken apart
/// into its items again.
pub trait Item {
    /// What stands behind every item in an index.
    const SEPARATOR: &'static [u8];

    /// The name of the package it is about. A search for a package skips the parts of an index that cannot hold it.
    fn package(&self) -> &str;

    /// Its bytes in the index, without the separator.
    fn as_bytes(&self) -> &[u8];

    /// Takes the text of an index apart: the package and the bytes of each item. `None` stands for one that is broken.
    fn split(text: &[u8]) -> impl Iterator<Item = Option<(&str, &[u8])>>;

    /// How many bytes at the start of a text are whole items with their separators, whatever follows the text.
    fn whole(text: &[u8]) -> usize;
}
