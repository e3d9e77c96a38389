//! apt and dpkg as judges of what indices say.

use std::fs;

use apt_index::RelPath;
use apt_index::index::Item;
use apt_index::stanza::{FileFacts, IndexedFile, SourceFacts, Stanza};
use camino::Utf8Path;
use deb_parse::checksum::Sha256;
use deb_parse::control::{BinaryControl, Dsc};
use deb_parse::relation::{Operator, Relations, canonical};
use deb_parse::{Limits, deb, deb822};
use testkit::{Apt, Environment, all_installed, package, skipped};

use super::FIELDS;
use super::generator::Generator;
use crate::PROGRAM;

const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds");

/// The files that fuzzing of a target starts from.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let directory = Utf8Path::new(SEEDS).join(target);
    let files = directory.read_dir_utf8().unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files.collect()
}

/// Control files: those of our corpora, and made ones.
fn controls() -> Vec<Vec<u8>> {
    let mut controls = seeds("control_read");
    let packages = seeds("deb_read").into_iter().chain([package::builder("aa", "1", "all").build().unwrap()]);
    for bytes in packages {
        controls.push(deb::read(&bytes[..], &deb::Options::default()).unwrap().control.as_bytes().to_vec());
    }
    let head = "Package: aa\nVersion: 1\nArchitecture: amd64\nDescription: b\n";
    for value in seeds("relation_round_trip") {
        let value = String::from_utf8(value).unwrap();
        controls.extend(FIELDS.map(|field| format!("{head}{field}: {}\n", value.trim_end()).into_bytes()));
    }
    controls.extend(OTHER_FIELDS.into_iter().chain(REFUSED_FIELDS).map(|field| {
        let (before, after) = head.split_at(head.find("Description").unwrap());
        format!("{before}{field}\n{after}").into_bytes()
    }));
    let long = [
        format!("Section: {}", "s".repeat(65_534)),
        format!("Section: {}", "s".repeat(65_535)),
        format!("Priority: {}", "p".repeat(70_000)),
        format!("Depends: aa:{}", "q".repeat(70_000)),
        format!("Depends: aa (>= {})", "1".repeat(190)),
        format!("Provides: aa (= {})", "1".repeat(70_000)),
        format!("Source: aa ({})", "1".repeat(70_000)),
        format!("X-Long:\n {}", "x".repeat(900_000)),
        format!("Depends: {}", "a".repeat(200)),
        format!("Suggests: {} (=1)", ["aa"; 9_000].join(", ")),
        format!("X-Long: {}", "word ".repeat(180_000)),
    ];
    controls.extend(long.map(|field| format!("{head}{field}\n").into_bytes()));
    let mut generator = Generator::new(11);
    controls.extend((0..3000).map(|_| format!("{head}{}", generator.fields()).into_bytes()));
    controls
}

/// Fields that dpkg takes and apt reads as numbers, words it knows, or descriptions. They stand before `Description`, where a
/// translation of it makes apt crash.
const OTHER_FIELDS: [&str; 18] = [
    "Description-de: kurz\n lang",
    "Description-en: short\n long",
    "Description-pt_BR: breve",
    "Description-: x",
    "Description-md5: rubbish",
    "Description-md5: 0123456789abcdef0123456789abcdef",
    "Phased-Update-Percentage: rubbish",
    "Phased-Update-Percentage: -5",
    "Phased-Update-Percentage: 101",
    "Phased-Update-Percentage: 50",
    "Phased-Update-Percentage: 99999999999999999999999",
    "Installed-Size: 1 2",
    "Installed-Size: -1",
    "Installed-Size: 99999999999999999999999",
    "Installed-Size: 18446744073709551615",
    "Multi-Arch: Allowed",
    "Protected: YES",
    "Priority: Not one of these",
];

