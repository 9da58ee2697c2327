//! The window: what it shows, where it may go, and what the page in it may ask.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[cfg(mobile)]
use secure_element::SecureElementExt as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tauri::ipc::{Invoke, InvokeBody, InvokeResolver, Response};
use tauri::webview::{NewWindowResponse, PageLoadEvent, PageLoadPayload, PermissionKind, PermissionResponse};
use tauri::{App, AppHandle, Manager as _, Runtime, Url, WebviewWindow, WebviewWindowBuilder};
use tauri_plugin_deep_link::DeepLinkExt as _;
use tauri_plugin_opener::OpenerExt as _;
use wallet_commands::{Commands, Failure, Host, LinkRead};
use wallet_core::{DeviceStore, Environment, Explained, HardwareKeys, IssuanceEnd, Language, Side};
use zeroize::Zeroizing;

use crate::arguments::Arguments;
use crate::links::Links;
use crate::news::{self, News, Request, Unsent};
use crate::save::{self, ToSave};
use crate::setup::Setup;
use crate::weakened;

/// How often it is looked whether the wallet was unused for long enough.
const TICK: Duration = Duration::from_secs(5);
/// How often, in looks, departments and issuers are asked while the window is not in front.
const ASK_EVERY: u32 = 6;
/// Bytes that a call's input takes without growing, which would leave a copy behind that nobody wipes. No secret is longer; files are.
const INPUT_BYTES: usize = 16 * 1024;
/// Bytes of an address that is handed to a browser at most.
const MAX_ADDRESS_BYTES: usize = 16 * 1024;
/// The label of the one window, which the capabilities name.
const MAIN: &str = "main";

/// What is behind the page.
struct Behind {
    /// The wallet, or why there can be none.
    wallet: Result<Commands, Failure>,
    links: Links,
}

type Shared = Arc<Behind>;

/// Opens the window and returns when it was closed.
pub(crate) fn run() {
    let builder = tauri::Builder::default();
    // First, so that a second start hands its link over and ends before anything else begins.
    #[cfg(desktop)]
    let builder = builder.plugin(tauri_plugin_single_instance::init(|app, arguments, _| {
        linked(app, &arguments);
        to_the_front(app);
    }));
    #[cfg(mobile)]
    let builder = builder.plugin(secure_element::init());
    let built = builder
        .plugin(tauri_plugin_deep_link::init())
        .plugin(tauri_plugin_opener::Builder::new().open_js_links_on_click(false).build())
        .invoke_handler(answer)
        .setup(|app| Ok(open(app)?))
        .run(weakened::context(tauri::generate_context!()));
    built.expect("the window can be opened: a display and the system's webview library are there");
}

fn open(app: &mut App) -> tauri::Result<()> {
    let arguments = Arguments::of_this_program();
    let behind = Arc::new(Behind { wallet: wallet(app, &arguments), links: Links::default() });
    app.manage(Arc::clone(&behind));
    linked(app.handle(), &std::env::args().collect::<Vec<_>>());
    // Systems that hand a link over by an event, and not as an argument.
    let handle = app.handle().clone();
    app.deep_link().on_open_url(move |event| {
        linked(&handle, &event.urls().iter().map(Url::to_string).collect::<Vec<_>>());
        to_the_front(&handle);
    });
    tauri::async_runtime::spawn(watch(behind, app.handle().clone()));
    show(app)
}

/// Closes the wallet when it was not used for long enough, and tells what is new while the window is not in front.
async fn watch(behind: Shared, app: AppHandle) {
    let Ok(wallet) = &behind.wallet else { return };
    let (mut news, mut issuances) = (News::default(), wallet.issuances());
    for look in 0_u32.. {
        tokio::time::sleep(TICK).await;
        wallet.tick();
        let in_front = is_in_front(&app);
        let ends: Vec<IssuanceEnd> = std::iter::from_fn(|| issuances.try_recv().ok()).collect();
        let Some(heard) = look_around(wallet, &mut news, &ends, !in_front && look % ASK_EVERY == 0).await else {
            news.forget();
            continue;
        };
        for notice in heard.into_iter().filter(|_| !in_front) {
            let language = told::<Speaks>(wallet, "status", "{}").await.map_or_else(Language::default, |status| status.language);
            news::show(notice, language).await;
        }
    }
}

/// The language of `status`.
#[derive(Deserialize)]
struct Speaks {
    language: Language,
}

