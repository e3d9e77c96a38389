//! Reads a description table by table.

use camino::Utf8PathBuf;
use deb_parse::{Architecture, Limits, PackageName, Version, relation};
use toml::de::DeTable;

use super::table::{At, Table};
use super::{
    Alternative, ChangelogSource, Copyright, DirectoryRule, FileRule, LinkRule, RelationTexts, Spec,
    UnitRule, VersionSource,
};
use crate::error::{Error, Position};
use crate::owner::Ownership;
use crate::target::Target;

/// Relationship fields by their keys, in the order of the control file.
const RELATIONS: [(&str, &str); 9] = [
    ("pre_depends", "Pre-Depends"),
    ("depends", "Depends"),
    ("recommends", "Recommends"),
    ("suggests", "Suggests"),
    ("enhances", "Enhances"),
    ("breaks", "Breaks"),
    ("conflicts", "Conflicts"),
    ("replaces", "Replaces"),
    ("provides", "Provides"),
];

/// The maintainer scripts.
const SCRIPTS: [&str; 4] = ["preinst", "postinst", "prerm", "postrm"];

/// Directives of deb-triggers(5) by their keys.
const TRIGGERS: [(&str, &str); 4] = [
    ("interest", "interest"),
    ("interest_noawait", "interest-noawait"),
    ("activate", "activate"),
    ("activate_noawait", "activate-noawait"),
];

pub(super) fn spec(text: &str) -> Result<Spec, Error> {
    let document = DeTable::parse(text).map_err(|error| Error::Syntax {
        position: Position::of(text, error.span().map_or(0, |span| span.start)),
        reason: error.message().lines().collect::<Vec<_>>().join("; "),
    })?;
    let mut table = Table::top(text, document.get_ref());
    let name = table.needed_text("name")?.check(|name| name_of(name))?;
    let spec = Spec {
        name: name.value,
        version: table.text("version")?.map(|text| version_of(&text)).transpose()?,
        architecture: table.text("architecture")?.map(|text| architecture_of(&text)).transpose()?,
        maintainer: table.needed_text("maintainer")?.check(|text| maintainer_of(text))?.value,
        summary: table.needed_text("summary")?.check(|text| summary_of(text))?.value,
        description: table.long_text("description")?.map_or_else(String::new, |text| text.value),
        fields: fields_of(&mut table)?,
        relations: relations_of(&mut table)?,
        changelog: table.text("changelog")?.map(|text| match text.value.as_str() {
            "git" => text.map(ChangelogSource::Git),
            path => text.map(ChangelogSource::File(Utf8PathBuf::from(path))),
        }),
        manual: table.texts("manual")?,
        sysusers: table.text("sysusers")?,
        tmpfiles: table.text("tmpfiles")?,
        cron: table.text("cron")?,
        logrotate: table.text("logrotate")?,
        copyright: table.table("copyright")?.map(copyright_of).transpose()?,
        files: table.tables("file")?.into_iter().map(file_of).collect::<Result<_, _>>()?,
        directories: table.tables("directory")?.into_iter().map(directory_of).collect::<Result<_, _>>()?,
        links: table.tables("link")?.into_iter().map(link_of).collect::<Result<_, _>>()?,
        units: table.tables("unit")?.into_iter().map(unit_of).collect::<Result<_, _>>()?,
        alternatives: table
            .tables("alternative")?
            .into_iter()
            .map(alternative_of)
            .collect::<Result<_, _>>()?,
        triggers: table.table("triggers")?.map(triggers_of).transpose()?.unwrap_or_default(),
        snippets: table.table("scripts")?.map(snippets_of).transpose()?.unwrap_or_default(),
    };
    table.finish()?;
    Ok(spec)
}

fn name_of(text: &str) -> Result<PackageName, String> {
    if text.chars().count() < 2 {
        return Err("must have at least two characters (Policy 5.6.7)".to_owned());
    }
    PackageName::parse(text).map_err(|error| rule_of(&error))
}

/// What an error of a value says without the value, which the description shows.
fn rule_of(error: &deb_parse::Error) -> String {
    match error {
        deb_parse::Error::Value { value, rule, .. } => format!("{value}: {rule}"),
        other => other.to_string(),
    }
}

fn version_of(text: &At<String>) -> Result<At<VersionSource>, Error> {
    let source = match text.value.as_str() {
        "git" => VersionSource::Git,
        other => match other.strip_prefix("file:") {
            Some(path) => VersionSource::File(Utf8PathBuf::from(path)),
            None => {
                text.check(|text| Version::parse(text).map_err(|error| rule_of(&error)))?;
                VersionSource::Fixed(other.to_owned())
            }
        },
    };
    Ok(text.map(source))
}

fn architecture_of(text: &At<String>) -> Result<At<Architecture>, Error> {
    text.check(|text| match text.as_str() {
        "any" | "source" => Err("must be the name of one architecture, or `all`".to_owned()),
        text => Architecture::parse(text).map_err(|error| rule_of(&error)),
    })
}

