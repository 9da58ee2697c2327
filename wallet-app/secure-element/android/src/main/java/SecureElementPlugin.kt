package org.yufu.secure_element

import android.app.Activity
import android.app.KeyguardManager
import android.content.Context
import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyInfo
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.security.keystore.StrongBoxUnavailableException
import android.security.keystore.UserNotAuthenticatedException
import android.util.Base64
import app.tauri.annotation.Command
import app.tauri.annotation.InvokeArg
import app.tauri.annotation.TauriPlugin
import app.tauri.plugin.Invoke
import app.tauri.plugin.JSArray
import app.tauri.plugin.JSObject
import app.tauri.plugin.Plugin
import java.io.File
import java.security.KeyFactory
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.KeyStore
import java.security.PrivateKey
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec

@InvokeArg
class Named {
  lateinit var name: String
}

@InvokeArg
class ToSign {
  lateinit var name: String
  lateinit var message: String
}

@InvokeArg
class ToSave {
  lateinit var name: String
  lateinit var secret: String
}

/** What a command refuses, with the code that the Rust half reads. */
private class Refused(val code: String, message: String) : Exception(message)

/**
 * Keys of the wallet in Android's key store, and small secrets under a key in it. `src/lib.rs` of this crate says what each command takes
 * and gives.
 */
@TauriPlugin
class SecureElementPlugin(private val activity: Activity) : Plugin(activity) {
  private val store: KeyStore by lazy { KeyStore.getInstance(STORE).apply { load(null) } }

