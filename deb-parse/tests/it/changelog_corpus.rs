//! Changelogs of real packages and variants of a sound one, with `Dpkg::Changelog::Debian` as the judge.

use std::fmt::Write as _;
use std::io::Read as _;

use deb_parse::changelog::{self, Entry};

use crate::dpkg;

/// Reads the files whose paths it is given, and prints for each `FILE`, the number of errors, and a line for each entry.
const JUDGE: &str = r#"
use strict;
use warnings;
use Dpkg::Changelog::Debian;
for my $path (@ARGV) {
    my $changelog = Dpkg::Changelog::Debian->new(verbose => 0);
    $changelog->load($path);
    my @errors = $changelog->get_parse_errors();
    printf "FILE %d %s\n", scalar @errors, @errors ? "line $errors[0][1]: $errors[0][2]" : "";
    next if @errors;
    for my $entry (@$changelog) {
        my @lines = grep { /\S/ } @{$entry->get_part('changes')};
        print join("\t", $entry->get_source(), $entry->get_version(), join(' ', $entry->get_distributions()),
            $entry->get_urgency() // '', $entry->get_maintainer() =~ s/^ //r, $entry->get_timestamp(), scalar @lines), "\n";
    }
}
"#;

/// The same line of an entry as the judge prints it.
fn line(entry: &Entry<'_>) -> String {
    let is_comment = |line: &&str| line.starts_with("# ") || line.starts_with("/*") || line.starts_with('$');
    let blanks: &[char] = &[' ', '\t', '\r', '\u{b}', '\u{c}'];
    let lines = entry.changes.split('\n').filter(|line| !line.trim_matches(blanks).is_empty());
    let distributions: Vec<&str> = entry.distributions().collect();
    format!(
        "{}\t{}\t{}\t{}\t{}\t{}\t{}",
        entry.source,
        entry.version,
        distributions.join(" "),
        entry.urgency().unwrap_or_default().to_ascii_lowercase(),
        entry.maintainer,
        entry.date,
        lines.filter(|line| !is_comment(line)).count()
    )
}

/// Has both read all texts, and says where they differ. `None` where dpkg's modules are not installed.
fn differences(texts: &[(String, String)]) -> Option<Vec<String>> {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("judge.pl");
    std::fs::write(&script, JUDGE).unwrap();
    let mut arguments = vec![script.to_str().unwrap().to_owned()];
    for (number, (_, text)) in texts.iter().enumerate() {
        let path = directory.path().join(number.to_string());
        std::fs::write(&path, text).unwrap();
        arguments.push(path.to_str().unwrap().to_owned());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = dpkg::run("perl", &arguments)?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    if complaint.contains("Can't locate Dpkg") {
        eprintln!("skipped: libdpkg-perl is not installed");
        return None;
    }
    assert!(output.status.success(), "{complaint}");
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let theirs: Vec<&str> = output.split("FILE ").skip(1).collect();
    assert_eq!(theirs.len(), texts.len());
    let mut wrong = Vec::new();
    for ((name, text), theirs) in texts.iter().zip(theirs) {
        let (complaint, lines) = theirs.split_once('\n').unwrap();
        let mut ours = String::new();
        let read = changelog::parse(text);
        for entry in read.iter().flatten() {
            let _ = writeln!(ours, "{}", line(entry));
        }
        match read {
            Ok(_) if !complaint.starts_with("0 ") => wrong.push(format!("{name}: taken, dpkg: {complaint}")),
            Err(error) if complaint.starts_with("0 ") => wrong.push(format!("{name}: {error}")),
            Ok(_) if ours != lines => wrong.push(format!("{name}:\n{ours}as dpkg reads it:\n{lines}")),
            Ok(read) if read != changelog::entries(text).collect::<Vec<_>>() => {
                wrong.push(format!("{name}: the readers differ"));
            }
            _ => {}
        }
    }
    Some(wrong)
}

#[test]
fn changelogs_of_real_packages_are_read_as_dpkg_reads_them() {
    const LIMIT: u64 = 256 << 10;
    let mut texts = Vec::new();
    for package in std::fs::read_dir("/usr/share/doc").into_iter().flatten().flatten() {
        for file in std::fs::read_dir(package.path()).into_iter().flatten().flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            if !name.starts_with("changelog") || !name.ends_with(".gz") {
                continue;
            }
            let Ok(file) = std::fs::File::open(file.path()) else { continue };
            let mut bytes = Vec::new();
            let read = flate2::read::GzDecoder::new(file).take(LIMIT).read_to_end(&mut bytes);
            if read.is_ok() {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                texts.push((format!("{}/{name}", package.path().display()), text));
            }
        }
    }
    if texts.is_empty() {
        eprintln!("skipped: no changelogs in /usr/share/doc");
        return;
    }
    let Some(wrong) = differences(&texts) else { return };
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), texts.len(), wrong.join("\n"));
}