fn maintainer_of(text: &str) -> Result<String, &'static str> {
    let rule = "must be a name and an address: Acme Operations <ops@acme.example> (Policy 5.6.2)";
    let (name, address) = text.strip_suffix('>').and_then(|text| text.split_once(" <")).ok_or(rule)?;
    let is_address =
        address.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
    if name.trim().is_empty()
        || name.contains(['\n', ','])
        || !is_address
        || address.contains([' ', '\n', '<', ','])
    {
        return Err(rule);
    }
    Ok(text.to_owned())
}

fn summary_of(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() || text.contains('\n') || text.chars().count() > 80 {
        return Err("must be one line of at most 80 characters (Policy 3.4.1)");
    }
    Ok(text.to_owned())
}

/// The fields with simple values.
fn fields_of(table: &mut Table<'_>) -> Result<Vec<(&'static str, String)>, Error> {
    let word = |text: &String| {
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-/+.".contains(c);
        let is_word = !text.is_empty() && text.chars().all(is_word);
        is_word.then(|| text.clone()).ok_or("must be a word such as `admin` (Policy 2.4)")
    };
    let one_of = |known: &'static [&'static str]| {
        move |text: &String| match known.contains(&text.as_str()) {
            true => Ok(text.clone()),
            false => Err(format!("must be one of {}", known.join(", "))),
        }
    };
    let section = table.text("section")?.map(|text| text.check(word)).transpose()?;
    let priorities = one_of(&["required", "important", "standard", "optional", "extra"]);
    let priority = table.text("priority")?.map(|text| text.check(priorities)).transpose()?;
    let multi_arch = one_of(&["foreign", "same", "allowed", "no"]);
    let multi_arch = table.text("multi_arch")?.map(|text| text.check(multi_arch)).transpose()?;
    let homepage = |text: &String| {
        let is_address = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
        let is_address = is_address && !text.contains([' ', '\n', '<', '>']);
        is_address.then(|| text.clone()).ok_or("must be an address with http:// or https:// (Policy 5.6.23)")
    };
    let homepage = table.text("homepage")?.map(|text| text.check(homepage)).transpose()?;
    let fields = [
        ("Section", Some(section.map_or_else(|| "misc".to_owned(), |text| text.value))),
        ("Priority", Some(priority.map_or_else(|| "optional".to_owned(), |text| text.value))),
        ("Multi-Arch", multi_arch.map(|text| text.value)),
        ("Homepage", homepage.map(|text| text.value)),
    ];
    Ok(fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

fn relations_of(table: &mut Table<'_>) -> Result<Vec<RelationTexts>, Error> {
    let mut found = Vec::new();
    for (key, field) in RELATIONS {
        let texts = table.texts(key)?;
        for text in &texts {
            text.check(|text| canonical(field, text, "1.0-1"))?;
        }
        if !texts.is_empty() {
            found.push((field, texts));
        }
    }
    Ok(found)
}

/// Returns relations as dpkg prints them, with the version of the package where `${version}` stands.
pub(crate) fn canonical(field: &str, text: &str, version: &str) -> Result<String, String> {
    let text = text.replace("${version}", version);
    if let Some(error) = relation::errors(&text).next() {
        return Err(rule_of(&error));
    }
    let relations = relation::Relations::parse(&text, &Limits::default()).map_err(|error| rule_of(&error))?;
    if relations.is_empty() {
        return Err("must name a package".to_owned());
    }
    let is_restricted = |relation: relation::RelationRef<'_>| {
        relation.architectures().next().is_some() || relation.profiles().next().is_some()
    };
    if relation::iter(&text).flatten().any(is_restricted) {
        return Err(
            "a binary package must not restrict its relations to architectures or profiles (Policy 7.1)"
                .to_owned(),
        );
    }
    let alone = matches!(field, "Breaks" | "Conflicts" | "Replaces" | "Provides");
    if alone && relations.all().iter().any(|alternatives| alternatives.len() > 1) {
        return Err("must have no alternatives (Policy 7.1)".to_owned());
    }
    let is_exact = |text: &str| {
        relation::iter(text).flatten().all(|relation| {
            relation.version().is_none_or(|(operator, _)| operator == relation::Operator::Equal)
        })
    };
    if field == "Provides" && !is_exact(&text) {
        return Err("a provided version must be given with `=` (Policy 7.5)".to_owned());
    }
    Ok(relations.to_string())
}

fn copyright_of(mut table: Table<'_>) -> Result<Copyright, Error> {
    let license = table.needed_text("license")?;
    let license = license.check(|text| {
        spdx::Expression::parse(text)
            .map_err(|error| format!("not an SPDX expression such as `MIT OR Apache-2.0`: {}", error.reason))
    })?;
    let holders: Vec<String> = table.texts("holder")?.into_iter().map(|text| text.value).collect();
    if holders.iter().all(|holder| holder.trim().is_empty()) {
        return Err(table.missing("holder"));
    }
    let file = table.text("file")?;
    table.finish()?;
    Ok(Copyright { license, holders, file })
}