  @Command
  fun isInHardware(invoke: Invoke) = answer(invoke) {
    val trial = KEY + "trial"
    try {
      val key = generate(trial).private
      val info = KeyFactory.getInstance(key.algorithm, STORE).getKeySpec(key, KeyInfo::class.java)
      val inHardware = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
        info.securityLevel == KeyProperties.SECURITY_LEVEL_TRUSTED_ENVIRONMENT ||
          info.securityLevel == KeyProperties.SECURITY_LEVEL_STRONGBOX
      } else {
        @Suppress("DEPRECATION")
        info.isInsideSecureHardware
      }
      JSObject().put("inHardware", inHardware)
    } finally {
      store.deleteEntry(trial)
    }
  }

  @Command
  fun createKey(invoke: Invoke) = answer(invoke) {
    val alias = KEY + checked(invoke.parseArgs(Named::class.java).name)
    if (store.containsAlias(alias)) throw Refused("exists", "there is a key of this name")
    val point = (generate(alias).public as ECPublicKey).w
    val bytes = byteArrayOf(4) + coordinate(point.affineX.toByteArray()) + coordinate(point.affineY.toByteArray())
    JSObject().put("publicKey", encode(bytes))
  }

  @Command
  fun sign(invoke: Invoke) = answer(invoke) {
    val arguments = invoke.parseArgs(ToSign::class.java)
    val key = store.getKey(KEY + checked(arguments.name), null) as? PrivateKey
      ?: throw Refused("gone", "there is no key of this name")
    val signature = Signature.getInstance("SHA256withECDSA")
    signature.initSign(key)
    signature.update(decode(arguments.message))
    JSObject().put("signature", encode(signature.sign()))
  }

  @Command
  fun keyNames(invoke: Invoke) = answer(invoke) {
    val names = store.aliases().toList().filter { it.startsWith(KEY) }.map { it.removePrefix(KEY) }
    JSObject().put("names", JSArray.from(names.toTypedArray()))
  }

  @Command
  fun forgetKey(invoke: Invoke) = answer(invoke) {
    store.deleteEntry(KEY + checked(invoke.parseArgs(Named::class.java).name))
    JSObject()
  }

  @Command
  fun saveSecret(invoke: Invoke) = answer(invoke) {
    val arguments = invoke.parseArgs(ToSave::class.java)
    val cipher = Cipher.getInstance(CIPHER)
    cipher.init(Cipher.ENCRYPT_MODE, wrapping())
    val sealed = cipher.iv + cipher.doFinal(decode(arguments.secret))
    // Whole under another name first: a process that is killed leaves the old one or the new one.
    val file = file(arguments.name)
    val made = File(file.path + ".new")
    made.outputStream().use {
      it.write(sealed)
      it.fd.sync()
    }
    if (!made.renameTo(file)) throw Refused("io", "the secret could not be written")
    JSObject()
  }

  @Command
  fun loadSecret(invoke: Invoke) = answer(invoke) {
    val file = file(invoke.parseArgs(Named::class.java).name)
    val answer = JSObject()
    if (file.exists()) {
      val sealed = file.readBytes()
      val cipher = Cipher.getInstance(CIPHER)
      cipher.init(Cipher.DECRYPT_MODE, wrapping(), GCMParameterSpec(128, sealed, 0, IV_BYTES))
      answer.put("secret", encode(cipher.doFinal(sealed, IV_BYTES, sealed.size - IV_BYTES)))
    }
    answer
  }

  @Command
  fun forgetSecret(invoke: Invoke) = answer(invoke) {
    val file = file(invoke.parseArgs(Named::class.java).name)
    if (file.exists() && !file.delete()) throw Refused("io", "the secret could not be deleted")
    JSObject()
  }

  /** Runs a command and answers in any case: whoever asked waits for it. */
  private fun answer(invoke: Invoke, command: () -> JSObject) {
    try {
      invoke.resolve(command())
    } catch (refused: Refused) {
      invoke.reject(refused.message, refused.code)
    } catch (error: KeyPermanentlyInvalidatedException) {
      invoke.reject(error.message ?: "the key is not valid any more", "gone")
    } catch (error: UserNotAuthenticatedException) {
      invoke.reject(error.message ?: "the device is locked", "locked")
    } catch (error: Exception) {
      val keyguard = activity.getSystemService(Context.KEYGUARD_SERVICE) as KeyguardManager
      invoke.reject(error.message ?: error.javaClass.simpleName, if (keyguard.isDeviceLocked) "locked" else "failed")
    }
  }

  private fun generate(alias: String): KeyPair {
    val generator = KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_EC, STORE)
    if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.P) {
      try {
        generator.initialize(signing(alias).setIsStrongBoxBacked(true).build())
        return generator.generateKeyPair()
      } catch (_: StrongBoxUnavailableException) {
        // The trusted execution environment of every telephone then.
      }
    }
    generator.initialize(signing(alias).build())
    return generator.generateKeyPair()
  }

  private fun signing(alias: String): KeyGenParameterSpec.Builder {
    val spec = KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_SIGN)
      .setAlgorithmParameterSpec(ECGenParameterSpec("secp256r1"))
      .setDigests(KeyProperties.DIGEST_SHA256)
    // Earlier systems take some ways of unlocking for none.
    return if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.UPSIDE_DOWN_CAKE) spec.setUnlockedDeviceRequired(true) else spec
  }

  /** The key that secrets are sealed with. */
  private fun wrapping(): SecretKey {
    (store.getKey(WRAPPING, null) as? SecretKey)?.let { return it }
    val generator = KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, STORE)
    generator.init(
      KeyGenParameterSpec.Builder(WRAPPING, KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT)
        .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
        .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
        .setKeySize(256)
        .build()
    )
    return generator.generateKey()
  }

  /** Where no backup goes. */
  private fun file(name: String): File {
    val folder = File(activity.noBackupFilesDir, "secrets")
    if (!folder.isDirectory && !folder.mkdirs()) throw Refused("io", "the folder for secrets could not be made")
    return File(folder, checked(name))
  }

  /** The name of a key or secret: the wallet's own, and no path. */
  private fun checked(name: String): String {
    if (!NAME.matches(name)) throw Refused("arguments", "the name is not one")
    return name
  }

  /** A coordinate's 32 bytes: a big integer has leading zeros too few, or a sign's zero too many. */
  private fun coordinate(bytes: ByteArray): ByteArray {
    val significant = bytes.dropWhile { it == 0.toByte() }.toByteArray()
    return ByteArray(32 - significant.size) + significant
  }

  private fun encode(bytes: ByteArray) = Base64.encodeToString(bytes, Base64.NO_WRAP)

  private fun decode(text: String) = Base64.decode(text, Base64.NO_WRAP)

  private companion object {
    const val STORE = "AndroidKeyStore"
    const val KEY = "yufu.key."
    const val WRAPPING = "yufu.wrapping"
    const val CIPHER = "AES/GCM/NoPadding"
    const val IV_BYTES = 12
    val NAME = Regex("[A-Za-z0-9_-]{1,64}")
  }
}
