//! The one strict parser for JSON that somebody signed, or that decides about something signed.
//!
//! Two parsers that read the same bytes differently are an attack (RFC 8725 section 2.4, RFC 7493). So everything that JSON
//! leaves open is refused here: names that appear twice in one object, at any depth; text that is not UTF-8 or has lone
//! surrogates; NUL in names; numbers that no double can hold; negative zero; bytes after the value; more depth, names or bytes
//! than the [`Limits`]. What passes is an ordinary [`serde_json::Value`]. Integers from −2⁶³ to 2⁶⁴−1 are kept exactly; any
//! other number becomes the nearest double, as RFC 7493 section 2.2 warns.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How much JSON is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of text.
    pub bytes: usize,
    /// Most objects and arrays inside one another; a bare scalar has depth 0. At most 100.
    pub depth: usize,
    /// Most members of objects in all.
    pub names: usize,
}

/// The limits for signed JSON: 64 KiB, depth 32, 512 names.
pub const SIGNED: Limits = Limits { bytes: 64 * 1024, depth: 32, names: 512 };

/// Why a text is not JSON that we act upon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text is longer than the limit.
    #[error("the JSON text has {length} bytes, more than the {limit} allowed")]
    TooLong {
        /// Bytes given.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Objects and arrays are nested too deep.
    #[error("the JSON text nests deeper than the {limit} levels allowed")]
    TooDeep {
        /// Levels allowed.
        limit: usize,
    },
    /// There are too many names.
    #[error("the JSON text has more than the {limit} names allowed")]
    TooManyNames {
        /// Names allowed.
        limit: usize,
    },
    /// An object has the same name twice.
    #[error("a name appears twice in one JSON object")]
    DuplicateName,
    /// A name contains U+0000.
    #[error("a name in the JSON text contains NUL")]
    NulInName,
    /// `-0`, which some read as `0` and some as `-0.0`.
    #[error("the JSON text contains negative zero, which parsers read differently")]
    NegativeZero,
    /// Not UTF-8, and so not JSON (RFC 8259 section 8.1).
    #[error("the JSON text is not UTF-8")]
    NotUtf8,
    /// Not an object where an object belongs.
    #[error("the JSON value is not an object")]
    NotAnObject,
    /// Any other breach of the grammar: lone surrogates, numbers out of range, bytes after the value.
    #[error("the JSON text is malformed: {0}")]
    Malformed(String),
}

impl JsonError {
    /// The slug of this error, for machines.
    pub fn slug(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "json-too-long",
            Self::TooDeep { .. } => "json-too-deep",
            Self::TooManyNames { .. } => "json-too-many-names",
            Self::DuplicateName => "json-duplicate-name",
            Self::NulInName => "json-nul-in-name",
            Self::NegativeZero => "json-negative-zero",
            Self::NotUtf8 => "json-not-utf8",
            Self::NotAnObject => "json-not-an-object",
            Self::Malformed(_) => "json-malformed",
        }
    }
}

/// Parses signed JSON within [`SIGNED`].
pub fn parse_strict(text: &[u8]) -> Result<Value, JsonError> {
    parse_within(text, &SIGNED)
}

/// Parses a signed JSON object within [`SIGNED`].
pub fn parse_object(text: &[u8]) -> Result<Map<String, Value>, JsonError> {
    match parse_strict(text)? {
        Value::Object(map) => Ok(map),
        _ => Err(JsonError::NotAnObject),
    }
}

/// Parses JSON as strictly, within other limits.
pub fn parse_within(text: &[u8], limits: &Limits) -> Result<Value, JsonError> {
    if text.len() > limits.bytes {
        return Err(JsonError::TooLong { length: text.len(), limit: limits.bytes });
    }
    let text = std::str::from_utf8(text).map_err(|_| JsonError::NotUtf8)?;
    let state = State { limits, names: Cell::new(0), fault: Cell::new(None) };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = Seed { state: &state, depth: 0 }.deserialize(&mut deserializer);
    parsed
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| state.fault.take().unwrap_or_else(|| JsonError::Malformed(error.to_string())))
}

struct State<'a> {
    limits: &'a Limits,
    names: Cell<usize>,
    fault: Cell<Option<JsonError>>,
}

impl State<'_> {
    /// Remembers the typed reason; serde carries only a text.
    fn refuse<E: de::Error>(&self, fault: JsonError) -> E {
        let error = E::custom(&fault);
        self.fault.set(Some(fault));
        error
    }
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    state: &'a State<'a>,
    depth: usize,
}

