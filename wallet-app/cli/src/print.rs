//! Printing: one JSON value, or lines in the person's language.

use std::io::Write as _;

use identity::Localized;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use serde::Serialize;
use wallet_core::{Language, Slow};

use crate::failure::Failure;

/// How to print.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    /// JSON instead of lines.
    pub(crate) json: bool,
    /// The person's language.
    pub(crate) language: Language,
}

impl Printer {
    /// A printer.
    pub(crate) fn new(json: bool, language: Language) -> Self {
        Self { json, language }
    }

    /// A text in the person's language.
    pub(crate) fn of<'t>(&self, text: &'t Localized) -> &'t str {
        self.language.of(text)
    }

    /// One of two texts, by the person's language.
    pub(crate) fn say<'t>(&self, zh: &'t str, en: &'t str) -> &'t str {
        match self.language {
            Language::Zh => zh,
            Language::En => en,
        }
    }

    /// Prints the result: the value as JSON, or the lines.
    pub(crate) fn result<T: Serialize>(&self, value: &T, lines: impl FnOnce() -> Vec<String>) {
        if self.json {
            line(&serde_json::to_string(value).expect("views are maps with text keys"));
        } else {
            lines().iter().for_each(|text| line(text));
        }
    }

    /// Prints lines that are not the result: what a person reads before a question. Programs do not see them.
    pub(crate) fn lines(&self, lines: &[String]) {
        if !self.json {
            lines.iter().for_each(|text| line(text));
        }
    }

    /// Says on stderr that something takes longer than usual. Programs do not hear it.
    pub(crate) fn slow(&self, slow: &Slow) {
        if !self.json {
            // Whoever closed stderr does not want to know.
            let _ = writeln!(std::io::stderr(), "{}", self.of(&slow.sentence));
        }
    }

    /// Prints why a command ended early, on stderr.
    pub(crate) fn failure(&self, failure: &Failure) {
        let explained = failure.explain();
        let text = if self.json {
            serde_json::json!({ "error": explained }).to_string()
        } else if let Failure::SdJwt(reason) = failure {
            reason.clone()
        } else {
            format!("{}\n  ({}: {})", self.of(&explained.sentence), self.of(&explained.side.name()), explained.slug)
        };
        // Whoever closed stderr does not want to know.
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

/// A line on stdout. A reader that went away ends the output, not the command: what was done is done.
fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A QR code for a terminal, by half blocks; nothing where the text is too long for one.
pub(crate) fn qr(text: &str) -> Vec<String> {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::L) else { return Vec::new() };
    let drawn = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    drawn.lines().map(str::to_owned).collect()
}
