use super::*;

fn last(version: &str) -> Option<&'static str> {
    let last = mentions(version).pop()?;
    Some(last.release.map_or("unknown", ReleaseName::series))
}

/// How versions name a release, for those that have a number.
fn styles(release: ReleaseName) -> Vec<String> {
    let (series, number) = (release.series(), release.number());
    let mut marks = vec![series.to_owned(), format!("{series}1"), format!("{series}.2023.1")];
    if release.distribution() == Debian && !number.is_empty() {
        let major = number.split('.').next().unwrap();
        for form in ["deb#", "deb#u1", "debian#", "debian#.1", "bpo#+1", "pgdg#0+1", "pgdg#+1"] {
            marks.push(form.replace('#', major));
        }
    } else if release.distribution() == Ubuntu {
        let joined = number.replace('.', "");
        for form in ["ubuntu#", "ubuntu#.1", "ubuntu0.#.1", "ubuntu2.#", "ubuntu.#", "pgdg#+1", "ubu#"] {
            marks.push(form.replace('#', number));
        }
        if joined.len() == 4 {
            marks.extend([format!("ubu{joined}"), format!("ubuntu{joined}")]);
        }
    }
    marks
}

#[test]
fn every_style_names_every_release() {
    for release in ReleaseName::all() {
        // Before 4.0 several releases of Debian shared a number.
        let is_shared =
            release.distribution() == Debian && release.number() < "4" && release.number().contains('.');
        for mark in
            styles(release).into_iter().filter(|mark| !is_shared || mark.starts_with(release.series()))
        {
            for start in ["1.2-1+", "1.2-1~", "1.2-1.", "1.2-1", "1.2.3-0ubuntu1~"] {
                let version = format!("{start}{mark}");
                // Such a number could be a counter of Ubuntu's changes.
                if start.ends_with("-1")
                    && mark.starts_with("ubuntu")
                    && !mark.contains(".04")
                    && !mark.contains(".06")
                {
                    continue;
                }
                assert_eq!(last(&version), Some(release.series()), "{version}");
            }
        }
        for mark in styles(release) {
            // A number of one digit could be a counter of changes for Debian there.
            let is_counter = mark.starts_with("debian") && !mark.starts_with("debian1");
            if !mark.starts_with(release.series()) && (is_shared || is_counter) {
                continue;
            }
            // The mark may stand before the revision as well.
            let version = format!("1.2.3-{mark}-1");
            assert_eq!(last(&version), Some(release.series()), "{version}");
        }
        if release.distribution() == Ubuntu {
            let number = release.number();
            if number.len() < 5 {
                continue;
            }
            for version in [format!("1.2-1~{number}"), format!("1.2-1ubuntu1~{number}.2")] {
                assert_eq!(last(&version), Some(release.series()), "{version}");
            }
        }
    }
}

#[test]
fn every_release_is_named_by_its_year_or_behind_a_hyphen_too() {
    for release in ReleaseName::all() {
        let number = release.number();
        let mut versions = Vec::new();
        if release.distribution() == Debian && number.len() == 2 {
            versions.push(format!("1.2-1debian-{number}"));
        } else if let Some((year, month)) = number.split_once('.').filter(|(year, _)| year.len() == 2) {
            versions.extend([format!("1.2-1~ub{number}"), format!("1.2-1~ub{year}{month}")]);
            let is_even = year.parse::<u32>().unwrap() % 2 == 0;
            if is_even && month == "04" {
                let styles = ["1.2-1~ubuntu#", "1.2-1~ubuntu-#", "1.2-1-ubuntu#", "1.2~ubuntu#", "1.2-1~ub#"];
                versions.extend(styles.map(|style| style.replace('#', year)));
            }
            if month == "04" {
                let marks = ["1.2-1+#", "1.2-1.#", "1.2-0.1+#.1", "1.2-0.1.#+1"];
                versions.extend(marks.map(|mark| mark.replace('#', number)));
            }
            if year >= "20" {
                versions.extend([format!("1.2-1ubuntu{number}"), format!("1.2-0ubuntu{number}.2")]);
            }
        }
        for version in versions {
            assert_eq!(last(&version), Some(release.series()), "{version}");
        }
    }
}