/// What is new; `None` while the wallet is closed. Departments are asked if `ask`; otherwise it is what the wallet knows. `ends` are of issuances
/// that the wallet asked about by itself.
async fn look_around(wallet: &Commands, news: &mut News, ends: &[IssuanceEnd], ask: bool) -> Option<Vec<news::Notice>> {
    let mut requests: Vec<Request> = told(wallet, "requests", "{}").await?;
    if ask {
        for pending in requests.iter().filter(|one| one.stage == "pending") {
            // A department that is away now is asked again.
            told::<Request>(wallet, "ask_department", &serde_json::json!({ "id": pending.id }).to_string()).await;
        }
        requests = told(wallet, "requests", "{}").await?;
    }
    let unsent: Vec<Unsent> = told(wallet, "unsent", "{}").await?;
    Some(news.hear(&requests, ends, &unsent))
}

/// What a command gives; `None` when it fails.
async fn told<T: DeserializeOwned>(wallet: &Commands, command: &str, input: &str) -> Option<T> {
    serde_json::from_slice(&wallet.call(command, input.as_bytes()).await.ok()?).ok()
}

/// Where it cannot be told, the person is taken to see the window.
fn is_in_front(app: &AppHandle) -> bool {
    app.get_webview_window(MAIN).is_none_or(|window| window.is_focused().unwrap_or(true))
}

/// The wallet of this device, closed.
fn wallet(app: &App, arguments: &Arguments) -> Result<Commands, Failure> {
    let unknown = |error: tauri::Error| {
        Failure::from(Explained::new(
            "no-folder",
            Side::Wallet,
            format!("系统没有给出保存钱包的位置（{error}）。请检查用户主目录是否存在。"),
            format!("The system names no place to keep a wallet in ({error}). See that your home directory is there."),
        ))
    };
    let folder =
        |named: &Option<PathBuf>, default: tauri::Result<PathBuf>| named.clone().map_or_else(|| default.map_err(unknown), Ok);
    let setup = folder(&arguments.setup, app.path().app_config_dir().map(|config| config.join(Setup::FILE)))?;
    let setup = Setup::load(&setup).map_err(|error| error.explain())?;
    let dir = folder(&arguments.folder, app.path().app_local_data_dir().map(|data| data.join("wallet")))?;
    Ok(Commands::new(Host {
        dir,
        config: setup.config(),
        departments: setup.departments,
        device: device_store(app),
        hardware: hardware(app),
        strength: None,
        environment: Environment::system(),
    }))
}

/// The operating system's key store.
#[cfg(desktop)]
fn device_store(_: &App) -> Arc<dyn DeviceStore> {
    Arc::new(wallet_core::OsKeyStore)
}

/// No desktop lets a program keep keys in hardware without rights of its own.
#[cfg(desktop)]
fn hardware(_: &App) -> Option<Arc<dyn HardwareKeys>> {
    None
}

#[cfg(mobile)]
fn device_store(app: &App) -> Arc<dyn DeviceStore> {
    Arc::new(app.secure_element())
}

/// The telephone's hardware, if it has such: keys in a file that only looks like hardware are better in the vault.
#[cfg(mobile)]
fn hardware(app: &App) -> Option<Arc<dyn HardwareKeys>> {
    let element = app.secure_element();
    element.is_in_hardware().unwrap_or(false).then(|| Arc::new(element) as Arc<dyn HardwareKeys>)
}

/// The one window, on the one page.
fn show(app: &App) -> tauri::Result<()> {
    let config = app.config().app.windows.first().expect("the configuration has a window");
    let window = WebviewWindowBuilder::from_config(app, config)?
        .on_navigation(|url| is_ours(url) || weakened::is_without("guard"))
        .on_new_window(|_, _| if weakened::is_without("guard") { NewWindowResponse::Allow } else { NewWindowResponse::Deny })
        .on_page_load(|window, page| loaded(&window, &page))
        .on_document_title_changed(|window, title| drop(window.set_title(&title)))
        .on_permission_request(|_, kind| permitted(kind))
        .enable_clipboard_access();
    with_camera(&window.build()?)
}

/// What the webview may use of the device: a camera and the clipboard, when a person presses the button for it. The page is ours alone.
fn permitted(kind: PermissionKind) -> PermissionResponse {
    match kind {
        PermissionKind::Camera | PermissionKind::ClipboardRead => PermissionResponse::Allow,
        _ => PermissionResponse::Deny,
    }
}

