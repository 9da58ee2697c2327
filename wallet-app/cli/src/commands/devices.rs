//! `devices`, `join`, `add-device`, `name-device`, `remove-device`.

use identity::PublicKey;
use wallet_core::identity::DeviceView;
use wallet_core::{Devices, Language, Wallet};

use super::identity::make_unless_there;
use super::unlock;
use crate::arguments::{Arguments, JoinArguments};
use crate::ask;
use crate::failure::Failure;
use crate::print::{Printer, qr};

/// Lists the devices: as the ledger has them, or as they were last proven.
pub(crate) async fn list(wallet: &Wallet, offline: bool, printer: &Printer) -> Result<(), Failure> {
    let devices = if offline { wallet.known_devices()? } else { Some(wallet.devices().await?) };
    printer.result(&devices, || match &devices {
        Some(devices) => lines(devices, printer),
        None => vec![printer.say("尚未查询过账本。", "The ledger was never asked.").to_owned()],
    });
    Ok(())
}

fn lines(devices: &Devices, printer: &Printer) -> Vec<String> {
    let this = printer.say("（本机）", " (this device)");
    let line = |device: &DeviceView| {
        let name = device.name.as_deref().map(|name| format!("  {name}")).unwrap_or_default();
        format!("{}{}{name}", device.key, if device.this_device { this } else { "" })
    };
    let mut lines: Vec<String> = devices.devices.iter().map(line).collect();
    let (block, seconds) = (devices.as_of.height, devices.seconds_ago);
    lines.push(match printer.language {
        Language::Zh => format!("截至第 {block} 个区块，{seconds} 秒前。"),
        Language::En => format!("As of block {block}, {seconds} seconds ago."),
    });
    lines
}

/// On a new device: shows the link and the code, or joins by the answer.
pub(crate) async fn join(arguments: &Arguments, join: &JoinArguments, printer: &Printer) -> Result<(), Failure> {
    if let Some(welcome) = &join.welcome {
        let identity = unlock(arguments, printer)?.join(welcome).await?;
        let joined = printer.say("此设备已加入：", "This device joined: ");
        printer.result(&identity, || vec![format!("{joined}{}", identity.did)]);
        return Ok(());
    }
    let wallet = make_unless_there(arguments, &join.create, printer)?;
    let shown = wallet.ask_to_join()?;
    printer.result(&shown, || {
        let mut lines = qr(&shown.link);
        lines.push(shown.link.clone());
        lines.push(format!("{}{}", printer.say("核对码：", "Code: "), shown.code));
        lines.push(
            printer
                .say(
                    "在您的另一台设备上运行 `yufu-wallet add-device 链接` 并输入核对码，然后在这里运行 `yufu-wallet join 回复链接`。10 分钟内有效。",
                    "Run `yufu-wallet add-device LINK` on your other device and type the code there; then run `yufu-wallet join ANSWER` here. Good for 10 minutes.",
                )
                .to_owned(),
        );
        lines
    });
    Ok(())
}

/// On the first device: shows what it means, takes the code as the consent, adds the device, and prints the answer for it.
pub(crate) async fn add(wallet: &Wallet, link: &str, code: Option<&str>, printer: &Printer) -> Result<(), Failure> {
    let invite = wallet.open_device_link(&super::own_link(link)?)?;
    printer.lines(&[printer.of(&invite.view.sentence).to_owned()]);
    let question = printer.say(
        "同意请输入新设备上显示的核对码，直接回车表示取消：",
        "To agree, type the code that the new device shows, or press Enter to stop: ",
    );
    let code = match code {
        Some(code) => code.to_owned(),
        None => ask::answer(question)?.ok_or(Failure::Declined)?,
    };
    let devices = wallet.add_device(invite, &code).await?;
    let welcome = wallet.welcome_link()?;
    let result = serde_json::json!({ "devices": devices.devices, "as_of": devices.as_of, "welcome": welcome });
    printer.result(&result, || {
        let mut all = lines(&devices, printer);
        all.extend(qr(&welcome));
        all.push(format!("{}{welcome}", printer.say("给新设备的回复：", "The answer for the new device: ")));
        all
    });
    Ok(())
}

/// Calls a device by a name.
pub(crate) fn name(wallet: &Wallet, key: &PublicKey, name: &str, printer: &Printer) -> Result<(), Failure> {
    let devices = wallet.name_device(key, name)?;
    printer.result(&devices, || lines(&devices, printer));
    Ok(())
}

/// Removes a device.
pub(crate) async fn remove(wallet: &Wallet, key: &PublicKey, yes: bool, printer: &Printer) -> Result<(), Failure> {
    let question = printer.say(
        "该设备将立即失效，不能再以您的身份操作。确定吗？",
        "That device is dead from the next block on and cannot act for you any more. Are you sure?",
    );
    if !yes && !ask::yes(question)? {
        return Err(Failure::Declined);
    }
    let devices = wallet.remove_device(key).await?;
    printer.result(&devices, || lines(&devices, printer));
    Ok(())
}
