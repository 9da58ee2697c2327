//! The window without some of what closes it, so that a test sees that it is this measure which keeps the page in, and not an accident of
//! the webview; or with a camera that the webview makes up. Only a build for tests of the window knows of it: with the feature
//! `window-tests`, which no package is built with.

use tauri::{Context, Runtime};

/// What is left out: the measures `policy`, `guard`, `frozen`, or the `real-camera`, with commas between them.
#[cfg(feature = "window-tests")]
const WITHOUT: &str = "YUFU_TEST_WITHOUT";

/// Whether it is left out.
#[cfg(feature = "window-tests")]
pub(crate) fn is_without(measure: &str) -> bool {
    std::env::var(WITHOUT).is_ok_and(|measures| measures.split(',').any(|one| one == measure))
}

/// Whether it is left out: nothing is.
#[cfg(not(feature = "window-tests"))]
pub(crate) const fn is_without(_: &str) -> bool {
    false
}

/// The configuration, without the measures that are left out.
pub(crate) fn context<R: Runtime>(mut context: Context<R>) -> Context<R> {
    let security = &mut context.config_mut().app.security;
    if is_without("policy") {
        security.csp = None;
    }
    if is_without("frozen") {
        security.freeze_prototype = false;
    }
    context
}
