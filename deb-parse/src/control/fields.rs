//! Accessors of the fields that Policy chapter 5 lists, the same for all kinds of paragraphs.

use super::optional;
use crate::deb822::Paragraph;
use crate::error::Error;
use crate::limits::Limits;
use crate::relation::Relations;

/// What `Multi-Arch` says: how the package serves those of other architectures.
///
/// ```
/// use deb_parse::control::{Fields, MultiArch, PackagesStanza};
/// use deb_parse::deb822;
/// let stanza = PackagesStanza::new(deb822::paragraphs(b"Package: a\nMulti-Arch: foreign\n").next().unwrap());
/// assert_eq!(stanza.multi_arch()?, MultiArch::Foreign);
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MultiArch {
    /// Only those of its own architecture; the default.
    No,
    /// Can be installed for several architectures at once.
    Same,
    /// Serves packages of any architecture.
    Foreign,
    /// Those that depend on it say `:any` if they mean it.
    Allowed,
}

impl MultiArch {
    fn parse(text: &str) -> Result<Self, Error> {
        // Like dpkg, takes any case, and nothing for the default.
        match text.to_ascii_lowercase().as_str() {
            "" | "no" => Ok(Self::No),
            "same" => Ok(Self::Same),
            "foreign" => Ok(Self::Foreign),
            "allowed" => Ok(Self::Allowed),
            _ => Err(Error::value("Multi-Arch", text, "must be `no`, `same`, `foreign` or `allowed`")),
        }
    }
}

macro_rules! fields {
    (
        text { $($text:ident $text_name:literal $text_doc:literal,)* }
        relations { $($relations:ident $relations_name:literal $relations_doc:literal,)* }
    ) => {
        /// The fields of a paragraph by their names. A text that is absent or no UTF-8 is `None`.
        ///
        /// ```
        /// use deb_parse::control::{Fields, PackagesStanza};
        /// use deb_parse::deb822;
        /// let text = b"Package: a\nSection: misc\nDepends: b (>= 1), c | d\nDescription: short\n long\n";
        /// let stanza = PackagesStanza::new(deb822::paragraphs(text).next().unwrap());
        /// assert_eq!((stanza.section(), stanza.synopsis(), stanza.homepage()), (Some("misc"), Some("short"), None));
        /// assert_eq!(stanza.depends()?.all().len(), 2);
        /// # Ok::<(), deb_parse::Error>(())
        /// ```
        pub trait Fields {
            /// The paragraph.
            fn paragraph(&self) -> Paragraph<'_>;

            $(
                #[doc = concat!($text_doc, " (field `", $text_name, "`).")]
                fn $text(&self) -> Option<&str> {
                    self.paragraph().get_str($text_name)
                }
            )*

            $(
                #[doc = concat!($relations_doc, " (field `", $relations_name, "`); none if it is absent.")]
                fn $relations(&self) -> Result<Relations, Error> {
                    relations(self.paragraph(), $relations_name)
                }
            )*

            /// First line of the description: the synopsis (field `Description`).
            fn synopsis(&self) -> Option<&str> {
                self.description()?.lines().next().map(|line| line.trim_end_matches([' ', '\t', '\r']))
            }

            /// How the package serves those of other architectures (field `Multi-Arch`).
            fn multi_arch(&self) -> Result<MultiArch, Error> {
                optional(self.paragraph(), "Multi-Arch", MultiArch::parse)
                    .map(|value| value.unwrap_or(MultiArch::No))
            }

            /// Whether the package is essential (field `Essential: yes`).
            fn is_essential(&self) -> bool {
                self.paragraph().get("Essential").is_some_and(|value| value.eq_ignore_ascii_case(b"yes"))
            }

            /// Whether building packages may take the package for granted (field `Build-Essential: yes`).
            fn is_build_essential(&self) -> bool {
                self.paragraph().get("Build-Essential").is_some_and(|value| value.eq_ignore_ascii_case(b"yes"))
            }

            /// Whether the package is protected (field `Protected: yes`).
            fn is_protected(&self) -> bool {
                self.paragraph().get("Protected").is_some_and(|value| value.eq_ignore_ascii_case(b"yes"))
            }
        }
    };
}

