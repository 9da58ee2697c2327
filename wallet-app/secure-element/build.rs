//! Hands the Kotlin or Swift half to the telephone's build. A desktop has neither, and a page has no command of this plugin.

fn main() {
    #[cfg(feature = "plugin")]
    if matches!(std::env::var("CARGO_CFG_TARGET_OS").as_deref(), Ok("android" | "ios")) {
        tauri_plugin::Builder::new(&[]).android_path("android").ios_path("ios").build();
    }
}
