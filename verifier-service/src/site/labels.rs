//! What credential types and claims are called on the pages. A type or claim that is not listed is shown by its own name.

use service_kit::Language;

/// The name of a credential type.
pub fn credential(vct: &str, language: Language) -> String {
    match vct {
        "urn:yufu:vct:resident-identity:1" => language.pick("居民身份凭证", "Resident identity").to_owned(),
        "urn:yufu:vct:marital-status:1" => language.pick("婚姻状况凭证", "Marital status").to_owned(),
        other => other.to_owned(),
    }
}

/// The name of a claim.
pub fn claim(path: &str, language: Language) -> String {
    let (zh, en) = match path {
        "family_name" => ("姓", "Family name"),
        "given_name" => ("名", "Given name"),
        "id_number" => ("公民身份号码", "Identity number"),
        "birth_date" => ("出生日期", "Date of birth"),
        "gender" => ("性别", "Gender"),
        "address" => ("住址", "Address"),
        "portrait_sha256" => ("照片指纹", "Portrait fingerprint"),
        "marital_status" => ("婚姻状况", "Marital status"),
        "since" => ("登记日期", "Since"),
        other => return other.to_owned(),
    };
    language.pick(zh, en).to_owned()
}
