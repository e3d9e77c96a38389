//! The book: every command in it is run, page by page, and must print what the page shows.
//!
//! `REPO_TEST_WRITE=1 cargo test -p repo-cli --test it book` writes what was printed into the pages.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};
use regex_lite::Regex;
use testkit::{Environment, Machine, Port};

use crate::PROGRAM;

const BOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/book/src");

/// The home directory of the person who follows the book.
const HOME: &str = "/home/ann";
/// Where the server of the book listens.
const PORT: &str = "8080";
/// A line that stands for any number of lines.
const ANY: &str = "[...]";

/// A command of a page, and what it prints.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    /// The number of its first line on the page.
    line: usize,
    /// Where the lines end that it prints.
    end: usize,
    command: String,
    printed: Vec<String>,
}

impl Step {
    /// Whether it happens on another machine.
    fn is_elsewhere(&self) -> bool {
        self.command.contains("web1")
    }
}

/// Reads the commands of a page: in blocks of `console`, after `$ `, with `> ` where they go on.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let (mut in_block, mut goes_on) = (false, false);
    for (line, text) in page.lines().enumerate() {
        if text.starts_with("```") {
            (in_block, goes_on) = (text == "```console", false);
        } else if !in_block {
            continue;
        } else if let Some(command) = text.strip_prefix("$ ") {
            let (command, printed) = (command.to_owned(), Vec::new());
            steps.push(Step { line, end: line + 1, command, printed });
            goes_on = true;
        } else {
            let step = steps.last_mut().expect("a block begins with a command");
            step.end = line + 1;
            match text.strip_prefix("> ").or((text == ">").then_some("")).filter(|_| goes_on) {
                Some(more) => step.command.extend(["\n", more]),
                None => {
                    step.printed.push(text.to_owned());
                    goes_on = false;
                }
            }
        }
    }
    steps
}

/// A person with a computer, and a machine `web1` if one can be made here.
struct Reader<'e> {
    environment: &'e Environment,
    home: Utf8PathBuf,
    machine: Option<Machine<'e>>,
    port: Port,
}