const HEADER: &str = "hello (2.10-3) unstable; urgency=medium";
const CHANGE: &str = "  * Fix the greeting.";
const TRAILER: &str = " -- A B <a@example.org>  Sat, 01 Jan 2022 10:00:00 +0000";

/// Lines that may stand in a changelog, or may not.
const LINES: &[&str] = &[
    "",
    " ",
    "\t",
    "\r",
    "#",
    "# comment",
    "#comment",
    "# ",
    "/* comment */",
    "/* comment",
    "/**/ x",
    "$Id: x $",
    "$Id$",
    "$Id: x",
    "$: x $",
    "Local variables:",
    ";; Local Variables:",
    ";;local variables: x",
    "; Local variables:",
    " Local variables:",
    "vim: et",
    "VIM:et",
    "vim : et",
    " vim: et",
    "Tue Jan 20 12:00:00 MET 1998  A B <a@b>",
    "Tue Jan 20 12:00:00 1998  A <a@b>",
    "Tue Jan 20 12:00:00 1998 A <a@b>",
    "Tue Jan 20 12:00:00 1998 <a@b>",
    "Tue Jan 20 12:00:00 1998  <a@b>",
    "Tue Jan 20 12:00:00 1998 1999  A (a@b)",
    "Tue Jan 20 12:00:00 +0100 1998  A <a@b>",
    "Tue Jan 20  12:00:00 1998  A <a@b>",
    "Tue Jan 20 12:00 1998  A <a@b>",
    "Tue Jan 20 1998  A  <a@b>",
    "Tue Jan 20, 1998  A <a@b)",
    "Tue Jan 201998 A <a@b>",
    "Tue Jan 21998  A (b)",
    "Tue Jan 20 98  A (b)",
    "Tue Jan 20,1998  A (b) c",
    "Tue Jan 20, 1998  A b",
    "1998-01-20  A <a@b>",
    "hello (1.0)",
    "hello (1.0);",
    "hello (1.0):",
    "hello  (1.0)",
    "hello (1.0) x",
    "h\u{e9}llo (1.0)",
    "_x (1)",
    "hello (1 0)",
    "hello ()",
    "hello 1.0 Debian 3",
    "hello-1.0 Debian 3",
    "hello-1.0 debian 3-4 x",
    "hello 1.0  Debian 3",
    "hello Debian 3",
    "hello- Debian 3",
    "-hello Debian 3",
    "a-b c Debian 3",
    "a/b-c Debian 3",
    "a-b/c Debian 3",
    "hello 1.0 Debian  3",
    "hello 1.0 Debian",
    "a b c Debian 3",
    "Changes from version 1 to 2:",
    "changes from version 1 TO 2",
    "Changes from version  to :",
    "Changes from version to :",
    "Changes for hello-1:",
    "Changes for hello-1",
    "Changes for hello",
    "Changes for -1:",
    "Changes for a-:",
    "Changes for a-b c",
    "Changes for a--b::",
    "Old Changelog:",
    "OLD CHANGELOG: ",
    "Old Changelog: x",
    "Old Changelog",
    "hello",
    "hello:",
    "hello::",
    "1:2.0",
    "1:2.0: ",
    ":2.0",
    "12",
    "1:",
    "1::",
    "a:b",
    "2.0~rc1",
    "+x",
    "hello\u{e9}",
    "h i",
    "  change",
    "   change",
    " change",
    "\tchange",
    "\t\tchange",
    " \tchange",
    "\u{b}\u{c}change",
    "change data here",
    " --",
    " -- ",
    "  -- A <a@b>  Sat, 01 Jan 2022 10:00:00 +0000",
    "-- A <a@b>  Sat, 01 Jan 2022 10:00:00 +0000",
    "hello (1.0) ;",
    "hello (1.0) unstable ;",
    "hello (1.0) unstable",
    "hello (1.0)unstable; urgency=low",
    HEADER,
    TRAILER,
];

