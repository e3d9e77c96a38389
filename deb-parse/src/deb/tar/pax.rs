//! pax records: what does not fit into the header of an entry, as `<length> <keyword>=<value>` lines before it.

use super::Ahead;

/// The longest text of records for one entry, in bytes.
pub(super) const LIMIT: usize = 1 << 20;

/// Takes over what the records say of the entry that follows.
pub(super) fn read(mut records: &[u8], ahead: &mut Ahead) -> Result<(), &'static str> {
    const BROKEN: &str = "a pax record is not `<length> <keyword>=<value>`";
    let mut sparse_name = None;
    while !records.is_empty() {
        let digits = records.iter().take_while(|c| c.is_ascii_digit()).count();
        let length = records.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        let (record, rest) = length.and_then(|length| records.split_at_checked(length)).ok_or(BROKEN)?;
        let record = record.get(digits + 1..).and_then(|record| record.strip_suffix(b"\n")).ok_or(BROKEN)?;
        let parted = record.iter().position(|c| *c == b'=').ok_or(BROKEN)?;
        let (keyword, value) = (record.get(..parted), record.get(parted + 1..).unwrap_or_default());
        let name =
            || if value.contains(&0) { Err("a name must not have NUL bytes") } else { Ok(value.to_vec()) };
        match keyword {
            Some(b"path") => ahead.path = Some(name()?),
            Some(b"linkpath") => ahead.target = Some(name()?),
            Some(b"GNU.sparse.name") => sparse_name = Some(name()?),
            Some(b"size") => {
                let size = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
                ahead.size = Some(size.filter(|size| *size <= i64::MAX as u64 / 2).ok_or(BROKEN)?);
            }
            _ => {}
        }
        records = rest;
    }
    // The path of a sparse file is that of its pieces.
    if sparse_name.is_some() {
        ahead.path = sparse_name;
    }
    Ok(())
}
