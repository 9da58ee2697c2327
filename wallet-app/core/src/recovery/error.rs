//! What can go wrong with backups, words, cards and recovery.

use super::WORDS;
use super::slip39::ShareError;
use crate::error::{Explained, Side};

/// Why nothing was recovered, or prepared for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// Another number of words.
    #[error("there are {0} words instead of {WORDS}")]
    WordCount(usize),
    /// A word that is not in the list; the first has the number 1.
    #[error("word {0} is not one of the list")]
    UnknownWord(usize),
    /// One word is wrong, or their order.
    #[error("the words do not fit together")]
    Checksum,
    /// A guardian's card cannot be read.
    #[error("the card cannot be read: {0}")]
    Card(&'static str),
    /// A card's words are wrong, or the cards do not fit together.
    #[error("the cards cannot be used: {0}")]
    Share(#[source] ShareError),
    /// The cards are of different identities.
    #[error("the cards belong to different identities")]
    OtherIdentity,
    /// This device has no recovery secret.
    #[error("this device has no recovery secret")]
    NoSecret,
    /// The secret is being replaced, and whether the ledger has the new one is not known yet.
    #[error("the recovery secret is being replaced")]
    Rotating,
    /// The file is no backup of a wallet.
    #[error("the file is not a wallet's backup")]
    NotABackup,
    /// The file was made by a newer version.
    #[error("the backup has version {0}, which this software does not know")]
    NewerBackup(u8),
    /// The file does not open by these words or cards, or was changed.
    #[error("the backup does not open by this secret, or was changed")]
    Sealed,
    /// The file opened and is not what a backup is.
    #[error("the backup's contents are not understood")]
    Contents,
    /// Too large.
    #[error("the backup is larger than allowed")]
    TooLarge,
    /// The backup or the cards are of another ledger.
    #[error("the backup belongs to another ledger")]
    OtherLedger,
    /// The ledger has no such identity.
    #[error("the ledger has no such identity")]
    UnknownIdentity,
    /// The ledger knows another recovery key: this one was used or replaced.
    #[error("the recovery secret is not the identity's any more")]
    Replaced,
    /// No recovery was begun.
    #[error("no recovery was begun")]
    NotBegun,
    /// A backup's credential that is not, or not any more, in the list.
    #[error("the backup brought no such credential")]
    UnknownCredential,
}

impl RecoveryError {
    /// The error in words.
    pub fn explain(&self) -> Explained {
        let (slug, zh, en) = match self {
            Self::WordCount(_) | Self::UnknownWord(_) | Self::Checksum | Self::Card(_) | Self::Share(_) | Self::OtherIdentity => {
                self.explain_secret()
            }
            Self::NotABackup | Self::NewerBackup(_) | Self::Sealed | Self::Contents | Self::TooLarge | Self::OtherLedger => {
                self.explain_backup()
            }
            Self::NoSecret
            | Self::Rotating
            | Self::UnknownIdentity
            | Self::Replaced
            | Self::NotBegun
            | Self::UnknownCredential => self.explain_identity(),
        };
        Explained::new(slug, Side::You, zh, en)
    }

    fn explain_secret(&self) -> (&'static str, String, String) {
        match self {
            Self::WordCount(count) => (
                "recovery-word-count",
                format!("恢复词应为 {WORDS} 个，您输入了 {count} 个。请对照抄写的纸逐个检查。"),
                format!("There are {WORDS} recovery words and you gave {count}. Compare them with your paper one by one."),
            ),
            Self::UnknownWord(number) => (
                "recovery-word-unknown",
                format!("第 {number} 个恢复词不在词表中，可能抄错了。请检查这个词。"),
                format!("Word {number} is not a recovery word; it may be misspelt. Check that word."),
            ),
            Self::Share(error) => {
                let (zh, en) = share(error);
                ("recovery-card-refused", zh, en)
            }
            Self::Card(what) => (
                "recovery-card-malformed",
                format!("恢复卡无法读取（{what}）。请重新扫描，或输入卡上的全部内容。"),
                format!("The guardian's card cannot be read: {what}. Scan it again, or type all that is on it."),
            ),
            Self::OtherIdentity => (
                "recovery-cards-differ",
                "这些恢复卡属于不同的身份。请使用同一身份的两张卡。".to_owned(),
                "These cards belong to different identities. Use two cards of the same one.".to_owned(),
            ),
            _ => (
                "recovery-words-wrong",
                "恢复词之间不匹配：有一个词抄错了，或顺序不对。请逐个检查。".to_owned(),
                "The words do not fit together: one is wrong, or their order. Check them one by one.".to_owned(),
            ),
        }
    }

    fn explain_backup(&self) -> (&'static str, String, String) {
        let (slug, zh, en) = match self {
            Self::NotABackup => (
                "backup-unknown-file",
                "这不是钱包的备份文件。请选择正确的文件。",
                "This is not a wallet's backup file. Choose the right one.",
            ),
            Self::NewerBackup(_) => (
                "backup-too-new",
                "备份由更新版本的软件制作。请更新软件后再恢复。",
                "The backup was made by a newer version of the software. Update, then restore it.",
            ),
            Self::Sealed => (
                "backup-sealed",
                "用这些恢复词或恢复卡打不开备份：它属于另一组恢复词，或文件已损坏。请检查恢复词，或换一份备份。",
                "The backup does not open by these words or cards: it belongs to others, or the file is damaged. Check the words, or take another copy.",
            ),
            Self::TooLarge => ("backup-too-large", "备份过大，无法处理。", "The backup is larger than this wallet handles."),
            Self::OtherLedger => (
                "backup-other-ledger",
                "备份属于另一个城市的账本。请用该城市的配置创建钱包后再恢复。",
                "The backup belongs to another city's ledger. Make the wallet with that city's configuration, then restore.",
            ),
            _ => (
                "backup-contents",
                "备份内容无法识别，未恢复任何内容。请更新软件，或换一份备份。",
                "The backup's contents are not understood; nothing was restored. Update the software, or take another copy.",
            ),
        };
        (slug, zh.to_owned(), en.to_owned())
    }

    fn explain_identity(&self) -> (&'static str, String, String) {
        let (slug, zh, en) = match self {
            Self::NoSecret => (
                "recovery-not-on-this-device",
                "此设备没有恢复密钥（它是由另一台设备添加的）。请在第一台设备上操作。",
                "This device has no recovery secret: another device added it. Do this on the first device.",
            ),
            Self::Rotating => (
                "recovery-rotating",
                "正在更换恢复密钥。请先完成更换（rotate），操作会从中断处继续。",
                "The recovery secret is being replaced. Finish that first; it goes on where it stopped.",
            ),
            Self::UnknownIdentity => (
                "recovery-identity-unknown",
                "账本上没有这个身份。请检查恢复卡或身份标识（DID），以及钱包连接的账本。",
                "The ledger has no such identity. Check the card or the DID, and which ledger the wallet is set up for.",
            ),
            Self::Replaced => (
                "recovery-replaced",
                "这组恢复词或恢复卡已被更换，不能再恢复身份。请使用最新的一组；如果不是您更换的，请立即联系签发部门。",
                "These words or cards were replaced and recover nothing any more. Use the newest ones; if you did not replace them, tell the issuing department at once.",
            ),
            Self::UnknownCredential => (
                "moved-credential-unknown",
                "没有这个待迁移的凭证。请查看列表。",
                "No such credential waits to be moved. Look at the list.",
            ),
            _ => (
                "recovery-not-begun",
                "尚未开始恢复。请先提供备份文件或恢复卡。",
                "No recovery was begun. Give the backup file or the cards first.",
            ),
        };
        (slug, zh.to_owned(), en.to_owned())
    }
}

fn share(error: &ShareError) -> (String, String) {
    match error {
        ShareError::Word(number) => (
            format!("卡上第 {number} 个词不在词表中，可能抄错了。请检查这个词。"),
            format!("Word {number} of the card is not in the list; it may be misspelt. Check that word."),
        ),
        ShareError::TooFew { have, need } => (
            format!("现有 {have} 张恢复卡，需要 {need} 张。请再找一位保管人。"),
            format!("{have} of {need} cards are here. Ask another guardian."),
        ),
        ShareError::TooMany { need, .. } => {
            (format!("恢复卡过多，只需 {need} 张。"), format!("There are more cards than needed; give exactly {need}."))
        }
        ShareError::Twice => {
            ("同一张恢复卡用了两次。请使用另一张。".to_owned(), "The same card was given twice. Use another one.".to_owned())
        }
        ShareError::OtherSet => (
            "这些恢复卡不是同一次制作的。请使用同一批的卡。".to_owned(),
            "The cards were not made together. Use cards of one set.".to_owned(),
        ),
        ShareError::Forged => (
            "恢复卡无法还原密钥：其中一张不是真的。请换一张卡再试。".to_owned(),
            "The cards give no secret: one of them is not genuine. Try another one.".to_owned(),
        ),
        ShareError::Length | ShareError::Checksum | ShareError::Malformed | ShareError::Secret | ShareError::Numbers => (
            "卡上的词不匹配：有一个词抄错了，或顺序不对。请逐个检查。".to_owned(),
            "The card's words do not fit together: one is wrong, or their order. Check them one by one.".to_owned(),
        ),
    }
}
