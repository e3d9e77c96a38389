use deb_parse::{Architecture, Component, SuiteName};

use crate::Error;
use crate::release::push_field;

/// The `Release` file beside an index, which says what that index is: `main/binary-amd64/Release`, `main/source/Release`.
///
/// apt does not read it; tools that find an index outside of its archive do. It is not signed, but listed in the `Release` of the
/// suite.
///
/// ```
/// use apt_index::release::ComponentRelease;
/// use deb_parse::{Component, SuiteName};
///
/// let (suite, component) = (SuiteName::parse("bookworm")?, Component::parse("main")?);
/// let release =
///     ComponentRelease { suite: &suite, origin: Some("Example"), label: None, component: &component, architecture: None };
/// assert_eq!(
///     release.render().unwrap(),
///     "Archive: bookworm\nOrigin: Example\nAcquire-By-Hash: yes\nComponent: main\nArchitecture: source\n"
/// );
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ComponentRelease<'a> {
    /// The suite.
    pub suite: &'a SuiteName,
    /// Who publishes it.
    pub origin: Option<&'a str>,
    /// The name of the repository.
    pub label: Option<&'a str>,
    /// The component.
    pub component: &'a Component,
    /// The architecture; `None` for source packages.
    pub architecture: Option<&'a Architecture>,
}

impl ComponentRelease<'_> {
    /// Its text.
    ///
    /// # Errors
    /// [`Error::ReleaseField`] for a value with a line break or control character in it.
    pub fn render(&self) -> Result<String, Error> {
        let Self { suite, origin, label, component, architecture } = self;
        let mut text = String::new();
        push_field(&mut text, "Archive", Some(suite.to_string()))?;
        push_field(&mut text, "Origin", origin.map(str::to_owned))?;
        push_field(&mut text, "Label", label.map(str::to_owned))?;
        push_field(&mut text, "Acquire-By-Hash", Some("yes".to_owned()))?;
        push_field(&mut text, "Component", Some(component.to_string()))?;
        let architecture = architecture.map_or_else(|| "source".to_owned(), ToString::to_string);
        push_field(&mut text, "Architecture", Some(architecture))?;
        Ok(text)
    }
}