/// WebKitGTK has no way to a camera unless it is told so.
#[cfg(target_os = "linux")]
fn with_camera(window: &WebviewWindow) -> tauri::Result<()> {
    use webkit2gtk::{SettingsExt as _, WebViewExt as _};
    window.with_webview(|webview| {
        if let Some(settings) = webview.inner().settings() {
            settings.set_enable_media_stream(true);
            settings.set_enable_mock_capture_devices(weakened::is_without("real-camera"));
        }
    })
}

#[cfg(not(target_os = "linux"))]
fn with_camera(_: &WebviewWindow) -> tauri::Result<()> {
    Ok(())
}

/// Whether the window may go there: to its own page and nowhere else. The isolation frame is Tauri's to allow.
fn is_ours(url: &Url) -> bool {
    let (scheme, host) = (url.scheme(), url.host_str());
    let own = if cfg!(any(windows, target_os = "android")) { ("http", "tauri.localhost") } else { ("tauri", "localhost") };
    scheme == own.0 && host == Some(own.1)
}

fn loaded(window: &WebviewWindow, page: &PageLoadPayload<'_>) {
    if page.event() == PageLoadEvent::Started {
        window.state::<Shared>().links.page_is_new();
    }
}

/// Takes the links among what the application was opened with.
fn linked(app: &AppHandle, texts: &[String]) {
    if let Some(behind) = app.try_state::<Shared>() {
        for text in texts {
            behind.links.offer(text);
        }
    }
}

fn to_the_front(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(MAIN) {
        // A window manager that does not want to is not argued with.
        drop(window.unminimize().and_then(|()| window.set_focus()));
    }
}

/// Answers the page. Tauri has looked at the permission already: a command that the capability does not name does not come here.
fn answer<R: Runtime>(invoke: Invoke<R>) -> bool {
    let Invoke { message, resolver, .. } = invoke;
    let behind = Shared::clone(&message.webview_ref().state::<Shared>());
    let (app, name) = (message.webview_ref().app_handle().clone(), message.command().to_owned());
    let mut input = Zeroizing::new(Vec::with_capacity(INPUT_BYTES));
    if let InvokeBody::Json(given) = message.payload() {
        serde_json::to_writer(&mut *input, given).expect("JSON can be written to memory");
    }
    tauri::async_runtime::spawn(async move {
        match name.as_str() {
            "opened_link" => give(resolver, Ok(json(&behind.links.next().await))),
            "open_in_browser" => give(resolver, browse(&app, &input).map(|()| "{}".to_owned())),
            "save_file" => give(resolver, keep(&app, input).await),
            command => {
                let output = match &behind.wallet {
                    Ok(wallet) => wallet.call(command, &input).await,
                    Err(failure) => Err(failure.clone()),
                };
                give(resolver, output.map(|bytes| String::from_utf8(bytes).expect("JSON is UTF-8")));
            }
        }
    });
    true
}

fn give<R: Runtime>(resolver: InvokeResolver<R>, output: Result<String, Failure>) {
    match output {
        Ok(output) => resolver.resolve(Response::new(output)),
        Err(failure) => resolver.reject(failure),
    }
}

fn json(link: &Option<LinkRead>) -> String {
    serde_json::to_string(link).expect("texts are always JSON")
}

/// Input of `open_in_browser`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Address {
    url: String,
}

/// Hands an address to the browser: of the web, and nothing that another program would run.
fn browse<R: Runtime>(app: &AppHandle<R>, input: &[u8]) -> Result<(), Failure> {
    let refused = || {
        Failure::from(Explained::new(
            "address-not-opened",
            Side::Wallet,
            "无法在浏览器中打开这个地址。",
            "This address cannot be opened in a browser.",
        ))
    };
    let Address { url } = serde_json::from_slice(input).map_err(|_| refused())?;
    let url = Some(url).filter(|url| url.len() <= MAX_ADDRESS_BYTES).ok_or_else(refused)?;
    let url = Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "https" | "http")).ok_or_else(refused)?;
    app.opener().open_url(url.as_str(), None::<&str>).map_err(|_| refused())
}

