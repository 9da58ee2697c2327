//! The types that TypeScript sees, generated from the table of commands and from the Rust sources of what it names, so that there is no
//! second list to keep in step. The test at the foot fails while the file in the user interface is not current.
//!
//! It reads serde's attributes as far as the wallet's views use them, and panics at anything else: a type that it does not
//! understand must not slip through as `any`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use syn::{Attribute, Expr, Fields, GenericArgument, Item, ItemEnum, ItemStruct, Lit, Meta, PathArguments, Type, Visibility};

use crate::table::ROWS;

/// Where the types are defined, from this crate's folder.
const SOURCES: &[&str] = &[
    "src",
    "../core/src",
    "../../shared/identity/src/localized.rs",
    "../../shared/ledger/src/records.rs",
    "../../shared/wire/src/issuer.rs",
];
/// The file that is generated.
const OUTPUT: &str = "../ui/src/commands.gen.ts";
/// Types that JSON has as texts.
const TEXTS: &[&str] = &["String", "str", "Url", "Did", "PartyId", "PublicKey", "Pin", "Picture", "Words", "FileBytes"];
const NUMBERS: &[&str] = &["u8", "u16", "u32", "u64", "i64", "usize", "UnixSeconds"];

const HEADER: &str = "// Generated from wallet-app/commands and the sources of what it names. To make it anew:
// YUFU_WRITE_TYPES=1 cargo test -p wallet-commands the_types

";

enum Definition {
    Struct(ItemStruct),
    Enum(ItemEnum),
}

/// Every public type by its name, as often as there is one.
type Definitions = BTreeMap<String, Vec<Definition>>;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        entries.iter().for_each(|entry| rust_files(entry, found));
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        found.push(path.to_owned());
    }
}

fn definitions() -> Definitions {
    let mut files = Vec::new();
    SOURCES.iter().for_each(|source| rust_files(&here().join(source), &mut files));
    let mut definitions = Definitions::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for item in parsed.items {
            let (name, definition) = match item {
                Item::Struct(item) if matches!(item.vis, Visibility::Public(_)) => {
                    (item.ident.to_string(), Definition::Struct(item))
                }
                Item::Enum(item) if matches!(item.vis, Visibility::Public(_)) => (item.ident.to_string(), Definition::Enum(item)),
                _ => continue,
            };
            definitions.entry(name).or_default().push(definition);
        }
    }
    definitions
}

/// What serde is told about an item, field or variant.
#[derive(Default)]
struct Serde {
    tag: Option<String>,
    rename_all: Option<String>,
    flatten: bool,
    optional: bool,
}

fn serde(attributes: &[Attribute]) -> Serde {
    let mut found = Serde::default();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        attribute
            .parse_nested_meta(|meta| {
                let name = meta.path.get_ident().expect("serde's words are single").to_string();
                let value = match meta.value() {
                    Ok(value) => match value.parse::<Lit>()? {
                        Lit::Str(text) => Some(text.value()),
                        _ => None,
                    },
                    Err(_) => None,
                };
                match (name.as_str(), value) {
                    ("tag", value) => found.tag = value,
                    ("rename_all", value) => found.rename_all = value,
                    ("flatten", None) => found.flatten = true,
                    ("default", _) | ("skip_serializing_if", Some(_)) => found.optional = true,
                    ("deny_unknown_fields", None) | ("serialize_with", Some(_)) => {}
                    (other, _) => panic!("serde({other}) is not understood"),
                }
                Ok(())
            })
            .unwrap();
    }
    found
}

fn documentation(attributes: &[Attribute]) -> String {
    let line = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    let text = attributes.iter().filter_map(line).collect::<Vec<_>>().join(" ");
    text.replace("*/", "")
}

/// The text of a documentation comment as `stringify!` writes it: an attribute, in as many lines as it likes.
fn documented(attribute: &str) -> &str {
    let text = attribute.split_once('"').and_then(|(_, rest)| rest.rsplit_once('"'));
    text.map_or(attribute, |(text, _)| text).trim_start_matches("///").trim()
}

fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for (number, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && number > 0 {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

fn renamed(name: &str, rule: Option<&str>) -> String {
    match rule {
        Some("snake_case") => snake_case(name),
        Some("lowercase") => name.to_lowercase(),
        None => name.to_owned(),
        Some(other) => panic!("serde(rename_all = {other:?}) is not understood"),
    }
}

/// Writes types, and what they name, once each.
struct Writer {
    definitions: Definitions,
    written: BTreeSet<String>,
    waiting: Vec<String>,
}

impl Writer {
    fn arguments(&mut self, arguments: &PathArguments) -> Vec<String> {
        let PathArguments::AngleBracketed(arguments) = arguments else { return Vec::new() };
        let types = arguments.args.iter().filter_map(|argument| match argument {
            GenericArgument::Type(inner) => Some(inner),
            _ => None,
        });
        types.map(|inner| self.type_of(inner)).collect()
    }

    fn type_of(&mut self, of: &Type) -> String {
        let path = match of {
            Type::Path(path) => path,
            Type::Reference(reference) => return self.type_of(&reference.elem),
            _ => panic!("a type is neither a path nor a reference"),
        };
        let last = path.path.segments.last().expect("a path has a last part");
        let name = last.ident.to_string();
        let arguments = self.arguments(&last.arguments);
        match (name.as_str(), arguments.as_slice()) {
            (name, []) if TEXTS.contains(&name) => "string".to_owned(),
            (name, []) if NUMBERS.contains(&name) => "number".to_owned(),
            ("bool", []) => "boolean".to_owned(),
            ("Value", []) => "unknown".to_owned(),
            ("Option", [inner]) => format!("{inner} | null"),
            ("Vec", [inner]) if inner.contains(' ') => format!("({inner})[]"),
            ("Vec", [inner]) => format!("{inner}[]"),
            ("Box", [inner]) => inner.clone(),
            ("BTreeMap" | "Map", [_, inner]) => format!("Record<string, {inner}>"),
            (name, []) => {
                if self.written.insert(name.to_owned()) {
                    self.waiting.push(name.to_owned());
                }
                name.to_owned()
            }
            (name, _) => panic!("{name} with arguments is not understood"),
        }
    }

    /// The members of an object, and the types that are flattened into it.
    fn members(&mut self, fields: &Fields, optional: bool) -> (Vec<String>, Vec<String>) {
        let (mut members, mut flattened) = (Vec::new(), Vec::new());
        for field in fields {
            let attributes = serde(&field.attrs);
            let kind = self.type_of(&field.ty);
            if attributes.flatten {
                flattened.push(kind);
                continue;
            }
            let name = field.ident.as_ref().expect("a field has a name");
            let mark = if optional || attributes.optional { "?" } else { "" };
            members.push(format!("/** {} */ {name}{mark}: {kind};", documentation(&field.attrs)));
        }
        (members, flattened)
    }

    fn object(&mut self, item: &ItemStruct) -> String {
        let (members, flattened) = self.members(&item.fields, serde(&item.attrs).optional);
        let lines: String = members.iter().map(|member| format!("  {}\n", member.replace(" */ ", " */\n  "))).collect();
        let object = if lines.is_empty() { "Record<string, never>".to_owned() } else { format!("{{\n{lines}}}") };
        flattened.iter().fold(object, |object, other| format!("{object} & {other}"))
    }

    fn choice(&mut self, item: &ItemEnum) -> String {
        let Serde { tag, rename_all, .. } = serde(&item.attrs);
        let mut variants = Vec::new();
        for variant in &item.variants {
            let name = renamed(&variant.ident.to_string(), rename_all.as_deref());
            variants.push(match (&tag, &variant.fields) {
                (None, Fields::Unit) => format!("\"{name}\""),
                (Some(tag), Fields::Unit) => format!("{{ {tag}: \"{name}\" }}"),
                (Some(tag), Fields::Named(_)) => {
                    let (members, _) = self.members(&variant.fields, false);
                    format!("{{ {tag}: \"{name}\"; {} }}", members.join(" "))
                }
                (Some(tag), Fields::Unnamed(fields)) if fields.unnamed.len() == 1 => {
                    let inner = fields.unnamed.first().map(|field| self.type_of(&field.ty)).expect("it has one");
                    format!("({{ {tag}: \"{name}\" }} & {inner})")
                }
                _ => panic!("{}::{} is of a form that is not understood", item.ident, variant.ident),
            });
        }
        let separator = if tag.is_some() { "\n  | " } else { " | " };
        format!("{}{}", if tag.is_some() { separator } else { "" }, variants.join(separator))
    }

    fn write(&mut self, name: &str, output: &mut String) {
        let found = self.definitions.remove(name).unwrap_or_default();
        let [definition] = found.as_slice() else { panic!("there are {} public types named {name}", found.len()) };
        let (attributes, text) = match definition {
            Definition::Struct(item) => (&item.attrs, self.object(item)),
            Definition::Enum(item) => (&item.attrs, self.choice(item)),
        };
        writeln!(output, "/** {} */\nexport type {name} = {text};\n", documentation(attributes)).unwrap();
    }
}

fn generate() -> String {
    let mut writer = Writer { definitions: definitions(), written: BTreeSet::new(), waiting: vec!["Failure".to_owned()] };
    writer.written.insert("Failure".to_owned());
    let mut output = HEADER.to_owned();
    output.push_str("/** Each command with what it is given and what it gives. */\nexport type Commands = {\n");
    for (documentation, name, input, result) in ROWS {
        let documentation = documented(documentation);
        let mut ts = |text: &str| writer.type_of(&syn::parse_str::<Type>(text).unwrap());
        let (input, result) = (ts(input), ts(result));
        writeln!(output, "  /** {documentation} */\n  {name}: {{ input: {input}; output: {result} }};").unwrap();
    }
    output.push_str("};\n\n");
    let seconds = crate::open::LIMIT.as_secs();
    writeln!(output, "/** After so many seconds a command ends by itself. */\nexport const LIMIT_SECONDS = {seconds};\n")
        .unwrap();
    while let Some(name) = writer.waiting.pop() {
        writer.write(&name, &mut output);
    }
    output
}

#[test]
fn the_types_of_the_user_interface_are_those_of_the_commands() {
    let generated = generate();
    let path = here().join(OUTPUT);
    if std::env::var_os("YUFU_WRITE_TYPES").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == generated, "{} is not current; its first lines say how to make it anew", path.display());
}

#[test]
fn what_serde_does_to_a_view_is_what_typescript_is_told() {
    let generated = generate();
    for expected in [
        "  unlock: { input: Unlock; output: Status };",
        "  reveal_words: { input: WithPin; output: WordsShown };",
        "({ state: \"failed\" } & Explained)",
        "export type Stage = \"absent\" | \"locked\" | \"open\";",
        "{ stage: \"attested\"; /** The link to receive it by. */ offer: string; }",
        "({ stage: \"received\" } & CredentialView)",
        "} & RequestStage;",
        "  credentials?: Record<string, string[]>;",
        "  attempts_left: number | null;",
        "export type Localized = {",
    ] {
        assert!(generated.contains(expected), "{expected} is not in:\n{generated}");
    }
    assert!(!generated.contains(": any"), "nothing is left untyped:\n{generated}");
}
