//! What the application is made of, and what its configuration allows.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// Crates that only a desktop can be built with.
const OF_A_DESKTOP: &[&str] = &[
    "atk",
    "cairo-rs",
    "dbus",
    "dlopen2",
    "gdk",
    "gdk-pixbuf",
    "gdkx11",
    "gio",
    "glib",
    "gobject-sys",
    "gtk",
    "gtk-sys",
    "javascriptcore-rs",
    "keyring",
    "keyring-core",
    "libdbus-sys",
    "muda",
    "pango",
    "secret-service",
    "soup3",
    "tauri-plugin-single-instance",
    "webkit2gtk",
    "webkit2gtk-sys",
    "x11",
    "x11-dl",
    "zbus",
    "zbus-secret-service-keyring-store",
    "zbus_names",
    "zvariant",
];

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(here().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What the application is built from for a target, by cargo's own account.
fn crates_for(target: &str) -> BTreeSet<String> {
    let arguments =
        ["tree", "--package", "yufu-app", "--features", "window", "--edges", "normal", "--prefix", "none", "--locked"];
    let output = Command::new(env!("CARGO")).args(arguments).args(["--target", target]).current_dir(here()).output();
    let output = output.expect("cargo runs");
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn a_telephone_gets_nothing_that_only_a_desktop_has() {
    let desktop = crates_for("x86_64-unknown-linux-gnu");
    for name in OF_A_DESKTOP {
        assert!(desktop.contains(*name), "the list is one of crates that a desktop has: {name}");
    }
    for target in ["aarch64-linux-android", "aarch64-apple-ios"] {
        let crates = crates_for(target);
        assert!(crates.contains("tauri") && crates.contains("wallet-core"), "{target}: the list is not one of crates");
        let found: Vec<&&str> = OF_A_DESKTOP.iter().filter(|name| crates.contains(**name)).collect();
        assert!(found.is_empty(), "{target} would be built with {found:?}");
    }
}

/// Lines of a file without its comments, which may name what is not there.
fn uncommented(path: &str, begins: &str, ends: &str) -> String {
    let text = read(path);
    let mut parts = text.split(begins);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| kept + part.split_once(ends).unwrap_or_else(|| panic!("{path}: a comment ends")).1)
}

#[test]
fn what_is_laid_over_a_telephones_project_keeps_the_wallet_to_itself() {
    let manifest = uncommented("android/app/src/main/AndroidManifest.xml", "<!--", "-->");
    for expected in [
        "android:allowBackup=\"false\"",
        "android:fullBackupContent=\"false\"",
        "android:dataExtractionRules=\"@xml/data_extraction_rules\"",
        "android:usesCleartextTraffic=\"false\"",
        "<uses-permission android:name=\"android.permission.CAMERA\" />",
        "<uses-feature android:name=\"android.hardware.camera\" android:required=\"false\" />",
    ] {
        assert!(manifest.contains(expected), "{expected}");
    }
    assert!(!manifest.to_lowercase().contains("leanback"), "it is nothing for a television");
    assert_eq!(manifest.matches("<uses-permission").count(), 2, "the network and the camera, and nothing else");
    let rules = uncommented("android/app/src/main/res/xml/data_extraction_rules.xml", "<!--", "-->");
    for from in ["cloud-backup", "device-transfer"] {
        let rule = rules.split_once(&format!("<{from}")).and_then(|(_, rest)| rest.split_once(&format!("</{from}>")));
        assert!(rule.is_some_and(|(rule, _)| rule.contains("<exclude") && !rule.contains("<include")), "{from} takes nothing");
    }
    let activity = uncommented("android/app/src/main/java/org/yufu/wallet/MainActivity.kt", "//", "\n");
    let secure = "window.setFlags(WindowManager.LayoutParams.FLAG_SECURE, WindowManager.LayoutParams.FLAG_SECURE)";
    let (before, _) = activity.split_once("super.onCreate").expect("the activity is made");
    assert!(before.contains(secure), "before anything is drawn");
    let plist = uncommented("Info.ios.plist", "<!--", "-->");
    let (_, after) = plist.split_once("<key>NSCameraUsageDescription</key>").expect("it says what the camera is for");
    let said = after.trim_start().strip_prefix("<string>").and_then(|text| text.split_once("</string>"));
    assert!(said.is_some_and(|(said, _)| said.contains("QR") && said.contains("二维码")), "in both languages");
}

#[test]
fn the_bridge_of_the_pilot_is_no_part_of_it() {
    let crates = crates_for("x86_64-unknown-linux-gnu");
    for name in ["wallet-bridge", "city", "service-kit"] {
        assert!(!crates.contains(name), "the application is built with {name}");
    }
}

/// The interface that the application is compiled with has no way to the bridge, and the program has nothing of it.
#[cfg(feature = "window")]
#[test]
fn neither_the_interface_nor_the_program_has_a_byte_of_the_bridge() {
    let assets = std::fs::read_dir(here().join("../ui/dist-app/assets")).unwrap();
    let paths = assets.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "js"));
    let interface: String = paths.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    assert!(interface.contains("opened_link"), "it is the application's interface");
    for of_the_bridge in ["/commands/", "\"/start\"", "`/start`", "yufu-proof", "XMLHttpRequest", "fetch("] {
        assert!(!interface.contains(of_the_bridge), "the application's interface contains {of_the_bridge}");
    }
    let program = std::fs::read(env!("CARGO_BIN_EXE_yufu-app")).unwrap();
    let contains = |text: &str| program.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(contains("open_in_browser"), "the program's texts can be found");
    assert!(!contains("yufu-proof"), "the program contains the bridge's proof");
}

