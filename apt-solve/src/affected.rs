//! Which packages a change of others can make worse.

use crate::package::{NameId, PackageId};
use crate::relation::to_u32;
use crate::universe::Universe;

impl Universe {
    /// Returns the packages whose answers can depend on whether some packages are there: those with a name of theirs or with one that they
    /// provide, and all that depend on such a name, directly or through others. If an essential package is among them, these are all packages.
    ///
    /// A solution for any other package needs none of the names, and holds with and without them.
    ///
    /// ```
    /// use apt_solve::Universe;
    /// use deb_parse::Architecture;
    /// let mut builder = Universe::builder(&Architecture::parse("amd64")?);
    /// let source = builder.add_source("prod");
    /// let index = b"Package: aa\nVersion: 1\nArchitecture: all\nDepends: bb\n\n\
    ///     Package: bb\nVersion: 1\nArchitecture: all\n\nPackage: cc\nVersion: 1\nArchitecture: all\n";
    /// builder.read(source, &index[..])?;
    /// let universe = builder.build();
    /// let changed: Vec<_> = universe.packages_named("bb").collect();
    /// assert_eq!(universe.affected_by(&changed).len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn affected_by(&self, changed: &[PackageId]) -> Vec<PackageId> {
        let mut reached = Reached { universe: self, names: vec![false; self.names.len()], queue: Vec::new() };
        changed.iter().for_each(|id| reached.package(*id));
        let (of_name, needing) = (self.by_name(), self.by_needed_name());
        let mut is_affected = vec![false; self.packages.len()];
        let mut essential = false;
        while let Some(name) = reached.queue.pop() {
            let packages = of_name.get(name.index()).into_iter().chain(needing.get(name.index())).flatten();
            for id in packages {
                if let Some(known) = is_affected.get_mut(id.index()).filter(|known| !**known) {
                    *known = true;
                    essential |= self.get(*id).is_some_and(|package| package.is_essential);
                    reached.package(*id);
                }
            }
        }
        let all = (0..self.packages.len()).map(|at| PackageId(to_u32(at)));
        all.filter(|id| essential || is_affected.get(id.index()) == Some(&true)).collect()
    }

    fn by_name(&self) -> Vec<Vec<PackageId>> {
        let mut found = vec![Vec::new(); self.names.len()];
        for (at, package) in self.packages.iter().enumerate() {
            if let Some(list) = found.get_mut(package.name.index()) {
                list.push(PackageId(to_u32(at)));
            }
        }
        found
    }

    /// Returns, for each name, the packages that a dependency with the name belongs to.
    fn by_needed_name(&self) -> Vec<Vec<PackageId>> {
        let mut found = vec![Vec::new(); self.names.len()];
        for at in 0..self.packages.len() {
            let id = PackageId(to_u32(at));
            for relation in self.links(id).iter().filter(|relation| relation.link.is_dependency()) {
                for alternative in self.clauses.alternatives(relation.clause) {
                    if let Some(list) = found.get_mut(alternative.name.index()) {
                        list.push(id);
                    }
                }
            }
        }
        found
    }
}

/// The names that were reached, and those that were not followed yet.
struct Reached<'u> {
    universe: &'u Universe,
    names: Vec<bool>,
    queue: Vec<NameId>,
}

impl Reached<'_> {
    /// Reaches the name of a package, and those that it provides.
    fn package(&mut self, id: PackageId) {
        let Some(package) = self.universe.get(id) else { return };
        self.name(package.name);
        for (_, one) in self.universe.provided_by(id) {
            self.name(one.name);
        }
    }

    fn name(&mut self, name: NameId) {
        if let Some(known) = self.names.get_mut(name.index()).filter(|known| !**known) {
            *known = true;
            self.queue.push(name);
        }
    }
}
