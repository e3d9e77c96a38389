//! The forms in which receivers understand an event.

use serde::Serialize;

use crate::payload::Payload;

/// The form in which a web server is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The payload itself.
    #[default]
    Json,
    /// A message for an incoming webhook of Slack.
    Slack,
    /// A message for an incoming webhook of Mattermost.
    Mattermost,
    /// A message in a room of Matrix, sent as a client sends it.
    Matrix,
    /// A message for a workflow of Microsoft Teams.
    Teams,
}

impl Format {
    /// Writes what is sent of an event.
    #[must_use]
    pub(crate) fn body(self, payload: &Payload) -> Vec<u8> {
        let text = &payload.text;
        match self {
            Self::Json => payload.to_json().into_bytes(),
            Self::Slack => json(&Message { text: slack(text) }),
            Self::Mattermost => json(&Message { text: mattermost(text) }),
            Self::Matrix => json(&MatrixMessage { msgtype: "m.notice", body: text }),
            Self::Teams => json(&teams(text)),
        }
    }
}

fn json(message: &impl Serialize) -> Vec<u8> {
    // Texts can always be written.
    serde_json::to_vec(message).unwrap_or_default()
}

#[derive(Serialize)]
struct Message {
    text: String,
}

/// A message as a client of Matrix sends it: programs send `m.notice`, which no other program answers.
#[derive(Serialize)]
struct MatrixMessage<'a> {
    msgtype: &'static str,
    body: &'a str,
}

#[derive(Serialize)]
struct TeamsMessage<'a> {
    r#type: &'static str,
    attachments: [Attachment<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attachment<'a> {
    content_type: &'static str,
    content: Card<'a>,
}

#[derive(Serialize)]
struct Card<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    r#type: &'static str,
    version: &'static str,
    body: [Block<'a>; 1],
}

#[derive(Serialize)]
struct Block<'a> {
    r#type: &'static str,
    inlines: [Run<'a>; 1],
}

#[derive(Serialize)]
struct Run<'a> {
    r#type: &'static str,
    text: &'a str,
}

/// A card with a run of text, which is the one block in which no markup is read.
fn teams(text: &str) -> TeamsMessage<'_> {
    let block = Block { r#type: "RichTextBlock", inlines: [Run { r#type: "TextRun", text }] };
    let content = Card {
        schema: "http://adaptivecards.io/schemas/adaptive-card.json",
        r#type: "AdaptiveCard",
        version: "1.4",
        body: [block],
    };
    let content_type = "application/vnd.microsoft.card.adaptive";
    TeamsMessage { r#type: "message", attachments: [Attachment { content_type, content }] }
}

/// The three characters by which Slack knows links and mentions.
fn slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Mattermost reads Markdown, and a name behind `@` calls people: a space of no width takes its meaning.
fn mattermost(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_{}[]()<>#~|!".contains(c) {
            shown.push('\\');
        }
        shown.push(c);
        if c == '@' {
            shown.push('\u{200b}');
        }
    }
    shown
}
