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

/// The synopsis, and the description with a blank before each line and ` .` for empty ones (Policy 5.6.13). Long lines are broken, but for those that begin
/// with a blank, which programs show as they are.
fn description(spec: &Spec) -> String {
    let mut out = spec.summary.clone();
    for line in spec.description.trim().lines() {
        let line = line.trim_end().replace('\t', "    ");
        if line.is_empty() {
            out.push_str("\n .");
        } else if line.starts_with(' ') {
            out.push_str(&format!("\n {line}"));
        } else {
            out.extend(wrapped(&line, 79).iter().map(|line| format!("\n {line}")));
        }
    }
    out
}
