// swift-tools-version:5.3

import PackageDescription

let package = Package(
  name: "tauri-plugin-secure-element",
  platforms: [
    .macOS(.v10_15),
    .iOS(.v13),
  ],
  products: [
    .library(
      name: "tauri-plugin-secure-element",
      type: .static,
      targets: ["tauri-plugin-secure-element"])
  ],
  dependencies: [
    .package(name: "Tauri", path: "../.tauri/tauri-api")
  ],
  targets: [
    .target(
      name: "tauri-plugin-secure-element",
      dependencies: [
        .byName(name: "Tauri")
      ],
      path: "Sources")
  ]
)