/// Saves a file where a person finds it: among the downloads. No dialogue asks, so that it is the same on every system and by every
/// keyboard and reader; the answer says where it is.
async fn keep<R: Runtime>(app: &AppHandle<R>, input: Zeroizing<Vec<u8>>) -> Result<String, Failure> {
    // Where a desktop names no folder for downloads, browsers take this one.
    let folder = app.path().download_dir().or_else(|_| app.path().home_dir().map(|home| home.join("Downloads")));
    let folder = folder.map_err(|_| save::no_folder())?;
    let saved = tauri::async_runtime::spawn_blocking(move || {
        let file: ToSave = serde_json::from_slice(&input).map_err(|_| save::not_a_name())?;
        file.save_in(&folder)
    });
    let saved = saved.await.map_err(|_| save::no_folder())??;
    Ok(serde_json::to_string(&saved).expect("a text is always JSON"))
}

/// Tauri's own gate, without a window: in the real one, the guard and the policy let no other page come so far.
#[cfg(test)]
#[cfg(feature = "window-tests")]
mod tests {
    use tauri::test::{INVOKE_KEY, get_ipc_response, mock_builder};
    use tauri::webview::InvokeRequest;

    use super::*;

    fn asks(page: &str, command: &str) -> Result<String, String> {
        let behind = Arc::new(Behind { wallet: Err(Failure::locked()), links: Links::default() });
        let builder = mock_builder().manage(behind).invoke_handler(answer);
        let app = builder.build(tauri::generate_context!(test = true)).unwrap();
        let window = WebviewWindowBuilder::new(&app, MAIN, tauri::WebviewUrl::default()).build().unwrap();
        let request = InvokeRequest {
            cmd: command.to_owned(),
            callback: tauri::ipc::CallbackFn(0),
            error: tauri::ipc::CallbackFn(1),
            url: page.parse().unwrap(),
            body: InvokeBody::Json(serde_json::json!({})),
            headers: tauri::http::HeaderMap::new(),
            invoke_key: INVOKE_KEY.to_owned(),
        };
        let answered = get_ipc_response(&window, request);
        answered.map(|body| format!("{body:?}")).map_err(|refused| refused.to_string())
    }

    const OWN: &str = "tauri://localhost/";

    #[test]
    fn every_command_of_the_table_reaches_the_wallet_from_its_own_page() {
        for name in wallet_commands::NAMES {
            let refused = asks(OWN, name).unwrap_err();
            assert!(refused.contains("wallet-locked"), "{name} is answered by the wallet: {refused}");
        }
    }

    /// SEC-W5
    #[test]
    fn a_page_from_elsewhere_has_no_command() {
        let pages =
            ["http://127.0.0.1:7400/", "https://site.example/", "http://tauri.localhost.example/", "file:///tmp/page.html"];
        for page in pages.into_iter().chain(["data:text/html,x", "about:blank", "isolation://localhost/"]) {
            for name in ["status", "unlock", "opened_link"] {
                let refused = asks(page, name).unwrap_err();
                assert!(!refused.contains("wallet-locked"), "{page} reaches the wallet by {name}: {refused}");
                assert!(refused.contains("not allowed"), "{page}, {name}: {refused}");
            }
        }
    }

    #[test]
    fn its_own_page_has_no_command_of_tauris_and_none_that_no_row_names() {
        let commands =
            ["plugin:event|listen", "plugin:app|version", "plugin:window|close", "plugin:opener|open_url", "delete_all"];
        for name in commands {
            let refused = asks(OWN, name).unwrap_err();
            assert!(refused.contains("not allowed") || refused.contains("not found"), "{name}: {refused}");
        }
    }

    #[test]
    fn a_page_may_use_the_camera_and_the_clipboard_and_nothing_else_of_the_device() {
        for kind in [PermissionKind::Camera, PermissionKind::ClipboardRead] {
            assert!(matches!(permitted(kind), PermissionResponse::Allow), "{kind:?}");
        }
        for kind in [
            PermissionKind::Microphone,
            PermissionKind::Geolocation,
            PermissionKind::DisplayCapture,
            PermissionKind::Notifications,
        ] {
            assert!(matches!(permitted(kind), PermissionResponse::Deny), "{kind:?}");
        }
    }

    #[test]
    fn the_window_goes_to_its_own_page_only() {
        assert!(is_ours(&OWN.parse().unwrap()));
        for url in
            ["tauri://localhost.example/", "tauri://elsewhere/", "http://localhost/", "https://tauri.localhost/", "about:blank"]
        {
            assert!(!is_ours(&url.parse().unwrap()), "{url}");
        }
    }
}