impl Seed<'_> {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        let limit = self.state.limits.depth;
        if self.depth >= limit {
            return Err(self.state.refuse(JsonError::TooDeep { limit }));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        if value == 0.0 && value.is_sign_negative() {
            return Err(self.state.refuse(JsonError::NegativeZero));
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut elements = Vec::new();
        while let Some(element) = access.next_element_seed(inner)? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut members = Map::new();
        while let Some(name) = access.next_key_seed(Name(self.state))? {
            if members.contains_key(&name) {
                return Err(self.state.refuse(JsonError::DuplicateName));
            }
            let value = access.next_value_seed(inner)?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

struct Name<'a>(&'a State<'a>);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = String;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<String, E> {
        let limit = self.0.limits.names;
        if self.0.names.replace(self.0.names.get() + 1) >= limit {
            return Err(self.0.refuse(JsonError::TooManyNames { limit }));
        }
        if name.contains('\0') {
            return Err(self.0.refuse(JsonError::NulInName));
        }
        Ok(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slug(text: &str) -> &'static str {
        parse_strict(text.as_bytes()).expect_err("refused").slug()
    }

    /// SEC-S5: names twice, at the top, nested, and once spelled with an escape.
    #[test]
    fn refuses_a_name_that_appears_twice_in_one_object() {
        assert_eq!(slug(r#"{"a":1,"a":1}"#), "json-duplicate-name");
        assert_eq!(slug(r#"{"x":[{"a":1,"b":2,"a":3}]}"#), "json-duplicate-name");
        assert_eq!(slug(r#"{"a":1,"\u0061":2}"#), "json-duplicate-name");
        assert!(parse_strict(br#"{"a":{"a":1},"b":[{"a":1},{"a":2}]}"#).is_ok());
    }

    /// SEC-S5: depth 10,000, and the exact edge of the limit.
    #[test]
    fn refuses_more_than_32_levels() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse_strict(nested(32).as_bytes()).is_ok());
        assert_eq!(slug(&nested(33)), "json-too-deep");
        assert_eq!(slug(&nested(10_000)), "json-too-deep");
        assert_eq!(slug(&"{\"a\":".repeat(10_000)), "json-too-deep");
    }

    /// SEC-S5: 64 KiB and 512 names, and one more of each.
    #[test]
    fn refuses_more_bytes_or_names_than_the_limits() {
        let exact = format!("\"{}\"", "a".repeat(64 * 1024 - 2));
        assert!(parse_strict(exact.as_bytes()).is_ok());
        assert_eq!(slug(&format!("{exact} ")), "json-too-long");
        let names = |n: usize| {
            let members: Vec<String> = (0..n).map(|i| format!("\"{i}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(parse_strict(names(512).as_bytes()).is_ok());
        assert_eq!(slug(&names(513)), "json-too-many-names");
    }

    /// SEC-S5: NUL in names, lone surrogates, text that is not UTF-8.
    #[test]
    fn refuses_text_that_others_may_read_differently() {
        assert_eq!(slug("{\"a\\u0000b\":1}"), "json-nul-in-name");
        assert_eq!(slug(r#"["\ud800"]"#), "json-malformed");
        assert_eq!(slug(r#"["\udc00"]"#), "json-malformed");
        assert_eq!(slug(r#"{"\ud800\u0041":1}"#), "json-malformed");
        assert_eq!(parse_strict(b"\"\xff\"").expect_err("refused").slug(), "json-not-utf8");
        assert_eq!(parse_strict(b"\"\xed\xa0\x80\"").expect_err("refused").slug(), "json-not-utf8");
        assert_eq!(slug("\u{feff}{}"), "json-malformed");
        assert!(parse_strict(r#"["\ud83d\udc1f","鱼"]"#.as_bytes()).is_ok());
    }

    /// SEC-S5: 1e400 and -0, in every spelling.
    #[test]
    fn refuses_numbers_that_others_may_read_differently() {
        for text in ["1e400", "[-1e400]", "1e99999999999"] {
            assert_eq!(slug(text), "json-malformed", "{text}");
        }
        for text in ["-0", "-0.0", "-0e1", "-1e-400"] {
            assert_eq!(slug(text), "json-negative-zero", "{text}");
        }
        // Read to the nearest double and no other, which serde_json does only with its feature `float_roundtrip`.
        assert_eq!(parse_strict(b"3.733529824566336e-212").expect("valid").to_string(), "3.733529824566336e-212");
        for text in ["01", "+1", "1.", ".5", "NaN", "Infinity", "0x10", "--1"] {
            assert_eq!(slug(text), "json-malformed", "{text}");
        }
        assert_eq!(parse_strict(b"18446744073709551615").expect("valid"), Value::from(u64::MAX));
        assert_eq!(parse_strict(b"-9223372036854775808").expect("valid"), Value::from(i64::MIN));
        assert_eq!(parse_strict(b"0.5e1").expect("valid"), Value::from(5.0));
    }

    #[test]
    fn refuses_whatever_is_not_one_whole_value() {
        for text in ["", " ", "{} {}", "{}x", "{\"a\":1", "[1,]", "{\"a\":1,}", "'a'", "{a:1}", "\"\n\"", "nul", "// c\n1"] {
            assert_eq!(slug(text), "json-malformed", "{text:?}");
        }
        assert_eq!(parse_object(b"[1]"), Err(JsonError::NotAnObject));
        assert!(parse_object(b" { } ").expect("valid").is_empty());
    }
}
