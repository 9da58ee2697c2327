//! The wallet's application on a desktop.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

fn main() {
    yufu_app::run();
}
