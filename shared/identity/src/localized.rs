//! A text that a person reads, in the two languages of the city.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// The same sentence in Chinese and in English.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[serde(deny_unknown_fields)]
pub struct Localized {
    /// Simplified Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Localized {
    /// Both languages of one text.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }

    /// The text for a language tag such as `zh-CN` or `en`: Chinese for tags that begin with `zh`, else English.
    pub fn in_language(&self, tag: &str) -> &str {
        if tag.get(..2).is_some_and(|t| t.eq_ignore_ascii_case("zh")) { &self.zh } else { &self.en }
    }
}
