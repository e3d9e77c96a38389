//! Colours, as apt uses them: green for what is new, yellow for what changes, red for what goes, and names in bold.

use std::io::IsTerminal;

/// When output is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set or TERM is `dumb`
    #[default]
    Auto,
    Always,
    Never,
}

impl ColorChoice {
    /// Returns whether what is written to `stream` is coloured.
    pub(super) fn colors(self, stream: &impl IsTerminal) -> bool {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = || std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => stream.is_terminal() && !is_set("NO_COLOR") && !is_dumb(),
        }
    }
}

/// What a text is, as its colour says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    /// The name of a package.
    Name,
    /// Something new, or something that is as it should be.
    New,
    /// Something that changes, or that needs a person.
    Changed,
    /// Something that is removed, or wrong.
    Removed,
}

impl Style {
    /// Returns the style of what an action does to a package.
    pub(crate) fn of_action(action: &str) -> Self {
        match action {
            "add" | "restore" => Self::New,
            "replace" | "upgrade" => Self::Changed,
            "remove" => Self::Removed,
            _ => Self::Plain,
        }
    }

    /// Returns the escape sequences that begin and end the style.
    pub(super) fn sequences(self) -> (&'static str, &'static str) {
        match self {
            Self::Plain => ("", ""),
            Self::Name => ("\u{1b}[1m", "\u{1b}[0m"),
            Self::New => ("\u{1b}[32m", "\u{1b}[0m"),
            Self::Changed => ("\u{1b}[33m", "\u{1b}[0m"),
            Self::Removed => ("\u{1b}[31m", "\u{1b}[0m"),
        }
    }

    /// Returns the text in this style.
    pub(super) fn paint(self, text: &str) -> String {
        let (begin, end) = if text.is_empty() { ("", "") } else { self.sequences() };
        format!("{begin}{text}{end}")
    }
}

/// Returns a message with its first word, `error:` or `warning:`, in colour.
pub(super) fn paint_message(text: &str) -> String {
    for (word, style) in [("error:", Style::Removed), ("warning:", Style::Changed)] {
        if let Some(rest) = text.strip_prefix(word) {
            return format!("{}{rest}", style.paint(word));
        }
    }
    text.to_owned()
}