#[test]
fn every_release_is_named_by_the_first_letter_of_its_distribution_or_a_joined_number_too() {
    for release in ReleaseName::all() {
        let number = release.number();
        let mut marks = Vec::new();
        if release.distribution() == Debian && number.len() == 2 {
            for form in [".d#", "~d#", "-d#", "+d#", "~d#u1", "+d#+2", ".deb#", "+deb#", "-debian#"] {
                marks.push(form.replace('#', number));
            }
        } else if let Some((year, month)) = number.split_once('.').filter(|(year, _)| year.len() == 2) {
            for form in ["~#", "~u#", "+u#", ".u#", "-u#", "u#", "~ubu#", ".ub#"] {
                for number in [number.to_owned(), format!("{year}{month}")] {
                    marks.extend([form.replace('#', &number), format!("{}+1", form.replace('#', &number))]);
                }
            }
            if month == "04" && year.parse::<u32>().unwrap() % 2 == 0 {
                marks.extend(
                    ["~u#", ".u#", "-u#", "+u#", ".ubuntu#", ".ub#"].map(|form| form.replace('#', year)),
                );
            }
        }
        for mark in marks {
            for start in ["5-1", "1.2.3-0.1", "2:4-3+deb9u1"] {
                let version = format!("{start}{mark}");
                assert_eq!(last(&version), Some(release.series()), "{version}");
            }
            // Without a revision a hyphen would begin one, and only a tilde or plus sets a mark apart from the version.
            if mark.starts_with('~') {
                let version = format!("1.0{mark}");
                assert_eq!(last(&version), Some(release.series()), "{version}");
            }
        }
    }
}

#[test]
fn the_last_release_named_counts() {
    for (version, series) in [
        ("1.2-1+deb12u1~bpo11+1", "bullseye"),
        ("1.2-1+deb12u1~jammy1", "jammy"),
        ("24.0.7-1~debian.12~bookworm", "bookworm"),
        ("24.0.7-1~ubuntu.22.04~jammy", "jammy"),
        ("16.1-1.pgdg120+1", "bookworm"),
        ("1.2-1~bpo22.04.1", "jammy"),
        ("13.6ubuntu1~bpo20.04.1", "focal"),
        ("6.12-0xamarin1+debian10b1", "buster"),
        ("2.3-1~BOOKWORM1", "bookworm"),
        // Before a revision, or behind it with a hyphen or point.
        ("2.4.1-bookworm-1", "bookworm"),
        ("2.4.1-jammy1-1", "jammy"),
        ("2.4.1-rc1-trixie.2-1", "trixie"),
        ("2.4.1-deb12-1", "bookworm"),
        ("2.4.1-deb12u1-1", "bookworm"),
        ("2.4.1-debian11-1", "bullseye"),
        ("2.4.1-ubuntu22.04-1", "jammy"),
        ("1.0-1.debian.11", "bullseye"),
        ("1.0-1-debian11", "bullseye"),
        ("1.0~debian-11", "bullseye"),
        ("1.0-debian12", "bookworm"),
        // After a tilde or plus only.
        ("1.0-1~deb.12", "bookworm"),
        ("1.0-1~deb-12", "bookworm"),
        ("1.0-1~bpo.12+1", "bookworm"),
        ("1.0-1+u22.04", "jammy"),
        ("1.0-1+pop22.04", "jammy"),
        ("1.0-1~debianbookworm", "bookworm"),
        ("1.0-1~ubuntujammy1", "jammy"),
        // A hyphen before the number, where the version has a revision already.
        ("1.0-1debian-12", "bookworm"),
        // Twenty revisions for Ubuntu and ten updates of the last are rarer than a release.
        ("1.0-1ubuntu24.10", "oracular"),
        ("1.0-1ubuntu23.10.1", "mantic"),
        // A year alone means the release with long-term support.
        ("1.0-1~ubuntu22", "jammy"),
        ("1.0-1~ubuntu-22", "jammy"),
        ("1.0-1~ubuntu22.1", "jammy"),
        ("1.0-1-ubuntu22", "jammy"),
        ("1.0-1~ub2204", "jammy"),
        ("1.0-1~ub22.04.1", "jammy"),
        // Numbers that no release has yet.
        ("1.0+deb99u1", "unknown"),
        ("1.0-1~bpo99+1", "unknown"),
        ("1.0-1debian16", "unknown"),
        ("16.1-1.pgdg160+1", "unknown"),
        ("1.0-ubuntu28.04", "unknown"),
        ("1.0-0ubuntu0.28.04.1", "unknown"),
        ("1.0~ubuntu2804", "unknown"),
    ] {
        assert_eq!(last(version), Some(series), "{version}");
    }
}