fields! {
    text {
    maintainer "Maintainer" "Name and address of the maintainer",
    changed_by "Changed-By" "Who prepared the upload",
    uploaders "Uploaders" "Co-maintainers",
    section "Section" "Section",
    priority "Priority" "Priority",
    description "Description" "Synopsis and description",
    homepage "Homepage" "Address of the upstream home page",
    standards_version "Standards-Version" "Version of the policy that was followed",
    format "Format" "Version of the paragraph's format",
    date "Date" "When the package was built or last edited",
    urgency "Urgency" "How important the upload is",
    distribution "Distribution" "Where the upload is meant to go",
    changes "Changes" "What the upload changes",
    closes "Closes" "Bugs that the upload closes",
    binary "Binary" "Names of the binary packages",
    package_list "Package-List" "Binary packages with type, section and priority",
    testsuite "Testsuite" "Kinds of test suites",
    testsuite_triggers "Testsuite-Triggers" "Packages that the tests need",
    rules_requires_root "Rules-Requires-Root" "Whether building needs root",
    dgit "Dgit" "Commit that the source corresponds to",
    vcs_browser "Vcs-Browser" "Where to browse the packaging",
    vcs_git "Vcs-Git" "Git repository of the packaging",
    vcs_svn "Vcs-Svn" "Subversion repository of the packaging",
    vcs_bzr "Vcs-Bzr" "Bazaar repository of the packaging",
    vcs_cvs "Vcs-Cvs" "CVS repository of the packaging",
    vcs_darcs "Vcs-Darcs" "Darcs repository of the packaging",
    vcs_hg "Vcs-Hg" "Mercurial repository of the packaging",
    vcs_mtn "Vcs-Mtn" "Monotone repository of the packaging",
    vcs_arch "Vcs-Arch" "GNU arch repository of the packaging",
    origin "Origin" "Who made the package",
    bugs "Bugs" "Where to report bugs",
    tag "Tag" "Debtags",
    task "Task" "Tasks",
    package_type "Package-Type" "`deb` or `udeb`",
    build_ids "Build-Ids" "Build ids of the debug symbols in the package",
    auto_built_package "Auto-Built-Package" "Why the package was made automatically",
    built_for_profiles "Built-For-Profiles" "Build profiles that were active when the package was built",
    build_profiles "Build-Profiles" "Build profiles for which the package is built at all",
    build_driver "Build-Driver" "Program that drives the build",
    installer_menu_item "Installer-Menu-Item" "Where the installer shows the package in its menu",
    kernel_version "Kernel-Version" "Kernel version that the installer package is for",
    subarchitecture "Subarchitecture" "Kinds of machines that the installer package is for",
    }
    relations {
    depends "Depends" "What must be configured first",
    pre_depends "Pre-Depends" "What must be configured before unpacking",
    recommends "Recommends" "What is usually found together with this",
    suggests "Suggests" "What makes this more useful",
    enhances "Enhances" "What this makes more useful",
    breaks "Breaks" "What stops working with this",
    conflicts "Conflicts" "What cannot be installed with this",
    provides "Provides" "Virtual packages that this provides",
    replaces "Replaces" "Whose files this may overwrite",
    built_using "Built-Using" "Sources that parts of this were built from",
    static_built_using "Static-Built-Using" "Sources that were linked statically into this",
    build_depends "Build-Depends" "What building needs",
    build_depends_arch "Build-Depends-Arch" "What building for an architecture needs",
    build_depends_indep "Build-Depends-Indep" "What building for all architectures needs",
    build_conflicts "Build-Conflicts" "What must be absent for building",
    build_conflicts_arch "Build-Conflicts-Arch" "What must be absent for building for an architecture",
    build_conflicts_indep "Build-Conflicts-Indep" "What must be absent for building for all architectures",
    installed_build_depends "Installed-Build-Depends" "What was installed when this was built",
    }
}

fn relations(paragraph: Paragraph<'_>, field: &'static str) -> Result<Relations, Error> {
    optional(paragraph, field, |text| Relations::parse(text, &Limits::default()))
        .map(Option::unwrap_or_default)
}
