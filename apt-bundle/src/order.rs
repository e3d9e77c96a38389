//! Which bundle may follow which state of a site.

use crate::manifest::{Manifest, RepositoryState};
use crate::name::Name;
use crate::publication_time::PublicationTime;

/// Why a bundle, whole and signed as it may be, does not belong on top of what a site has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The bundle is for another site.
    #[error("the bundle is for site {bundle}, and this is {}", site.as_ref().map_or("a site without a name".to_owned(), |site| format!("site {site}")))]
    OtherSite {
        /// Whom the bundle is for.
        bundle: Name,
        /// The name of the site; `None` when it was not given one.
        site: Option<Name>,
    },
    /// The bundle was applied before: every repository is where it leads to.
    #[error("the bundle was applied before: {repository} is at publication {publication}")]
    Replayed {
        /// The first repository.
        repository: Name,
        /// The publication that the bundle leads to.
        publication: PublicationTime,
    },
    /// The site has a newer state.
    #[error(
        "the bundle is older than what is there: it leads {repository} to commit {bundle}, and commit {there} is there"
    )]
    Older {
        /// The repository.
        repository: Name,
        /// The commit that the bundle leads to.
        bundle: u64,
        /// The commit that is there.
        there: u64,
    },
    /// The bundle holds a change of another state.
    #[error("the bundle is out of order: it begins with publication {since} of {repository}, and {} is there", there.map_or("nothing".to_owned(), |there| format!("publication {there}")))]
    OutOfOrder {
        /// The repository.
        repository: Name,
        /// The publication that the bundle begins with.
        since: PublicationTime,
        /// The publication that is there; `None` when nothing is.
        there: Option<PublicationTime>,
    },
    /// The site has a repository that the bundle says nothing about.
    #[error("the bundle has nothing about repository {repository}, which is there")]
    Lacks {
        /// The repository.
        repository: Name,
    },
}

impl Manifest {
    /// Checks that this may be applied where `there` is the manifest of the present state, at the site of that name.
    ///
    /// A bundle without the name of a site is for any site. A repository may be where the bundle leads to, as long as another one is not:
    /// each step leads at least one repository forward and none back, so no bundle can be applied twice.
    ///
    /// # Errors
    /// [`Refusal`] says why not.
    pub fn check_order(&self, there: Option<&Self>, site: Option<&Name>) -> Result<(), Refusal> {
        let site = site.or_else(|| there.and_then(Self::site));
        if let Some(bundle) = self.site()
            && site != Some(bundle)
        {
            return Err(Refusal::OtherSite { bundle: bundle.clone(), site: site.cloned() });
        }
        for old in there.map(Self::repositories).unwrap_or_default() {
            if self.repository(&old.name).is_none() {
                return Err(Refusal::Lacks { repository: old.name.clone() });
            }
        }
        let mut same = None;
        let mut has_news = false;
        for new in self.repositories() {
            let old = there.and_then(|there| there.repository(&new.name));
            match old {
                // Where a repository is already, the bundle leaves it, whatever it began with.
                Some(old) if old.publication == new.publication => same = same.or(Some(new)),
                old => {
                    new.check_order(old)?;
                    has_news = true;
                }
            }
        }
        match same {
            Some(new) if !has_news => {
                Err(Refusal::Replayed { repository: new.name.clone(), publication: new.publication })
            }
            _ => Ok(()),
        }
    }
}

impl RepositoryState {
    /// Checks that this may follow another publication of the repository, or none.
    fn check_order(&self, old: Option<&Self>) -> Result<(), Refusal> {
        let repository = || self.name.clone();
        if let Some(old) = old {
            let is_next = self.since == Some(old.publication);
            let is_newer = (self.commit, self.publication) > (old.commit, old.publication);
            if self.commit < old.commit || !(is_next || is_newer) {
                let (bundle, there) = (self.commit, old.commit);
                return Err(Refusal::Older { repository: repository(), bundle, there });
            }
        }
        let there = old.map(|old| old.publication);
        match self.since {
            Some(since) if there != Some(since) => {
                Err(Refusal::OutOfOrder { repository: repository(), since, there })
            }
            _ => Ok(()),
        }
    }
}
