//! The plugin on a telephone: the way from Rust to Kotlin and Swift.

use serde_json::Value;
use tauri::plugin::mobile::PluginInvokeError;
use tauri::plugin::{Builder, PluginHandle, TauriPlugin};
use tauri::{Manager, Runtime};

use crate::{Refusal, SecureElement, Telephone};

#[cfg(target_os = "ios")]
tauri::ios_plugin_binding!(init_plugin_secure_element);

/// The other half, as Tauri reaches it.
struct Handle<R: Runtime>(PluginHandle<R>);

impl<R: Runtime> Telephone for Handle<R> {
    fn call(&self, command: &str, arguments: Value) -> Result<Value, Refusal> {
        self.0.run_mobile_plugin(command, arguments).map_err(|error| match error {
            PluginInvokeError::InvokeRejected(rejected) => {
                Refusal { code: rejected.code, message: rejected.message.unwrap_or_default() }
            }
            other => Refusal { code: None, message: other.to_string() },
        })
    }
}

/// The telephone's secure element, of an application that has the plugin.
pub trait SecureElementExt<R: Runtime> {
    /// The secure element.
    fn secure_element(&self) -> SecureElement<std::sync::Arc<dyn Telephone>>;
}

impl<R: Runtime, T: Manager<R>> SecureElementExt<R> for T {
    fn secure_element(&self) -> SecureElement<std::sync::Arc<dyn Telephone>> {
        SecureElement::new(std::sync::Arc::clone(&self.state::<std::sync::Arc<dyn Telephone>>()))
    }
}

/// The plugin. It gives the page nothing.
pub fn init<R: Runtime>() -> TauriPlugin<R> {
    Builder::new("secure-element")
        .setup(|app, api| {
            #[cfg(target_os = "android")]
            let handle = api.register_android_plugin("org.yufu.secure_element", "SecureElementPlugin")?;
            #[cfg(target_os = "ios")]
            let handle = api.register_ios_plugin(init_plugin_secure_element)?;
            app.manage::<std::sync::Arc<dyn Telephone>>(std::sync::Arc::new(Handle(handle)));
            Ok(())
        })
        .build()
}
