//! The control file of a package.

use deb_parse::deb822::ParagraphBuf;
use deb_parse::{Architecture, Version};

use crate::changelog::wrapped;
use crate::error::Error;
use crate::spec::{Spec, canonical};

/// Returns the control file. `size` is the installed size in KiB.
pub(crate) fn paragraph(
    spec: &Spec,
    version: &Version,
    architecture: &Architecture,
    size: u64,
) -> Result<ParagraphBuf, Error> {
    let mut control = ParagraphBuf::new();
    control.push("Package", spec.name.as_str())?;
    control.push("Version", version.as_str())?;
    control.push("Architecture", architecture.as_str())?;
    control.push("Maintainer", &spec.maintainer)?;
    control.push("Installed-Size", size.to_string())?;
    for (field, value) in relations(spec, version)? {
        control.push(field, value)?;
    }
    for (field, value) in &spec.fields {
        control.push(field, value)?;
    }
    control.push("Description", description(spec))?;
    Ok(control)
}

/// Relations that the package needs because of what is in it (dh_installsysusers(1)).
const FOR_SYSUSERS: &str = "systemd | systemd-standalone-sysusers | systemd-sysusers";

fn relations(spec: &Spec, version: &Version) -> Result<Vec<(&'static str, String)>, Error> {
    let mut found: Vec<(&'static str, String)> = Vec::new();
    let mut has_depends = false;
    for (field, texts) in &spec.relations {
        let mut parts = Vec::new();
        for text in texts {
            parts.push(text.check(|text| canonical(field, text, version.as_str()))?.value);
        }
        if *field == "Depends" {
            has_depends = true;
            if spec.sysusers.is_some() {
                parts.push(FOR_SYSUSERS.to_owned());
            }
        }
        found.push((field, parts.join(", ")));
    }
    if spec.sysusers.is_some() && !has_depends {
        let at = found.iter().take_while(|(field, _)| *field == "Pre-Depends").count();
        found.insert(at, ("Depends", FOR_SYSUSERS.to_owned()));
    }
    Ok(found)
}

/// The synopsis, and the description with a blank before each line and ` .` for empty ones (Policy 5.6.13). A paragraph with a line that is too long is
/// filled again, and each item of a list for itself; lines that begin with a blank stay, since programs show them as they are.
fn description(spec: &Spec) -> String {
    let lines: Vec<String> =
        spec.description.trim().lines().map(|line| line.trim_end().replace('\t', "    ")).collect();
    let mut out = spec.summary.clone();
    let mut rest = lines.as_slice();
    while let Some((first, others)) = rest.split_first() {
        if first.is_empty() || first.starts_with(' ') {
            out.push_str("\n ");
            out.push_str(if first.is_empty() { "." } else { first });
            rest = others;
            continue;
        }
        let length = others.iter().take_while(|line| continues(line)).count();
        let (more, after) = others.split_at_checked(length).unwrap_or((others, &[]));
        let paragraph: Vec<&str> = std::iter::once(first).chain(more).map(String::as_str).collect();
        let is_short = paragraph.iter().all(|line| line.chars().count() < LINE);
        let filled = if is_short { Vec::new() } else { wrapped(&paragraph.join(" "), LINE - 1) };
        let shown: Vec<&str> = if is_short { paragraph } else { filled.iter().map(String::as_str).collect() };
        shown.iter().for_each(|line| out.push_str(&format!("\n {line}")));
        rest = after;
    }
    out
}

/// How many characters a line of the control file has at most, with the blank before it.
const LINE: usize = 80;

/// Returns whether a line goes on with the paragraph before it, instead of beginning an item of a list.
fn continues(line: &str) -> bool {
    let is_item = ["- ", "* ", "+ ", "• "].iter().any(|mark| line.starts_with(mark))
        || line.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(". ");
    !line.is_empty() && !line.starts_with(' ') && !is_item
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_with_a_long_line_is_filled_again_and_the_others_stay() {
        let text = "An application in PHP below /usr/share/acme-customer-portal, with an example of how nginx and\n\
            PHP-FPM run it. It keeps its data in /var/lib/acme-customer-portal.\n\nShort\nlines.\n\
            - an item that is longer than what fits on a line, so that it has to be broken somewhere\n  and more\n- b\n\n  code";
        let spec = format!(
            "name = 'acme'\nmaintainer = 'A <a@example.org>'\nsummary = 'x'\ndescription = \"\"\"\n{text}\n\"\"\"\n\
             copyright = {{ license = 'MIT', holder = 'A' }}\n"
        );
        insta::assert_snapshot!(description(&Spec::parse(&spec).unwrap()), @"
        x
         An application in PHP below /usr/share/acme-customer-portal, with an example of
         how nginx and PHP-FPM run it. It keeps its data in
         /var/lib/acme-customer-portal.
         .
         Short
         lines.
         - an item that is longer than what fits on a line, so that it has to be broken
         somewhere
           and more
         - b
         .
           code
        ");
    }
}
