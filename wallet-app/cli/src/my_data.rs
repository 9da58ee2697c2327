//! One's own data in a department's space, as lines for a person.

use wallet_core::labels::{claim, moment, printable};
use wallet_core::{AsOf, DepartmentData, Language};

use crate::print::Printer;
use crate::show;

/// A department: data, business, security.
pub(crate) fn department(department: &DepartmentData, printer: &Printer) -> Vec<String> {
    let mut lines = vec![format!("{}  {}", printer.of(&department.name), department.issuer)];
    lines.push(printer.say("  数据", "  Data").to_owned());
    for given in &department.given {
        lines.push(format!("    {}  {}", moment(given.at), printer.of(&given.type_name)));
        for attribute in &given.attributes {
            lines.push(format!(
                "      {}  ({}, {} B)  CID {}",
                printer.of(&attribute.name),
                attribute.media_type,
                attribute.bytes,
                attribute.cid
            ));
            for (name, value) in &attribute.claims {
                lines.push(format!(
                    "        {}: {}",
                    printer.of(&claim(name)),
                    printable(value.as_str().unwrap_or_default(), 200)
                ));
            }
        }
    }
    lines.extend(department.issued.iter().flat_map(|one| show::credential(one, printer)).map(|line| format!("    {line}")));
    lines.push(printer.say("  用途", "  Business").to_owned());
    lines.extend(department.uses.iter().map(|entry| format!("    {}", show::entry(entry, printer))));
    lines.push(printer.say("  安全", "  Security").to_owned());
    lines.extend(department.security.sentences.iter().map(|sentence| format!("    {}", printer.of(sentence))));
    for sealed in &department.security.sealed {
        let as_of = sealed.as_of.map(|as_of| block(as_of, printer)).unwrap_or_default();
        lines.push(format!("    {}  {}{as_of}", sealed.cid, printer.of(&sealed.integrity_name)));
    }
    for ending in &department.security.endings {
        lines.push(format!("    {}: {}  [{}]", printer.of(&ending.name), printer.of(&ending.how), ending.subject));
    }
    lines
}

fn block(as_of: AsOf, printer: &Printer) -> String {
    match printer.language {
        Language::Zh => format!("（截至第 {} 个区块）", as_of.height),
        Language::En => format!(" (as of block {})", as_of.height),
    }
}
