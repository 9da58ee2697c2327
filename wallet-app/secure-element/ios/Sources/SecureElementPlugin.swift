import CryptoKit
import Foundation
import Security
import Tauri

private struct Named: Decodable {
  let name: String
}

private struct ToSign: Decodable {
  let name: String
  let message: String
}

private struct ToSave: Decodable {
  let name: String
  let secret: String
}

/// What a command refuses, with the code that the Rust half reads.
private struct Refused: Error {
  let code: String
  let message: String
}

/// Keys of the wallet in the Secure Enclave, and small secrets in the key chain of this device only. `src/lib.rs` of this crate says what
/// each command takes and gives.
class SecureElementPlugin: Plugin {
  private let service = "org.yufu.wallet.secret"
  private let prefix = "org.yufu.wallet.key."

  @objc func isInHardware(_ invoke: Invoke) {
    invoke.resolve(["inHardware": SecureEnclave.isAvailable])
  }

  @objc func createKey(_ invoke: Invoke) {
    answer(invoke) {
      let tag = try self.tag(invoke.parseArgs(Named.self).name)
      if try self.find(tag) != nil {
        throw Refused(code: "exists", message: "there is a key of this name")
      }
      var error: Unmanaged<CFError>?
      let access = SecAccessControlCreateWithFlags(
        nil, kSecAttrAccessibleWhenUnlockedThisDeviceOnly, .privateKeyUsage, &error)
      guard let access = access else { throw self.refused(error) }
      let attributes: [CFString: Any] = [
        kSecAttrKeyType: kSecAttrKeyTypeECSECPrimeRandom,
        kSecAttrKeySizeInBits: 256,
        kSecAttrTokenID: kSecAttrTokenIDSecureEnclave,
        kSecPrivateKeyAttrs: [
          kSecAttrIsPermanent: true,
          kSecAttrApplicationTag: tag,
          kSecAttrAccessControl: access,
        ] as [CFString: Any],
      ]
      guard let key = SecKeyCreateRandomKey(attributes as CFDictionary, &error) else { throw self.refused(error) }
      guard let point = SecKeyCopyPublicKey(key).flatMap({ SecKeyCopyExternalRepresentation($0, &error) }) else {
        throw self.refused(error)
      }
      return ["publicKey": (point as Data).base64EncodedString()]
    }
  }

  @objc func sign(_ invoke: Invoke) {
    answer(invoke) {
      let arguments = try invoke.parseArgs(ToSign.self)
      guard let key = try self.find(self.tag(arguments.name)) else {
        throw Refused(code: "gone", message: "there is no key of this name")
      }
      var error: Unmanaged<CFError>?
      let message = try self.decoded(arguments.message)
      let signature = SecKeyCreateSignature(key, .ecdsaSignatureMessageX962SHA256, message as CFData, &error)
      guard let signature = signature else { throw self.refused(error) }
      return ["signature": (signature as Data).base64EncodedString()]
    }
  }

  @objc func keyNames(_ invoke: Invoke) {
    answer(invoke) {
      var query = self.keys()
      query[kSecMatchLimit] = kSecMatchLimitAll
      query[kSecReturnAttributes] = true
      var found: CFTypeRef?
      let status = SecItemCopyMatching(query as CFDictionary, &found)
      if status == errSecItemNotFound {
        return ["names": JsonArray()]
      }
      try self.check(status)
      let tags = (found as? [[String: Any]] ?? []).compactMap { $0[kSecAttrApplicationTag as String] as? Data }
      let names = tags.map { String(decoding: $0, as: UTF8.self) }.filter { $0.hasPrefix(self.prefix) }
      return ["names": names.map { String($0.dropFirst(self.prefix.count)) }]
    }
  }

  @objc func forgetKey(_ invoke: Invoke) {
    answer(invoke) {
      var query = self.keys()
      query[kSecAttrApplicationTag] = try self.tag(invoke.parseArgs(Named.self).name)
      try self.check(SecItemDelete(query as CFDictionary), orAbsent: true)
      return [:]
    }
  }

