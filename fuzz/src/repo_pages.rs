//! Laws of the crate `repo-pages`: plain functions that panic where one is broken.

use percent_encoding::percent_decode_str;
use repo_pages::{Hit, Line, Place, SearchPage};

use super::checks::Law;

/// All laws by the names of their fuzz targets.
pub const LAWS: &[(&str, Law)] = &[("page_path", page_path), ("page_text", page_text)];

/// The path of a page leads back to it, and is one that every browser sends as it is.
///
/// The input is what stands behind `/-/` in a path, decoded.
pub fn page_path(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let elements: Vec<&str> = text.split('/').collect();
    let Some(place) = Place::parse(&elements) else { return };
    let path = place.path();
    assert!(path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\"<>\\".contains(&byte)), "{path:?}");
    let encoded = path.strip_prefix("-/").unwrap().split('/');
    let decoded: Vec<_> = encoded.map(|element| percent_decode_str(element).decode_utf8().unwrap()).collect();
    assert_eq!(Place::parse(&decoded.iter().map(|element| &**element).collect::<Vec<_>>()), Some(place));
}

/// Texts of others add no markup to a page.
pub fn page_text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (shown, plain) = (page(&text), page("x"));
    for markup in ['<', '>', '"'] {
        assert_eq!(shown.matches(markup).count(), plain.matches(markup).count(), "{text:?}");
    }
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
}

fn page(text: &str) -> String {
    let line = Line::new(text);
    let hit = Hit {
        repository: line.clone(),
        package: line.clone(),
        version: line.clone(),
        suites: vec![line.clone()],
        synopsis: line.clone(),
    };
    // What was searched for is fixed: nothing is shown where it is empty.
    let page =
        SearchPage { repository: Some(line), text: Line::new("x"), hits: vec![hit], is_cut: text.len() > 9 };
    page.html()
}