#[test]
fn a_number_or_name_with_a_word_or_separator_beside_it_names_a_release() {
    for (version, series) in [
        ("1.0+ubuntu22", "jammy"),
        ("1.0+ubuntu22-1", "jammy"),
        ("1.0-1+ubuntu-22", "jammy"),
        ("1.0-ubuntu-22", "jammy"),
        ("1.0-ubuntu-22.04", "jammy"),
        ("1.0+ubuntu-22.04", "jammy"),
        ("1.0-ubuntu22-1", "jammy"),
        ("1.0+u22", "jammy"),
        ("1.0+u24+1", "noble"),
        ("1.0-1u22", "jammy"),
        ("1.0-0.1u20", "focal"),
        ("1.0-u22", "jammy"),
        ("1.0-1d12", "bookworm"),
        ("1.0-v22.04", "jammy"),
        ("1.0-1~v24.04.1", "noble"),
        ("1.0-1~lts2204", "jammy"),
        ("1.0-1~lts22.04", "jammy"),
        ("1.0-1~ubnt22.04", "jammy"),
        ("1.0-1~ubt2204", "jammy"),
        ("1.0+debian-12", "bookworm"),
        ("1.0-debian-12", "bookworm"),
        ("1.0-debian-10", "buster"),
        ("1.0+debian.12", "bookworm"),
        ("1.0-debian.12-1", "bookworm"),
        ("1.0-1debian.12", "bookworm"),
        ("1.0-1+debian~12", "bookworm"),
        ("1.0-1~debian+12", "bookworm"),
        ("1.0+deb.12", "bookworm"),
        ("1.0-1+deb.12u1", "bookworm"),
        ("1.0-deb-12", "bookworm"),
        ("1.0+deb-12", "bookworm"),
        ("1.0-1-deb-12", "bookworm"),
        ("1.0-1~raspbian12", "bookworm"),
        ("1.0-1+raspios-11", "bullseye"),
        ("1.0-bookwormsec1", "bookworm"),
        ("1.0~jammyppa1", "jammy"),
        ("1.0-1~ppajammy1", "jammy"),
        ("1.0-1+bookwormu1", "bookworm"),
        ("1.0-1~bullseyebackports2", "bullseye"),
        ("1.0-1+debbookworm1", "bookworm"),
        ("1.0-1~forforky1", "forky"),
        ("1.0-1+buildnoble.3", "noble"),
        ("1.0-1~NobleLTS1", "noble"),
        ("1.0-1~trixielocal1", "trixie"),
        ("1.0-1+deb12sec1", "bookworm"),
        ("1.0-1~deb12ppa2", "bookworm"),
        ("1.0-1~ubuntu22.04ppa1", "jammy"),
        ("1.0-1+22.04", "jammy"),
        ("1.0-1.22.04", "jammy"),
        ("1.0-0.1.24.04.1", "noble"),
        ("1:2.3-4+20.04+1", "focal"),
        ("1.0-1+24.10", "oracular"),
    ] {
        assert_eq!(last(version), Some(series), "{version}");
    }
}

#[test]
fn every_release_may_have_a_word_before_or_behind_it() {
    for release in ReleaseName::all() {
        let (series, number) = (release.series(), release.number());
        for start in ["1.0-", "1.0~", "1.0+", "1.0-1~", "1:1.0-2+", "1.0-3."] {
            let mut marks = Vec::new();
            if series.len() > 3 {
                for word in WORDS_BEHIND {
                    marks.push(format!("{series}{word}1"));
                }
                for word in WORDS_BEFORE {
                    marks.push(format!("{word}{series}1"));
                }
            }
            if release.distribution() == Debian && number.len() == 2 {
                marks.extend(WORDS_BEHIND.map(|word| format!("deb{number}{word}1")));
            }
            for version in marks.iter().map(|mark| format!("{start}{mark}")) {
                assert_eq!(last(&version), Some(series), "{version}");
            }
        }
    }
}