fn owner_of(table: &mut Table<'_>) -> Result<Ownership, Error> {
    let owner = table.text("owner")?.map(|text| text.check(|text| Ownership::parse(text))).transpose()?;
    Ok(owner.map_or_else(Ownership::root, |owner| owner.value))
}

fn file_of(mut table: Table<'_>) -> Result<FileRule, Error> {
    let from = table.needed_text("from")?;
    let (to, into_directory) = table.needed_text("to")?.check(|text| Target::parse(text))?.value;
    let exclude = table.texts("exclude")?;
    let rule = FileRule {
        from,
        to,
        into_directory,
        mode: table.mode("mode")?,
        owner: owner_of(&mut table)?,
        conffile: table.flag("conffile")?,
        exclude: exclude
            .iter()
            .map(|pattern| pattern.check(|text| glob::Pattern::new(text).map_err(|error| error.msg)))
            .collect::<Result<_, _>>()?,
    };
    table.finish()?;
    Ok(rule)
}

fn directory_of(mut table: Table<'_>) -> Result<DirectoryRule, Error> {
    let path = table.needed_text("path")?.check(|text| Target::parse(text).map(|(target, _)| target))?;
    if path.value.as_str().is_empty() {
        return Err(path.error("must not be the root"));
    }
    let rule =
        DirectoryRule { path, mode: table.mode("mode")?.unwrap_or(0o755), owner: owner_of(&mut table)? };
    table.finish()?;
    Ok(rule)
}

fn link_of(mut table: Table<'_>) -> Result<LinkRule, Error> {
    let path = file_target(&mut table, "path")?;
    let target = table.needed_text("target")?;
    if target.value.is_empty() || target.value.contains(['\n', '\0']) {
        return Err(target.error("must be a path"));
    }
    let rule = LinkRule { path, target: target.value };
    table.finish()?;
    Ok(rule)
}

/// A path of something that is not a directory.
fn file_target(table: &mut Table<'_>, key: &'static str) -> Result<At<Target>, Error> {
    table.needed_text(key)?.check(|text| match Target::parse(text)? {
        (_, true) => Err("must not be a directory".to_owned()),
        (target, false) => Ok(target),
    })
}

/// What names of units may end with, as far as packages have them.
const UNIT_TYPES: [&str; 8] = ["service", "socket", "timer", "path", "mount", "automount", "target", "slice"];

fn unit_of(mut table: Table<'_>) -> Result<UnitRule, Error> {
    let file = table.needed_text("file")?;
    file.check(|path| {
        let name = path.rsplit('/').next().unwrap_or(path);
        let (stem, kind) = name.rsplit_once('.').unwrap_or((name, ""));
        let is_letter = |c: char| c.is_ascii_alphanumeric() || ":-_.@".contains(c);
        let is_name = !stem.is_empty() && stem.chars().all(is_letter) && UNIT_TYPES.contains(&kind);
        is_name
            .then_some(())
            .ok_or_else(|| format!("must be the file of a unit: *.{}", UNIT_TYPES.join(", *.")))
    })?;
    let rule = UnitRule {
        file,
        enable: table.flag("enable")?,
        start: table.flag("start")?,
        restart: table.flag("restart")?.unwrap_or(true),
    };
    table.finish()?;
    Ok(rule)
}

fn alternative_of(mut table: Table<'_>) -> Result<Alternative, Error> {
    let name = table.needed_text("name")?;
    let is_letter = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
    if name.value.is_empty() || !name.value.chars().all(is_letter) {
        return Err(name.error("must be of letters, digits and `+-._`"));
    }
    let alternative = Alternative {
        name: name.value,
        link: shell_safe(file_target(&mut table, "link")?)?.value,
        path: shell_safe(file_target(&mut table, "path")?)?,
        priority: table.number("priority")?.map_or(50, |number| number.value),
    };
    table.finish()?;
    Ok(alternative)
}

/// Paths that scripts name are of letters that mean nothing to a shell.
fn shell_safe(path: At<Target>) -> Result<At<Target>, Error> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || "+-._/@:,=".contains(c);
    if path.value.as_str().chars().all(is_letter) {
        return Ok(path);
    }
    Err(path.error("must be of letters, digits and `+-._/@:,=`"))
}

fn triggers_of(mut table: Table<'_>) -> Result<Vec<(&'static str, String)>, Error> {
    let mut found = Vec::new();
    for (key, directive) in TRIGGERS {
        for name in table.texts(key)? {
            if name.value.is_empty() || !name.value.chars().all(|c| c.is_ascii_graphic()) {
                return Err(name.error("must be the name of a trigger or an absolute path, without blanks"));
            }
            found.push((directive, name.value));
        }
    }
    table.finish()?;
    Ok(found)
}

fn snippets_of(mut table: Table<'_>) -> Result<Vec<(&'static str, At<String>)>, Error> {
    let mut found = Vec::new();
    for script in SCRIPTS {
        found.extend(table.text(script)?.map(|path| (script, path)));
    }
    table.finish()?;
    Ok(found)
}
