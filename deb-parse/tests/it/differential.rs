//! Control files made at random: what is taken, dpkg takes too, and reads the same out of it.

use crate::dpkg;
use crate::fixture::*;
use deb_parse::control::{Fields, MultiArch};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// Lines that are mostly sound, and mostly of fields that dpkg reads.
fn control() -> impl Strategy<Value = String> {
    let relation = "[a-c][a-c0-9.+-]{1,3}(:any)?( ?\\((>=|<<|=|<|>) ?[0-9:.~-]{1,4}\\))?( \\| [a-c]{2})?(, ?[a-c]{2}|,\n [a-c]{2}){0,2}";
    let line = prop_oneof![
        6 => ("(Depends|Recommends|Suggests|Enhances|Breaks|Conflicts|Provides|Replaces|Pre-Depends)", relation).prop_map(|(a, b)| format!("{a}: {b}")),
        2 => "(Priority|Section|Multi-Arch|Essential|Installed-Size|Source|Origin|Bugs): ?(no|yes|foreign|same|optional|12|libs|ab)?",
        1 => "X-[A-Z]{0,2}: ?[a-c:#. \t-]{0,6}(\n [.a-c]{1,3}){0,2}",
        1 => "(Revision|Class|Optional|recommended|Status): ?[a-c0-9]{0,2}",
        1 => "[ \t#A:a-]{0,3}",
    ];
    let head = "Package: (ab|a[a-b0-9+.-]{1,4})\nVersion: ([0-9]:)?[0-9][0-9a-b.~+-]{0,5}\nArchitecture: (all|amd64)";
    (head, prop::collection::vec(line, 0..4))
        .prop_map(|(head, lines)| format!("{head}\n{}\nDescription: x\n", lines.join("\n")))
}

#[test]
fn dpkg_reads_the_same_out_of_what_is_taken() {
    const FORMAT: &str = "${Package}\n${Version}\n${Architecture}\n${Essential}\n${Multi-Arch}\n${Installed-Size}\n${Recommends}\n";
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("probe.deb");
    let mut runner = TestRunner::deterministic();
    let (mut taken, mut refused) = (0, 0);
    while taken < 150 {
        let text = control().new_tree(&mut runner).unwrap().current();
        let bytes = with_control(&text);
        let Ok(package) = read(&bytes) else {
            refused += 1;
            continue;
        };
        taken += 1;
        std::fs::write(&path, &bytes).unwrap();
        let format = format!("--showformat={FORMAT}");
        let Some(output) = dpkg::run("dpkg-deb", &["-W", &format, path.to_str().unwrap()]) else { return };
        assert!(
            output.status.success(),
            "dpkg refuses:\n{text}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let theirs = String::from_utf8_lossy(&output.stdout).into_owned();
        let theirs: Vec<&str> = theirs.lines().collect();
        let control = &package.control;
        assert_eq!(theirs[0], control.package().as_str(), "{text}");
        assert_eq!(theirs[1].parse::<deb_parse::Version>().unwrap(), *control.version(), "{text}");
        assert_eq!(theirs[2], control.architecture().as_str(), "{text}");
        assert_eq!(theirs[3] == "yes", control.is_essential(), "{text}");
        let multi_arch = match theirs[4] {
            "same" => MultiArch::Same,
            "foreign" => MultiArch::Foreign,
            "allowed" => MultiArch::Allowed,
            _ => MultiArch::No,
        };
        assert_eq!(multi_arch, control.multi_arch().unwrap(), "{text}");
        assert_eq!(theirs[5].parse().ok(), control.installed_size(), "{text}");
        assert_eq!(
            theirs[6].parse::<deb_parse::relation::Relations>().unwrap(),
            control.recommends().unwrap(),
            "{text}"
        );
    }
    assert!(refused > 50, "{refused} refused: the texts are too tame");
}