/// Headers, only some of them sound.
fn headers() -> Vec<String> {
    let version = |version: &str| format!("hello ({version}) sid; urgency=low");
    let metadata = |metadata: &str| format!("hello (1) sid;{metadata}");
    let versions = [
        "1",
        "1:1",
        "a",
        "",
        ":1",
        "1:",
        "1:2:3",
        "x:1",
        "1-",
        "-1",
        "1-a_b",
        "1_2",
        "99999999999999999999:1",
        "1-1:2",
        "1 ",
        "1\u{c}2",
        "1~",
        "1+b1",
        "1\u{e9}",
    ];
    let all_metadata = [
        "",
        " ",
        ",",
        " , ,",
        "urgency=low",
        " urgency=low,",
        " ,urgency=low",
        " urgency=low, ,binary-only=yes",
        "urgency =low",
        "urgency= low",
        "urgency=low urgency=low",
        "urgency=LOW (x)",
        "urgency=low;x",
        "urgency=(x)",
        "urgency=",
        "urgency",
        "Urgency=high, urgency=low",
        "binary-only=yes",
        "Binary-Only=no",
        "BINARY-ONLY=YES",
        "xb-foo=a",
        "XS-Vcs-Git=a b",
        "xbcs-=1",
        "urgency-=low",
        "urgency-=low, urgency=low",
        "xb--a-=1",
        "-=1",
        "x-foo=1",
        "xd-foo=1",
        "closes=1",
        "vcs-git-url=x",
        "a_b=1",
        "=1",
        "urgency=low=x",
        "urgency=low\t",
    ];
    let whole = [
        "H (1) sid; urgency=low",
        "_h (1) sid; urgency=low",
        "h_i (1) sid; urgency=low",
        "-h (1) sid; urgency=low",
        "h  (1) sid; urgency=low",
        "h\t(1) sid; urgency=low",
        "h (1)  sid  bookworm; urgency=low",
        "h (1)\tsid; urgency=low",
        "h (1) s_d; urgency=low",
        "h (1) sid, bookworm; urgency=low",
        "h (1) -; urgency=low",
        "h(1) sid; urgency=low",
        "h (1) ; urgency=low",
        "1 (1) sid; urgency=low",
        "hello (1) sid; urgency=low \u{b}",
        "\u{feff}hello (1) sid; urgency=low",
    ];
    let versions = versions.iter().map(|text| version(text));
    versions.chain(all_metadata.iter().map(|text| metadata(text))).chain(whole.map(str::to_owned)).collect()
}

