//! Sending what the citizen stated: one try for each time that they say so, and what came of it in words.

use clients::http::HttpError;
use clients::issuer::IssuerClient;
use clients::verifier::VerifierClient;
use identity::jose::jwk::Jwk;
use identity::jose::jws::{self, JwsHeader, Parsed};
use identity::json;
use identity::keys::{Algorithm, Signer};
use identity::{Localized, UnixSeconds};
use ledger::cell::Subject;
use ledger::records::PartyRecord;
use serde_json::Value;
use url::Url;
use wire::rights::{self, Acknowledgement, Done, Kept, PresentationDigest, Right, RightsRequest};

use super::{Statement, StatementError, StatementKind, StatementState};
use crate::chain;
use crate::consent::{ConsentRecord, ShownBy};
use crate::error::{Explained, Side, WalletError, explain_http};
use crate::history::{self, Event, HistoryEntry};
use crate::labels::{moment, printable};
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// Characters of what a site says that it keeps, and of a department's reference.
const MAX_WORDS: usize = 200;
/// How many things that a site keeps are told.
const MAX_KEPT: usize = 8;

/// What a try ended with.
enum Tried {
    /// There is nobody to send it to, or nothing to sign it with.
    Nobody(Localized),
    /// It has not got there.
    NotDelivered(&'static str, Localized),
    /// The other side did not take it.
    Refused(&'static str, Localized),
    /// The other side confirmed it.
    Acknowledged { at: UnixSeconds, answer: String, words: Localized },
}

impl Wallet {
    /// Sends a statement, or sends it again: once, and nothing by itself afterwards. One that was confirmed is given as it is.
    ///
    /// # Errors
    /// [`StatementError::Unknown`]; [`WalletError::Hardware`] when the key does not sign; [`WalletError::Waited`]. The statement is kept.
    pub async fn send_statement(&self, id: &str) -> Result<Statement, WalletError> {
        let statement: Option<Statement> = self.vault.get(Table::Statements, id)?;
        let statement = statement.ok_or(StatementError::Unknown)?;
        let side = match statement.kind {
            StatementKind::Withdrawal | StatementKind::Deletion => Side::Website,
            StatementKind::Report => Side::Department,
        };
        self.watched(side, Box::pin(self.send_statement_story(statement))).await
    }

    async fn send_statement_story(&self, mut statement: Statement) -> Result<Statement, WalletError> {
        if statement.state == StatementState::Acknowledged {
            return Ok(statement);
        }
        let tried = match statement.kind {
            StatementKind::Withdrawal => self.ask_site(&statement, Right::Withdrawal).await?,
            StatementKind::Deletion => self.ask_site(&statement, Right::Deletion).await?,
            StatementKind::Report => self.tell_department(&mut statement).await?,
        };
        self.note_outcome(statement, tried)
    }

    async fn ask_site(&self, statement: &Statement, kind: Right) -> Result<Tried, WalletError> {
        let consent = statement.consent.as_deref().unwrap_or_default();
        let record: Option<ConsentRecord> = self.vault.get(Table::Consents, consent)?;
        let Some(party) = record.and_then(|record| record.party()) else { return Ok(Tried::Nobody(not_registered(statement))) };
        let shown: Option<ShownBy> = self.vault.get(Table::Shown, consent)?;
        let Some(shown) = shown else { return Ok(Tried::Nobody(no_key(statement))) };
        let found = match chain::find::<PartyRecord>(self.chain.as_ref(), &Subject::Party(party)).await {
            Ok(found) => found,
            Err(error) => return Ok(not_delivered(error.explain(), statement)),
        };
        // A site that was suspended still has to answer for what it got.
        let Some((_, party)) = found.record else { return Ok(Tried::Nobody(not_registered(statement))) };
        let Ok(origin) = party.origin.parse::<Url>() else { return Ok(Tried::Nobody(not_registered(statement))) };
        let client = VerifierClient::new(self.http.clone());
        let endpoint = match client.rights_endpoint(&origin).await {
            Ok(endpoint) => endpoint,
            Err(error) if error.status() == Some(404) => return Ok(not_delivered(no_address(statement), statement)),
            Err(error) => return Ok(not_delivered(explain_http(Side::Website, &error), statement)),
        };
        let digest = PresentationDigest(shown.digest.0);
        let request = RightsRequest {
            aud: party.client_id.clone(),
            iat: self.now(),
            jti: statement.id.clone(),
            kind,
            presentation: digest,
        };
        let signed = self.sign_right(&shown, &request)?;
        Ok(match client.exercise(&endpoint, &signed).await {
            Ok(answer) => match read(&answer, &party, &request) {
                Some(acknowledged) => Tried::Acknowledged { at: acknowledged.iat, answer, words: confirmed(&acknowledged) },
                None => not_delivered(not_its_signature(statement), statement),
            },
            Err(HttpError::Problem { problem, .. }) if problem.status == 404 => {
                Tried::Refused("nothing-there", nothing_there(statement))
            }
            Err(error) => untaken(Side::Website, &error, statement),
        })
    }

    fn sign_right(&self, shown: &ShownBy, request: &RightsRequest) -> Result<String, WalletError> {
        let key = self.signer(&shown.key, Algorithm::P256, "shown")?;
        let header = JwsHeader { jwk: Some(Jwk::from(key.public_key())), ..JwsHeader::typ(rights::RIGHTS_REQUEST_TYPE) };
        let payload = serde_json::to_vec(request).expect("a request is always JSON");
        Ok(jws::sign_compact_with(&key, &header, &payload)?)
    }

    async fn tell_department(&self, statement: &mut Statement) -> Result<Tried, WalletError> {
        let about = self.about(statement.consent.as_deref().unwrap_or(&statement.origin), false)?;
        let sponsor = match self.sponsor(about.party).await {
            Ok(Some(sponsor)) => sponsor,
            Ok(None) => return Ok(Tried::Nobody(nobody_answers(statement))),
            Err(error) => return Ok(not_delivered(error.explain(), statement)),
        };
        statement.to = sponsor.name;
        let Some(address) = sponsor.issuer_url else { return Ok(Tried::Nobody(nobody_answers(statement))) };
        let Ok(url) = address.parse::<Url>() else { return Ok(Tried::Nobody(nobody_answers(statement))) };
        let Some(signed) = self.sign_report(statement, &about, Some(address))? else {
            return Ok(Tried::Nobody(nobody_answers(statement)));
        };
        statement.signed = Some(signed.clone());
        Ok(match IssuerClient::new(self.http.clone(), url).report(&signed).await {
            Ok(taken) => {
                let (id, to, at) = (printable(&taken.id, MAX_WORDS), &statement.to, moment(taken.received_at));
                let words = Localized::new(
                    format!(
                        "“{}”已于 {at} 收到举报，编号 {id}。其中有您的身份标识（DID）、网站、时间、信息名称（没有内容）和您写的原因。",
                        to.zh
                    ),
                    format!(
                        "{} received the report at {at}, as number {id}. It has your DID, the site, the time, names of claims (no values) and your reason.",
                        to.en
                    ),
                );
                Tried::Acknowledged { at: taken.received_at, answer: id, words }
            }
            Err(error) => untaken(Side::Department, &error, statement),
        })
    }

    /// Keeps what came of it, and tells the history.
    fn note_outcome(&self, mut statement: Statement, tried: Tried) -> Result<Statement, WalletError> {
        let event = match tried {
            Tried::Nobody(words) => {
                (statement.state, statement.sending) = (StatementState::Kept, words);
                None
            }
            Tried::NotDelivered(slug, words) => {
                (statement.state, statement.sending) = (StatementState::Waiting, words);
                Some((Event::StatementNotDelivered, Some(slug)))
            }
            Tried::Refused(slug, words) => {
                (statement.state, statement.sending) = (StatementState::Refused, words);
                Some((Event::StatementRefused, Some(slug)))
            }
            Tried::Acknowledged { at, answer, words } => {
                (statement.state, statement.sending) = (StatementState::Acknowledged, words);
                (statement.answered_at, statement.answer) = (Some(at), Some(answer));
                Some((Event::StatementAcknowledged, None))
            }
        };
        let entry = event.map(|(event, slug)| HistoryEntry {
            other_side: Some(statement.to.clone()),
            origin: Some(statement.origin.clone()),
            consent: statement.consent.clone(),
            reason: slug.map(str::to_owned),
            ..HistoryEntry::new(self.now(), event)
        });
        self.vault.write::<_, VaultError>(|batch| {
            batch.put(Table::Statements, &statement.id, &statement)?;
            entry.iter().try_for_each(|entry| history::record(batch, entry))
        })?;
        Ok(statement)
    }
}

/// The acknowledgement, if the key that the ledger has for the party signed it and it is about what was asked.
fn read(answer: &str, party: &PartyRecord, request: &RightsRequest) -> Option<Acknowledgement> {
    let verified = Parsed::parse(answer, &rights::ACKNOWLEDGEMENT).ok()?.verify(&party.ledger_key).ok()?;
    let object = json::parse_object(&verified.payload).ok()?;
    let acknowledged: Acknowledgement = serde_json::from_value(Value::Object(object)).ok()?;
    // Its `iss` may be an earlier client identifier of the same party: the answer stays as it was given first.
    (acknowledged.kind == request.kind && acknowledged.presentation == request.presentation).then_some(acknowledged)
}

fn untaken(side: Side, error: &HttpError, statement: &Statement) -> Tried {
    let explained = explain_http(side, error);
    let is_answer = error.status().is_some() && !error.is_temporary();
    if is_answer { Tried::Refused(explained.slug, explained.sentence) } else { not_delivered(explained, statement) }
}

fn not_delivered(why: Explained, statement: &Statement) -> Tried {
    let Explained { slug, sentence, .. } = why;
    let (zh, en) = by_hand(statement);
    let words = Localized::new(
        format!("{}声明已保存，可以再次发送{zh}。", sentence.zh),
        format!("{} The statement is kept: send it again{en}.", sentence.en),
    );
    Tried::NotDelivered(slug, words)
}

fn by_hand(statement: &Statement) -> (String, String) {
    match statement.kind {
        StatementKind::Withdrawal | StatementKind::Deletion => (
            format!("，或自行向网站（{}）提出；其中没有您的姓名和身份标识，网站可凭编号找到那次出示", statement.origin),
            format!(
                ", or hand it in at {} yourself. It has neither your name nor your DID; the site finds what you showed by the references",
                statement.origin
            ),
        ),
        StatementKind::Report => (
            format!("，或导出后自行交给“{}”", statement.to.zh),
            format!(", or export it and hand it to {} yourself", statement.to.en),
        ),
    }
}

fn nothing_was_sent(statement: &Statement, why_zh: &str, why_en: &str) -> Localized {
    let (zh, en) = by_hand(statement);
    Localized::new(
        format!("没有发送：{why_zh}。声明已保存，可以导出{zh}。"),
        format!("Nothing was sent: {why_en}. The statement is kept: export it{en}."),
    )
}

fn not_registered(statement: &Statement) -> Localized {
    nothing_was_sent(
        statement,
        "账本上没有登记该网站，无法核实它的接收地址",
        "the site is not registered on the ledger, so no address of it can be trusted",
    )
}

fn no_key(statement: &Statement) -> Localized {
    nothing_was_sent(
        statement,
        "当时出示所用的密钥不在这台设备上",
        "the key that showed the data is not on this device, and only it may ask",
    )
}

fn nobody_answers(statement: &Statement) -> Localized {
    nothing_was_sent(
        statement,
        "没有找到可以接收举报的主管部门，或此设备没有数字身份可以签名",
        "no department was found that takes reports about it, or this device has no identity to sign with",
    )
}

fn no_address(statement: &Statement) -> Explained {
    let origin = &statement.origin;
    Explained::new(
        "no-address",
        Side::Website,
        format!("网站（{origin}）没有提供接收此类请求的地址。"),
        format!("The site ({origin}) names no address for this."),
    )
}

fn not_its_signature(statement: &Statement) -> Explained {
    let origin = &statement.origin;
    Explained::new(
        "acknowledgement-not-signed",
        Side::Website,
        format!("网站（{origin}）的确认不是用它在账本上登记的密钥签名的，或与所问不符，不能作数。"),
        format!(
            "The site ({origin}) confirmed without the key that it has on the ledger, or something else; that does not count."
        ),
    )
}

fn nothing_there(statement: &Statement) -> Localized {
    let origin = &statement.origin;
    Localized::new(
        format!("网站（{origin}）回答：没有（或不再有）您那次出示的记录，保存期可能已过。如有疑问，可以举报该网站。"),
        format!(
            "The site ({origin}) says that it keeps nothing of what you showed, or not any more. If you doubt it, report the site."
        ),
    )
}

/// What was done and what is kept, in the site's own words as far as it has any.
fn confirmed(acknowledged: &Acknowledgement) -> Localized {
    let done: Vec<(&str, &str)> = acknowledged.done.iter().map(|done| done_in_words(*done)).collect();
    let join = |parts: Vec<String>, between: &str, nothing: &str| {
        if parts.is_empty() { nothing.to_owned() } else { parts.join(between) }
    };
    let done_zh = join(done.iter().map(|(zh, _)| (*zh).to_owned()).collect(), "，", "没有执行任何操作");
    let done_en = join(done.iter().map(|(_, en)| (*en).to_owned()).collect(), ", ", "nothing was done");
    let kept = || acknowledged.kept.iter().take(MAX_KEPT);
    let kept_zh = join(kept().map(|kept| kept_in_words(kept).zh).collect(), "；", "无");
    let kept_en = join(kept().map(|kept| kept_in_words(kept).en).collect(), "; ", "nothing");
    let at = moment(acknowledged.iat);
    Localized::new(
        format!("网站已于 {at} 确认，签名与账本登记的密钥相符：{done_zh}。仍保留：{kept_zh}。"),
        format!("The site confirmed at {at}, signed by its key on the ledger: {done_en}. It keeps: {kept_en}."),
    )
}

fn done_in_words(done: Done) -> (&'static str, &'static str) {
    match done {
        Done::ConsentMarkedWithdrawn => ("同意已标记为撤回", "your consent is marked as withdrawn"),
        Done::SessionsEnded => ("登录已结束", "your session is over"),
        Done::AttributesDeleted => ("所出示的信息已删除", "what you showed is deleted"),
    }
}

fn kept_in_words(kept: &Kept) -> Localized {
    let words = |text: &str| printable(text, MAX_WORDS);
    let (until_zh, until_en) = match kept.until {
        Some(until) => (format!("，至 {}", moment(until)), format!(", until {}", moment(until))),
        None => (String::new(), String::new()),
    };
    Localized::new(
        format!("{}（因为：{}{until_zh}）", words(&kept.what.zh), words(&kept.why.zh)),
        format!("{} (because: {}{until_en})", words(&kept.what.en), words(&kept.why.en)),
    )
}