/// Fields of packages that no version took, or whose words no index ever had.
const REFUSED_FIELDS: [&str; 4] = ["Multi-Arch: maybe", "Essential: maybe", "Important: maybe", "Size: many"];

/// The stanzas of records that earlier versions took and this one would refuse, as far as they can be published.
fn recorded() -> Vec<Stanza<'static>> {
    let long = [
        format!("Depends: aa:{}", "q".repeat(200)),
        format!("Depends: aa:{}", "q".repeat(65_531)),
        format!("Depends: aa:{}", "q".repeat(65_532)),
        format!("Depends: aa:{}", "q".repeat(70_000)),
        format!("Provides: aa:{} (= 1)", "q".repeat(70_000)),
        format!("Suggests: {}", "a".repeat(70_000)),
        format!("Breaks: aa (<< {})", "1".repeat(70_000)),
        format!("Section: {}", "s".repeat(65_535)),
    ];
    let fields = long.into_iter().chain(OTHER_FIELDS.map(str::to_owned));
    let stanzas = fields.enumerate().filter_map(|(number, field)| {
        let text = format!(
            "Package: r{number}\nVersion: 1\nArchitecture: amd64\n{field}\nDescription: b\nFilename: pool/r.deb\nSize: 1\n"
        );
        Some(Stanza::parse(text.as_bytes()).ok()?.canonical().ok()?.into_owned())
    });
    stanzas.collect()
}

/// The stanza of a control file if it is taken, as that of a package named `name`.
fn stanza(control: &[u8], name: &str) -> Option<Stanza<'static>> {
    let control = BinaryControl::parse(control, &Limits::default()).ok()?;
    let own = format!("Package: {name}\nVersion: 1\nArchitecture: amd64\n");
    let others = control.paragraph().fields().filter(|field| {
        !["Package", "Version", "Architecture", "Source"].iter().any(|name| field.has_name(name))
    });
    let text =
        [own.as_bytes(), &others.flat_map(|field| field.as_bytes().to_vec()).collect::<Vec<_>>()].concat();
    // Of architecture `all`, it could be what it cannot be now.
    let control = BinaryControl::parse(&text, &Limits::default()).ok()?;
    let facts = FileFacts {
        filename: RelPath::parse(&format!("pool/{name}.deb")).unwrap(),
        size: 1,
        sha256: Sha256::from_bytes([1; 32]),
        md5: None,
        sha1: None,
    };
    Stanza::render(&control, &facts).ok()
}

/// The smallest run of items that `is_read` is false for, found by halving.
fn unread<T>(items: &[T], is_read: &impl Fn(&[T]) -> bool) -> Option<usize> {
    if is_read(items) {
        return None;
    }
    let (mut start, mut end) = (0, items.len());
    while end - start > 1 {
        let middle = start + (end - start) / 2;
        if is_read(&items[start..middle]) { start = middle } else { end = middle }
    }
    Some(start)
}

/// A relation as `apt-cache showpkg` shows it: name, operator with 16 for an alternative behind it, version.
fn shown(relations: &Relations) -> Vec<String> {
    let mut all = Vec::new();
    for alternatives in relations.all() {
        for (number, relation) in alternatives.iter().enumerate() {
            let operator = relation.version.as_ref().map_or(0, |(operator, _)| match operator {
                Operator::EarlierOrEqual => 1,
                Operator::LaterOrEqual => 2,
                Operator::Earlier => 3,
                Operator::Later => 4,
                Operator::Equal => 5,
            });
            let alternative = if number + 1 < alternatives.len() { 16 } else { 0 };
            // Of relations to one architecture, apt says that with 64.
            let specific = if relation.qualifier.as_deref() == Some("amd64") { 64 } else { 0 };
            let version = relation.version.as_ref().map_or("(null)", |(_, version)| version.as_str());
            let qualifier = relation.qualifier.as_ref().map_or_else(String::new, |word| format!(":{word}"));
            all.push(format!(
                "{}{qualifier} ({} {version})",
                relation.name,
                operator + alternative + specific
            ));
        }
    }
    all
}