/// Last lines, only some of them sound.
fn trailers() -> Vec<String> {
    let dates = [
        "Sat, 01 Jan 2022 10:00:00 +0000",
        "01 Jan 2022 10:00:00 +0000",
        "Sat,01 Jan 2022 10:00:00 +0000",
        "Sat, 1 Jan 2022 1:00:00 -0330",
        "sat, 01 Jan 2022 10:00:00 +0000",
        "Sam, 01 Jan 2022 10:00:00 +0000",
        "Saturday, 01 Jan 2022 10:00:00 +0000",
        ", 01 Jan 2022 10:00:00 +0000",
        "Sat 01 Jan 2022 10:00:00 +0000",
        "Sat , 01 Jan 2022 10:00:00 +0000",
        "Sat,  01  JAN\t2022 10:00:00  +0000",
        "Sat, 01 June 2022 10:00:00 +0000",
        "Sat, 01 May 2022 10:00:00 +0000",
        "Sat, 01 Sept 2022 10:00:00 +0000",
        "Sat, 00 Jan 2022 10:00:00 +0000",
        "Sat, 31 Feb 2022 10:00:00 +0000",
        "Sat, 32 Jan 2022 10:00:00 +0000",
        "Sat, 001 Jan 2022 10:00:00 +0000",
        "Sat, 01 Jan 22 10:00:00 +0000",
        "Sat, 01 Jan 1899 10:00:00 +0000",
        "Sat, 01 Jan 1900 10:00:00 +0000",
        "Sat, 01 Jan 9999 10:00:00 +0000",
        "Sat, 01 Jan 2022 24:00:00 +0000",
        "Sat, 01 Jan 2022 23:60:00 +0000",
        "Sat, 01 Jan 2022 23:59:60 +0000",
        "Sat, 01 Jan 2022 10:00 +0000",
        "Sat, 01 Jan 2022 10:00:00",
        "Sat, 01 Jan 2022 10:00:00 UTC",
        "Sat, 01 Jan 2022 10:00:00 +000",
        "Sat, 01 Jan 2022 10:00:00 +9999",
        "Sat, 01 Jan 2022 10:00:00 0000",
        "Sat, 01 Jan 2022 10:00:00 +0000 (UTC)",
        "Sat, 01-Jan-2022 10:00:00 +0000",
        "Jan 01 2022 10:00:00 +0000",
        "",
        "Sat, 01 Jan 2022 10:00:00 + 000",
        "Sat, Sun, 01 Jan 2022 10:00:00 +0000",
        "Sat, 01 Jan 2022 10:00:00+0000",
        "Sat, 01 Jan 2022\u{b}10:00:00 +0000",
    ];
    let date = "Sat, 01 Jan 2022 10:00:00 +0000";
    let whole = [
        format!(" -- A B <a@b> {date}"),
        format!(" -- A B <a@b>   {date}"),
        format!(" -- A B <a@b>\t{date}"),
        format!(" -- A B <a@b>{date}"),
        format!(" -- <a@b>  {date}"),
        format!(" --  <a@b>  {date}"),
        format!(" --A <a@b>  {date}"),
        format!(" -- A B<a@b>  {date}"),
        format!(" -- A B a@b  {date}"),
        format!(" -- A <x> B <a@b>  {date}"),
        format!(" -- A B <a@b> >  {date}"),
        format!(" -- A B < >  {date}"),
        format!(" -- A B <>  {date}"),
        format!(" -- A B <a@b>  {date} \t"),
        format!("  -- A B <a@b>  {date}"),
        format!("\t-- A B <a@b>  {date}"),
        format!(" --- A B <a@b>  {date}"),
        format!(" -- \u{e9} <a@b>  {date}"),
    ];
    dates.iter().map(|date| format!(" -- A B <a@example.org>  {date}")).chain(whole).collect()
}

/// Sound entries with lines of any form between their own.
fn mixtures(sound: &[&str]) -> Vec<Vec<String>> {
    let forms: Vec<String> =
        LINES.iter().map(|line| (*line).to_owned()).chain(headers()).chain(trailers()).collect();
    let mut state = 1u64;
    let mut below = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit
    };
    let mut changelog = || {
        let mut lines: Vec<String> =
            sound.iter().cycle().take(sound.len() * 3).map(|line| (*line).to_owned()).collect();
        for _ in 0..=below(3) {
            let (at, form) = (below(lines.len()), forms[below(forms.len())].clone());
            match below(2) {
                0 => lines[at] = form,
                _ => lines.insert(at, form),
            }
        }
        lines
    };
    (0..1500).map(|_| changelog()).collect()
}

#[test]
fn every_form_of_a_line_is_read_as_dpkg_reads_it() {
    let sound = [HEADER, "", CHANGE, "", "  * And more.", "", TRAILER, ""];
    let mut changelogs: Vec<Vec<String>> = Vec::new();
    for line in LINES {
        for at in 0..=sound.len() {
            let mut lines: Vec<String> = sound.map(str::to_owned).to_vec();
            lines.extend(sound.map(str::to_owned));
            lines.insert(at, (*line).to_owned());
            changelogs.push(lines);
        }
        changelogs.push(vec![(*line).to_owned()]);
    }
    let with = |line: usize, text: String| {
        let mut lines = sound.map(str::to_owned).to_vec();
        lines[line] = text;
        lines
    };
    changelogs.extend(headers().into_iter().map(|header| with(0, header)));
    changelogs.extend(trailers().into_iter().map(|trailer| with(6, trailer)));
    for missing in 0..sound.len() {
        let mut lines = sound.map(str::to_owned).to_vec();
        lines.remove(missing);
        changelogs.push(lines);
    }
    changelogs.extend(mixtures(&sound));
    let mut texts: Vec<(String, String)> = vec![("empty".to_owned(), String::new())];
    for lines in changelogs {
        let text = lines.join("\n");
        texts.push((format!("{text:?}"), text));
    }
    let Some(wrong) = differences(&texts) else { return };
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), texts.len(), wrong.join("\n"));
}