  @objc func saveSecret(_ invoke: Invoke) {
    answer(invoke) {
      let arguments = try invoke.parseArgs(ToSave.self)
      let item = try self.secret(arguments.name)
      let value = try self.decoded(arguments.secret)
      let status = SecItemUpdate(item as CFDictionary, [kSecValueData: value] as CFDictionary)
      if status == errSecItemNotFound {
        let new: [CFString: Any] = [
          kSecValueData: value, kSecAttrAccessible: kSecAttrAccessibleWhenUnlockedThisDeviceOnly,
        ]
        try self.check(SecItemAdd(item.merging(new) { $1 } as CFDictionary, nil))
      } else {
        try self.check(status)
      }
      return [:]
    }
  }

  @objc func loadSecret(_ invoke: Invoke) {
    answer(invoke) {
      var query = try self.secret(invoke.parseArgs(Named.self).name)
      query[kSecReturnData] = true
      var found: CFTypeRef?
      let status = SecItemCopyMatching(query as CFDictionary, &found)
      if status == errSecItemNotFound {
        return [:]
      }
      try self.check(status)
      guard let value = found as? Data else { throw Refused(code: "failed", message: "the secret is not bytes") }
      return ["secret": value.base64EncodedString()]
    }
  }

  @objc func forgetSecret(_ invoke: Invoke) {
    answer(invoke) {
      let item = try self.secret(invoke.parseArgs(Named.self).name)
      try self.check(SecItemDelete(item as CFDictionary), orAbsent: true)
      return [:]
    }
  }

  /// Runs a command and answers in any case: whoever asked waits for it.
  private func answer(_ invoke: Invoke, _ command: () throws -> JsonObject) {
    do {
      invoke.resolve(try command())
    } catch let refused as Refused {
      invoke.reject(refused.message, code: refused.code)
    } catch {
      invoke.reject(error.localizedDescription, code: "failed")
    }
  }

  private func keys() -> [CFString: Any] {
    [
      kSecClass: kSecClassKey,
      kSecAttrKeyType: kSecAttrKeyTypeECSECPrimeRandom,
      kSecAttrTokenID: kSecAttrTokenIDSecureEnclave,
    ]
  }

  private func find(_ tag: Data) throws -> SecKey? {
    var query = keys()
    query[kSecAttrApplicationTag] = tag
    query[kSecReturnRef] = true
    var found: CFTypeRef?
    let status = SecItemCopyMatching(query as CFDictionary, &found)
    if status == errSecItemNotFound {
      return nil
    }
    try check(status)
    // A query for keys gives keys.
    return (found as! SecKey)
  }

  private func secret(_ name: String) throws -> [CFString: Any] {
    [kSecClass: kSecClassGenericPassword, kSecAttrService: service, kSecAttrAccount: try checked(name)]
  }

  private func tag(_ name: String) throws -> Data {
    Data((prefix + (try checked(name))).utf8)
  }

  /// The name of a key or secret, as the wallet makes them.
  private func checked(_ name: String) throws -> String {
    let allowed = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
    guard (1...64).contains(name.count), name.unicodeScalars.allSatisfy(allowed.contains) else {
      throw Refused(code: "arguments", message: "the name is not one")
    }
    return name
  }

  private func decoded(_ text: String) throws -> Data {
    guard let data = Data(base64Encoded: text) else {
      throw Refused(code: "arguments", message: "the bytes are not base64")
    }
    return data
  }

  private func check(_ status: OSStatus, orAbsent: Bool = false) throws {
    if status == errSecSuccess || (orAbsent && status == errSecItemNotFound) {
      return
    }
    let words = SecCopyErrorMessageString(status, nil) as String? ?? "status \(status)"
    throw Refused(code: code(Int(status)), message: words)
  }

  private func refused(_ error: Unmanaged<CFError>?) -> Refused {
    guard let error = error?.takeRetainedValue() else {
      return Refused(code: "failed", message: "the key store gave no reason")
    }
    return Refused(code: code(CFErrorGetCode(error)), message: CFErrorCopyDescription(error) as String)
  }

  private func code(_ status: Int) -> String {
    switch status {
    case Int(errSecUserCanceled): return "cancelled"
    case Int(errSecInteractionNotAllowed): return "locked"
    case Int(errSecItemNotFound): return "gone"
    default: return "failed"
    }
  }
}

@_cdecl("init_plugin_secure_element")
func initPlugin() -> Plugin {
  return SecureElementPlugin()
}