#[test]
fn the_page_may_call_the_table_and_nothing_of_tauris() {
    for (name, platforms) in [("desktop", json!(["linux", "macOS", "windows"])), ("telephone", json!(["android", "iOS"]))] {
        let capability: Value = serde_json::from_str(&read(&format!("capabilities/{name}.json"))).unwrap();
        assert_eq!(
            capability["permissions"],
            json!(["wallet", "allow-opened-link", "allow-open-in-browser", "allow-save-file"]),
            "{name}"
        );
        assert_eq!((&capability["platforms"], &capability["windows"]), (&platforms, &json!(["main"])), "{name}");
        assert_eq!((&capability["local"], &capability["remote"]), (&json!(true), &Value::Null), "{name}: no page from elsewhere");
    }
}

#[test]
fn the_window_is_closed_to_everything_it_does_not_need() {
    let config: Value = serde_json::from_str(&read("tauri.conf.json")).unwrap();
    let (window, security) = (&config["app"]["windows"][0], &config["app"]["security"]);
    assert_eq!(config["build"]["features"], json!(["window"]), "no package is one that tests can weaken");
    assert_eq!(config["app"]["withGlobalTauri"], json!(false));
    assert_eq!((&window["contentProtected"], &window["devtools"]), (&json!(true), &json!(false)));
    assert_eq!(window["create"], json!(false), "the program makes it, with its guards");
    assert_eq!(security["freezePrototype"], json!(true));
    assert_eq!(security["pattern"]["use"], json!("isolation"));
    assert_eq!(security["devCsp"], Value::Null, "one policy, when it is developed too");
    let policy = security["csp"].as_str().unwrap();
    let directives: Vec<&str> = policy.split("; ").collect();
    for expected in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src ipc: http://ipc.localhost"] {
        assert!(directives.contains(&expected), "{expected}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
}

/// Without `%u` a desktop starts the application and drops the link.
#[test]
fn a_desktop_hands_the_application_the_links_that_it_is_registered_for() {
    let config: Value = serde_json::from_str(&read("tauri.conf.json")).unwrap();
    let entry = read("linux/yufu.desktop");
    assert!(entry.contains("Exec={{exec}} %u\n"));
    let schemes = config["plugins"]["deep-link"]["desktop"]["schemes"].as_array().unwrap();
    assert_eq!(schemes.len(), 5);
    for scheme in schemes {
        assert!(entry.contains(&format!("x-scheme-handler/{};", scheme.as_str().unwrap())), "{scheme}");
    }
}