#[test]
fn a_number_behind_a_word_of_upstream_or_a_counter_is_no_release() {
    for version in [
        // Revisions in Debian.
        "0.8.1+debian-10",
        "0.8.1+debian-10+b2",
        "3.10.2+debian-13.1",
        "3.10.2+debian-14",
        "3.10.2+debian-14+b1",
        "2.4debian-12",
        // Counters.
        "1.0+u10",
        "1.0+ubuntu12",
        "1.0-1u12",
        "1.0-1+deb8x1",
        "1.0-3ubuntu22",
        "1.0-1+b1u22",
        "1.36+u20201117.d1b7ab6~dfsg-1",
        "1.0+u22-1",
        "20190301-lts1-2",
        "1.0+v22.04",
        "1.0-1~v10.10.1",
        "1.0-1+debian-9",
        // Other words and other distributions.
        "1.0-1.el9",
        "1.0-1.fc40",
        "1.0-1~mint21",
        "1.0-1+trixieland1",
        "1.0-1~sidebar",
        "1.0-1+inforce",
        "1.0-1~reboppa1",
    ] {
        assert_eq!(last(version), None, "{version}");
    }
    // The update of a release is not a year.
    assert_eq!(last("1.0-1+deb12u22"), Some("bookworm"));
    assert_eq!(last("1.0-1+deb11u24"), Some("bullseye"));
}

#[test]
fn what_names_no_release_is_left_alone() {
    for version in [
        "2.10-3",
        "255.4-1ubuntu8.10",
        "1.2-3ubuntu11.10",
        "1.2-3ubuntu4.10",
        "1.2-0ubuntu1",
        "1.2-3ubuntu2.1",
        "22.04.1-2",
        "1.0+22.04.20220101",
        "2023.04-1",
        "2.0+deb1",
        "2.0+deb120",
        "2.0+deb3u1",
        "2.0+trixieland",
        "2.0+debug12",
        "1.0~24.0",
        "1.0~24.041",
        "1.0+b12",
        "1.0~rc24.04",
        "0.3.1~10.10.1+ds1+~0.3.1-1",
        "1.1.0~11.10.7+ds1+~cs8.3.3-4",
        "0.7-groovy-2.0-4",
        "1.7.0.experimental-1",
        "0.8.1+debian-10+b2",
        "2.6+debian.4-4",
        "1.0-1bpo",
        "1.0+deb12rc1",
        "1.0~4.10",
        "1.0+aresid1",
        "0.01.1~debian-5",
        "2.3.1-debian1-4+b1",
        "2023-debian9-1",
        "1.4.0.10.debian.1-3+b1",
        "1.5c.debian.9-11",
        "2.4b1+debian-31",
        "1.2-3ubuntu28.10",
        "1.2-3ubuntu19.10",
        "2.4debian-13",
        "1.0-1debian-8",
        "1.0-1debian-99",
        "1.0-1~ubuntu23",
        "1.0-1~ubuntu3",
        "1.0-1ubuntu22",
        "1.0-1.ub2",
        "1.0-1.d5",
        "1.0-1.d99",
        "1.0.d12-1",
        "1.0+d12-1",
        "0~git20150711.d14ea06-4",
        "0~20200101-0.d12b3f",
        "1.0-1u1",
        "1.0-1+deb12x2204",
        "1.0-1.u23",
        "1.0-1.u2205",
        "1.0-1~2205",
        "1.0-1~22041",
        "1.0-1~2204rc1",
        "1.0-1~2010.10.3",
        "1.0~2204-1",
        "1.0-1+2204",
        "1.0-1.2204",
        // Not behind the number of a revision, or with a month that a counter could be.
        "1.0.22.04",
        "1.0+22.04-1",
        "1.0-22.04.1",
        "1.0-1.22.10",
        "1.0-1+18.10",
        "1.0-1.22.05",
        "1.0-1.9.04",
        "1.0-1+22.041",
        "1.0-1+22.04rc1",
        "1.0-1+2022.04",
        "1.0-1~12",
        "1.0+grub22.04",
        "1.0~28.04",
        "1.0+deb160",
        "1.0+ubuntu28.05",
    ] {
        assert_eq!(last(version), None, "{version}");
    }
}

fn is_debian() -> bool {
    std::fs::read_to_string("/etc/os-release").is_ok_and(|text| text.lines().any(|line| line == "ID=debian"))
}

#[test]
fn the_archive_of_this_machine_names_no_release_by_accident() {
    let output = std::process::Command::new("apt-cache").arg("dumpavail").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let versions = text.lines().filter_map(|line| line.strip_prefix("Version: "));
    for version in versions.map(|version| version.split_once(':').map_or(version, |(_, rest)| rest)) {
        for Mention { at, release } in mentions(version) {
            assert!(version[at..].starts_with(|c: char| c.is_ascii_alphabetic()), "{version}: {release:?}");
            // What is built for Debian is not for a release of Ubuntu, whatever style it is in.
            if is_debian() {
                let is_ubuntus = release.is_some_and(|release| release.distribution() == Ubuntu);
                assert!(!is_ubuntus, "{version}: {release:?}");
            }
        }
    }
}