/// What dpkg reads in the fields of a control file that apt shows together.
fn wanted(stanza: &Stanza<'_>) -> Vec<String> {
    let paragraph = deb822::paragraphs(stanza.as_bytes()).next().unwrap();
    let values = FIELDS.iter().filter_map(|field| paragraph.get_str(field));
    let mut all: Vec<String> = values.flat_map(|value| shown(&value.parse().unwrap())).collect();
    all.sort();
    all
}

/// The relations in the output of `apt-cache showpkg`, by package.
fn read(output: &str) -> Vec<(&str, Vec<String>)> {
    let sections = output.split("Package: ").skip(1).map(|section| {
        let (name, rest) = section.split_once('\n').unwrap();
        let (_, rest) = rest.split_once("\nDependencies: \n").unwrap();
        let (line, _) = rest.split_once("\nProvides: ").unwrap();
        let words: Vec<&str> = line.strip_prefix("1 - ").unwrap_or_default().split_whitespace().collect();
        let mut relations: Vec<String> = words.chunks(3).map(|words| words.join(" ")).collect();
        relations.sort();
        (name, relations)
    });
    sections.collect()
}

#[test]
fn apt_reads_every_stanza_as_dpkg_reads_the_package() {
    let environment = Environment::new(PROGRAM);
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let controls = controls();
    let names = (0..controls.len()).map(|number| format!("p{number}"));
    let mut stanzas: Vec<Stanza<'_>> =
        controls.iter().zip(names).filter_map(|(control, name)| stanza(control, &name)).collect();
    let made = stanzas.len();
    stanzas.extend(recorded());
    assert!(stanzas.len() > 600, "only {} control files are taken", stanzas.len());
    let file = environment.path("files/Packages");
    let ask = |stanzas: &[Stanza<'_>], command: &[&str]| {
        let text: Vec<&[u8]> = stanzas.iter().map(Item::as_bytes).collect();
        fs::write(&file, text.join(&b'\n')).unwrap();
        apt.cache(&[&["--with-source", file.as_str()], command].concat())
    };
    // dpkg takes them without a meaning; so does apt, and says so.
    let is_known = |line: &str| line.starts_with("W: Ignoring non-equal Provides for package ");
    let is_read = |stanzas: &[Stanza<'_>]| {
        let output = ask(stanzas, &["pkgnames"]);
        output.status == Some(0)
            && output.stderr.lines().all(is_known)
            && output.stdout.lines().count() >= stanzas.len()
    };
    if let Some(number) = unread(&stanzas, &is_read) {
        let output = ask(&stanzas[number..=number], &["pkgnames"]);
        panic!("apt does not read\n{}\n{output}", String::from_utf8_lossy(stanzas[number].as_bytes()));
    }
    // This also reads the descriptions.
    let show = |stanzas: &[Stanza<'_>]| {
        ask(stanzas, &["show"].into_iter().chain(stanzas.iter().map(Item::package)).collect::<Vec<_>>())
    };
    if let Some(number) = unread(&stanzas, &|stanzas: &[Stanza<'_>]| show(stanzas).status == Some(0)) {
        let output = show(&stanzas[number..=number]);
        panic!("apt does not show\n{}\n{output}", String::from_utf8_lossy(stanzas[number].as_bytes()));
    }
    stanzas.truncate(made);
    let mut command = vec!["showpkg"];
    command.extend(stanzas.iter().map(Item::package));
    let output = ask(&stanzas, &command).succeeds().stdout;
    let read = read(&output);
    assert_eq!(read.len(), stanzas.len());
    for (stanza, (name, relations)) in stanzas.iter().zip(read) {
        assert_eq!(name, stanza.package());
        assert_eq!(relations, wanted(stanza), "{}", String::from_utf8_lossy(stanza.as_bytes()));
    }
}

const SOURCE_FIELDS: [&str; 6] = [
    "Build-Depends",
    "Build-Depends-Arch",
    "Build-Depends-Indep",
    "Build-Conflicts",
    "Build-Conflicts-Arch",
    "Build-Conflicts-Indep",
];

/// Fields of source packages that are taken: a name and a value.
fn source_fields() -> Vec<(&'static str, String)> {
    let mut generator = Generator::new(12);
    let made = (0..1500).map(|_| generator.relations(true));
    let known = seeds("relation_round_trip").into_iter().map(|value| String::from_utf8(value).unwrap());
    let own =
        ["a |", ",", "a,,b", "a [i386  amd64]", "a < !nocheck >", "a <!nocheck\n !x>"].map(str::to_owned);
    let values = own.into_iter().chain(known).chain(made);
    let fields =
        values.enumerate().map(|(number, value)| (SOURCE_FIELDS[number % SOURCE_FIELDS.len()], value));
    fields.filter(|(field, value)| dsc(field, value, "aa").is_ok()).collect()
}

fn dsc(field: &str, value: &str, name: &str) -> Result<Dsc, deb_parse::Error> {
    let value = value.trim_end();
    let text = format!(
        "Format: 1.0\nSource: {name}\nBinary: {name}\nArchitecture: any\nVersion: 1\n{field}: {value}\n"
    );
    let dsc = Dsc::parse(text.as_bytes(), &Limits::default())?;
    dsc.check_relations(&Limits::default()).map(|()| dsc)
}

#[test]
fn apt_reads_what_a_source_package_needs() {
    let environment = Environment::new(PROGRAM);
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let stanza = |(number, (field, value)): (usize, &(&str, String))| {
        let file = IndexedFile {
            name: format!("s{number}_1.dsc"),
            size: 1,
            sha256: Sha256::from_bytes([1; 32]),
            md5: None,
            sha1: None,
        };
        let directory = RelPath::parse("pool").unwrap();
        let facts = SourceFacts { directory, section: None, files: vec![file] };
        Stanza::render_source(&dsc(field, value, &format!("s{number}")).unwrap(), &facts).unwrap()
    };
    let fields = source_fields();
    assert!(fields.len() > 300, "only {} are taken", fields.len());
    let stanzas: Vec<Stanza<'_>> = fields.iter().enumerate().map(stanza).collect();
    let text: Vec<&[u8]> = stanzas.iter().map(Item::as_bytes).collect();
    let archive = environment.path("files/archive");
    fs::create_dir(&archive).unwrap();
    fs::write(archive.join("Sources"), text.join(&b'\n')).unwrap();
    apt.source("own", &format!("Types: deb-src\nURIs: file:{archive}\nSuites: ./\nTrusted: yes\n"));
    let _ = apt.get(&["update"]).succeeds();
    // What is needed is not there; that it is understood is what counts.
    let ask = |stanzas: &[Stanza<'_>]| {
        let names = stanzas.iter().map(Item::package);
        apt.get(&["build-dep", "--simulate"].into_iter().chain(names).collect::<Vec<_>>())
    };
    let is_read = |stanzas: &[Stanza<'_>]| {
        let output = ask(stanzas);
        output.status.is_some()
            && !output.stderr.contains("Problem parsing")
            && !output.stderr.contains("Unable to get")
    };
    for stanzas in stanzas.chunks(100) {
        if let Some(number) = unread(stanzas, &is_read) {
            let output = ask(&stanzas[number..=number]);
            panic!("apt does not read\n{}\n{output}", String::from_utf8_lossy(stanzas[number].as_bytes()));
        }
    }
}

/// Prints each value in a file, which are separated by NULs, as Dpkg::Deps prints it; `?` for those that it does not read.
const PRINT: &str = r#"
use Dpkg::Deps;
open STDERR, '>', '/dev/null';
local $/ = "\0";
open my $file, '<', $ARGV[0] or die;
while (my $value = <$file>) {
    chomp $value;
    my $deps = eval { deps_parse($value, build_dep => 1) };
    print defined $deps ? "$deps" : '?', "\0";
}
"#;

/// The field in dpkg's database when a package that has it was unpacked; `None` when dpkg refuses the package.
fn unpacked(environment: &Environment, field: &str, value: &str) -> Option<String> {
    let root = environment.path(format!("dpkg-{}", fs::read_dir(environment.path("")).unwrap().count()));
    let database = root.join("var/lib/dpkg");
    for directory in ["info", "updates"] {
        fs::create_dir_all(database.join(directory)).unwrap();
    }
    fs::write(database.join("status"), "").unwrap();
    let control = format!(
        "Package: aa\nVersion: 1\nArchitecture: all\nMaintainer: A <a@b.c>\nDescription: b\n{field}: {value}\n"
    );
    let file = environment.write("files/probe.deb", package::with_control(&control));
    let root = format!("--root={root}");
    let options =
        ["dpkg", &root, "--force-depends", "--force-breaks", "--force-conflicts", "--unpack", file.as_str()];
    let output = environment.finish(&mut environment.other(&options));
    let status = fs::read(database.join("status")).unwrap();
    let written =
        deb822::paragraphs(&status).next().and_then(|paragraph| paragraph.get_str(field).map(str::to_owned));
    (output.status == Some(0)).then_some(written).flatten()
}

#[test]
fn what_is_rewritten_is_written_as_dpkg_prints_it() {
    let environment = Environment::new(PROGRAM);
    let is_there = |words: &[&str]| environment.finish(&mut environment.other(words)).status == Some(0);
    if !all_installed(&["perl", "dpkg"]) {
        return;
    }
    if !is_there(&["perl", "-MDpkg::Deps", "-e", "1"]) {
        return skipped("libdpkg-perl is not installed");
    }
    let mut generator = Generator::new(13);
    let fields = ["Provides"].into_iter().chain(FIELDS);
    let made = fields.cycle().take(4000).map(|field| (field, generator.relations(false)));
    let is_taken = |(field, value): &(&str, String)| {
        let text = format!("Package: aa\nVersion: 1\nArchitecture: all\n{field}: {value}\n");
        BinaryControl::parse(text.as_bytes(), &Limits::default()).is_ok()
    };
    let taken: Vec<_> = made.filter(is_taken).chain(source_fields()).collect();
    let rewritten: Vec<(&str, &str, String)> = taken
        .iter()
        .filter_map(|(field, value)| {
            Some((*field, value.trim(), canonical(field, value.trim().as_bytes()).unwrap()?))
        })
        .collect();
    assert!(rewritten.len() > 500, "only {} are rewritten", rewritten.len());
    let values: Vec<&str> = rewritten.iter().map(|(_, value, _)| *value).collect();
    let file = environment.write("files/values", values.join("\0"));
    let output = environment.finish(environment.other(&["perl", "-e", PRINT]).arg(file)).succeeds().stdout;
    let printed: Vec<&str> = output.split_terminator('\0').collect();
    assert_eq!(printed.len(), rewritten.len());
    let (mut compared, mut asked) = (0, 0);
    for ((field, value, text), printed) in rewritten.iter().zip(printed) {
        if value.contains("><") {
            // Dpkg::Deps takes that for a part of a name.
        } else if printed != "?" {
            assert_eq!(text, printed, "{field}: {value:?}");
            compared += 1;
        } else if asked < 40 && !field.starts_with("Build-") {
            asked += 1;
            // dpkg's database leaves out an epoch of 0.
            let text = text.replace(" 0:", " ");
            assert_eq!(Some(text), unpacked(&environment, field, value), "{field}: {value:?}");
        }
    }
    assert!(compared > 300 && asked > 20, "{compared} compared, {asked} asked");
}
