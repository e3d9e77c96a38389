//! Control files and `.dsc` files with relations in every form that somebody may write, always the same.

/// A small generator of numbers (xorshift).
#[derive(Debug)]
pub(super) struct Generator(u64);

const NAMES: [&str; 6] = ["aa", "bb", "c++", "lib-d.e", "0ad", "f"];
const BLANKS: [&str; 8] = ["", "", " ", " ", "\t", "  ", "\n ", " \n\t"];
const OPERATORS: [&str; 9] = ["", "=", "<", ">", "<<", ">>", "<=", ">=", "=>"];
const VERSIONS: [&str; 9] = ["1", "9", "12", "1.0", "1:2", "2-3", "1~rc1", "0:0", "x"];
const SEPARATORS: [&str; 12] = [",", ",", ",", ",", ",", "|", "|", "|", ",,", "||", "|,", ""];
const ARCHITECTURES: [&str; 5] = ["amd64", "i386", "!i386", "linux-any", "!armhf"];
const PROFILES: [&str; 4] = ["!nocheck", "nocheck", "!pkg.a.b_c", "stage1"];

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    pub(super) fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// Whether one of `of` cases is this one.
    fn hits(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    fn version(&mut self) -> String {
        let parts = [BLANKS, BLANKS, BLANKS].map(|blanks| self.one(&blanks));
        let [before, between, after] = parts;
        format!("({before}{}{between}{}{after})", self.one(&OPERATORS), self.one(&VERSIONS))
    }

    fn list(&mut self, (open, close): (char, char), of: &[&str]) -> String {
        let mut list = format!("{open}{}", self.one(&BLANKS));
        for number in 0..=self.below(3) {
            if number > 0 {
                list += self.one(&[" ", " ", "  ", "\n ", "\t"]);
            }
            list += self.one(of);
        }
        format!("{list}{}{close}", self.one(&BLANKS))
    }

    /// The value of a relationship field, with restrictions if it is one of a source package.
    pub(super) fn relations(&mut self, of_source: bool) -> String {
        let mut value = String::new();
        if of_source && self.hits(8) {
            value += self.one(&["\n ", ", ", "\n ,"]);
        }
        for number in 0..=self.below(3) {
            if number > 0 {
                value += self.one(&BLANKS);
                value += if of_source { self.one(&SEPARATORS) } else { self.one(&SEPARATORS[..8]) };
                value += self.one(&BLANKS);
            }
            value += self.one(&NAMES);
            value += self.one(&["", "", "", "", ":any", ":amd64"]);
            value += self.one(&BLANKS);
            if !self.hits(3) {
                value += &self.version();
            }
            if of_source && self.hits(3) {
                value += self.one(&BLANKS);
                value += &self.list(('[', ']'), &ARCHITECTURES);
            }
            while of_source && self.hits(3) {
                value += self.one(&BLANKS);
                value += &self.list(('<', '>'), &PROFILES);
            }
        }
        if of_source {
            value += self.one(&["", "", "", "", ",", " |", ",\n ,"]);
        }
        value.trim_end().to_owned()
    }

    /// A line of a field that may have no value.
    fn other_field(&mut self) -> String {
        let name = self.one(&[
            "Essential",
            "Multi-Arch",
            "Section",
            "Priority",
            "Homepage",
            "Tag",
            "Built-Using",
            "X-Y",
        ]);
        let value = match name {
            "Essential" => self.one(&["", "yes", "No"]),
            "Multi-Arch" => self.one(&["", "no", "Same", "FOREIGN", "allowed"]),
            "Built-Using" => self.one(&["", "aa (=1)", "?"]),
            "Priority" => self.one(&["", "optional", "Required", "?"]),
            _ => self.one(&["", "a", "a\n b", "caf\u{e9} \u{4e16}"]),
        };
        format!("{name}:{}{value}\n", self.one(&["", " ", "\t "]))
    }

    /// The fields of a binary package besides those that identify it.
    pub(super) fn fields(&mut self) -> String {
        let mut fields = String::new();
        let mut names = vec!["Provides"];
        names.extend(super::FIELDS);
        for name in names {
            if self.hits(4) {
                let value = if self.hits(6) { String::new() } else { self.relations(false) };
                fields += &format!("{name}:{}{value}\n", self.one(&["", " ", "\t "]));
            }
        }
        fields + &self.other_field()
    }
}