/// Commands for `web1` are carried out in its system; other hosts are this one.
const SSH: &str = "#!/bin/sh
while [ \"${1#-}\" != \"$1\" ]; do shift; done
host=${1#*@}; shift
[ \"$host\" != web1 ] && exec sh -c \"$*\"
export HOME=/root DEBIAN_FRONTEND=noninteractive
unset TMPDIR
";
const SCP: &str = "#!/bin/sh
for last; do :; done
to=${last#*:}
case $last in
*web1:*) mkdir -p $WEB1/root; to=$WEB1/root/${to:-.} ;;
*:/*) ;;
*) to=$HOME/$to ;;
esac
while [ $# -gt 1 ]; do cp \"$1\" \"$to\"; shift; done
";

/// Each sleep in the book waits for a server, which may take its time on a busy computer.
const WAIT: &str = "#!/bin/sh
for _ in $(seq 600); do
    [ \"$(cat ~/serve.log 2>/dev/null | grep -c '^serving')\" -ge 2 ] && exit
    /bin/sleep 0.1
done
";

impl<'e> Reader<'e> {
    fn new(environment: &'e Environment) -> Self {
        let home = environment.path("home");
        let machine = Machine::new(environment, "web1");
        if let Some(machine) = &machine {
            let _ = machine.run("echo 127.0.0.1 packages.example.com >> /etc/hosts").succeeds();
        }
        let web1 = machine.as_ref().map(|machine| machine.entering(&["sh", "-c"]));
        let enter = |words: Vec<String>| format!("exec {} \"cd && $*\"", quoted(&words));
        let enter = web1.map_or_else(|| "exit 0".to_owned(), enter);
        let reader = Self { environment, home, machine, port: Port::take() };
        fs::create_dir(environment.path("bin")).unwrap();
        let programs = [
            ("ssh", format!("{SSH}{enter}\n")),
            ("scp", SCP.to_owned()),
            ("sudo", "#!/bin/sh\nexec \"$@\"\n".to_owned()),
            ("sleep", WAIT.to_owned()),
            ("repo-cli", format!("#!/bin/sh\nexec {PROGRAM} \"$@\"\n")),
        ];
        for (name, text) in programs {
            let path = environment.write(&format!("bin/{name}"), text);
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        reader
    }

    /// Follows a page from its beginning to its end. Returns what each command printed.
    fn follow(&self, steps: &[Step]) -> Vec<String> {
        let mark = |number: usize| format!("\u{1}{number}\u{1}");
        let mut script = "exec 2>&1 </dev/null\ntrap 'kill $(jobs -p) 2>/dev/null' EXIT\n".to_owned();
        for (number, step) in steps.iter().enumerate() {
            let command = self.with_places(&step.command);
            writeln!(script, "printf '%s\\n' '{}'\n{command}", mark(number)).unwrap();
        }
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", self.environment.path("bin"));
        let script = self.environment.write("page.sh", script);
        let mut bash = self.environment.other(&["timeout", "900", "bash", script.as_str()]);
        bash.env("PATH", path).env("HOME", &self.home).env_remove("REPO_ROOT").env("REPO_ACTOR", "ann");
        bash.env("WEB1", self.environment.path("web1/changed")).current_dir(&self.home);
        let output = self.environment.finish(&mut bash);
        let mut rest = output.stdout.as_str();
        let mut printed = Vec::new();
        for number in 0..steps.len() {
            let (before, after) = rest.split_once(&format!("{}\n", mark(number))).unwrap_or((rest, ""));
            if number > 0 {
                printed.push(self.without_places(before));
            }
            rest = after;
        }
        printed.push(self.without_places(rest));
        printed
    }

    /// A command of the book as it is here.
    fn with_places(&self, text: &str) -> String {
        text.replace(HOME, self.home.as_str()).replace(PORT, &self.port.number().to_string())
    }

    /// What was printed here as the book has it.
    fn without_places(&self, text: &str) -> String {
        let text =
            text.replace(self.home.as_str(), HOME).replace(self.environment.path("tmp").as_str(), "/tmp");
        let text = text.replace(&format!(":{}/", self.port.number()), &format!(":{PORT}/"));
        // What the kernel of this computer lacks is not in the book.
        let is_lack = |line: &&str| line.starts_with("warning: ") && line.contains("Landlock");
        text.split_inclusive('\n').filter(|line| !is_lack(line)).collect()
    }
}

/// Words for a shell.
fn quoted(words: &[String]) -> String {
    let quote = |word: &String| format!("'{}'", word.replace('\'', r"'\''"));
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// What differs each time, besides what differs in every test.
static DIFFERS: LazyLock<Regex> = LazyLock::new(|| {
    let times = r"[0-9]+ (second|minute)s? ago|just now|only [0-9]+[ms]( [0-9]+s)?";
    let amounts = r"[0-9.]+ (bytes|[KMGT]iB|files|objects|publications|package files|published files)";
    let names =
        r"drill\.[0-9]+-[0-9]+|repo_[0-9a-f]{16}_[\w-]+|\b[0-9a-f]{16}\b|\w+ approved|approved by \w+";
    Regex::new(&format!("{times}|{amounts}|{names}")).unwrap()
});

/// Programs that a page may need and not every computer has.
const NEEDED: [&str; 3] = ["curl", "rsync", "dpkg-deb"];

/// Returns whether lines are what the book shows, but for what differs each time.
fn fits(shown: &[String], printed: &str) -> bool {
    let normalised = |text: &str| {
        let text = DIFFERS.replace_all(text, "<DIFFERS>");
        testkit::normalised(&text).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (shown, printed) = (normalised(&shown.join("\n")), normalised(printed));
    let mut parts = shown.split(|line| line == ANY);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = printed.strip_prefix(first) else { return false };
    let mut parts: Vec<&[String]> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(place) = rest.windows(part.len().max(1)).position(|lines| lines == part) else {
            return false;
        };
        rest = &rest[place + part.len()..];
    }
    rest.ends_with(last)
}

/// The page with what was printed.
fn rewritten(page: &str, steps: &[Step], printed: &[String]) -> String {
    let lines: Vec<&str> = page.lines().collect();
    let (mut text, mut at) = (String::new(), 0);
    for (step, printed) in steps.iter().zip(printed) {
        let begin = step.end - step.printed.len();
        for line in &lines[at..begin] {
            text.extend([*line, "\n"]);
        }
        if fits(&step.printed, printed) {
            step.printed.iter().for_each(|line| text.extend([line.as_str(), "\n"]));
        } else {
            printed.trim_end().lines().for_each(|line| text.extend([line.trim_end(), "\n"]));
        }
        at = step.end;
    }
    for line in &lines[at..] {
        text.extend([*line, "\n"]);
    }
    text
}

/// Follows a page, and returns how it differs from what happens.
fn follow(name: &str) -> String {
    let path = Utf8Path::new(BOOK).join(name);
    let page = fs::read_to_string(&path).unwrap();
    let steps = steps(&page);
    let is_used = |program: &&str| steps.iter().any(|step| step.command.contains(program));
    let needed: Vec<&str> = NEEDED.into_iter().filter(is_used).collect();
    if steps.is_empty() || !testkit::all_installed(&needed) {
        return String::new();
    }
    let environment = Environment::new(PROGRAM);
    let reader = Reader::new(&environment);
    let printed = reader.follow(&steps);
    let counts = |step: &Step| reader.machine.is_some() || !step.is_elsewhere();
    let differ = |(step, printed): &(&Step, &String)| counts(step) && !fits(&step.printed, printed);
    let wrong: Vec<_> = steps.iter().zip(&printed).filter(differ).collect();
    let is_written = std::env::var_os("REPO_TEST_WRITE").is_some_and(|value| value == "1");
    if is_written && !wrong.is_empty() {
        fs::write(&path, rewritten(&page, &steps, &printed)).unwrap();
        return String::new();
    }
    let mut told = String::new();
    for (step, printed) in wrong {
        let (line, shown) = (step.line + 1, step.printed.join("\n"));
        write!(told, "\n{name}:{line}: $ {}\nshown:\n{shown}\nprinted:\n{printed}\n", step.command).unwrap();
    }
    told
}

/// The pages, by their paths in the book.
fn pages() -> Vec<String> {
    let (mut pages, mut folders) = (Vec::new(), vec![Utf8PathBuf::from(BOOK)]);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir_utf8().unwrap().map(Result::unwrap) {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                folders.push(path.to_owned());
            } else if path.extension() == Some("md") && path.file_name() != Some("SUMMARY.md") {
                pages.push(path.strip_prefix(BOOK).unwrap().to_string());
            }
        }
    }
    pages.sort();
    pages
}

#[test]
fn every_command_prints_what_the_book_shows() {
    let pages = pages();
    assert!(pages.iter().any(|name| name == "tutorial.md"), "{pages:?}");
    let told: Vec<String> = std::thread::scope(|scope| {
        let followed: Vec<_> = pages.iter().map(|name| scope.spawn(|| follow(name))).collect();
        followed.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(told.iter().all(String::is_empty), "{}", told.concat());
}

#[test]
fn every_page_is_in_the_table_of_contents_and_every_link_leads_somewhere() {
    let contents = fs::read_to_string(format!("{BOOK}/SUMMARY.md")).unwrap();
    let link = Regex::new(r"\]\(([^)#:]+)(#[^)]*)?\)").unwrap();
    let included = Regex::new(r"\{\{#include ([^}]+)\}\}").unwrap();
    for name in pages().into_iter().chain(["SUMMARY.md".to_owned()]) {
        assert!(name == "SUMMARY.md" || contents.contains(&format!("({name})")), "{name}");
        let path = Utf8Path::new(BOOK).join(&name);
        let (here, page) = (path.parent().unwrap(), fs::read_to_string(&path).unwrap());
        let parts =
            included.captures_iter(&page).map(|found| fs::read_to_string(here.join(&found[1])).unwrap());
        // What stands in a document that a page takes in leads from the page.
        let text = parts.fold(page.clone(), |text, part| text + &part);
        for found in link.captures_iter(&text) {
            assert!(here.join(&found[1]).exists(), "{name}: {}", &found[1]);
        }
    }
}

#[test]
fn a_page_is_read_and_written_with_what_was_printed() {
    let page = "Text\n\n```console\n$ one \\\n> two\nout\n$ three\n```\n\n```sh\n$ not run\n```\nend\n";
    let steps = steps(page);
    let told: Vec<_> = steps.iter().map(|step| (step.command.as_str(), step.printed.join("|"))).collect();
    assert_eq!(told, [("one \\\ntwo", "out".to_owned()), ("three", String::new())]);
    let written = rewritten(page, &steps, &["new\nlines\n".to_owned(), "3\n".to_owned()]);
    let wanted = page.replace("out\n", "new\nlines\n").replace("$ three\n", "$ three\n3\n");
    assert_eq!(written, wanted);
    let shown = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    assert!(fits(&shown(&["a", ANY, "c"]), "a\nb\nb\nc\n") && fits(&shown(&[ANY]), ""));
    assert!(fits(&shown(&["a", ANY, "c", ANY, "e"]), "a\nb\nc\nd\ne\n"));
    assert!(!fits(&shown(&["a", ANY, "c"]), "a\nb\n") && !fits(&shown(&["a"]), "a\nb\n"));
}
