//! `sd-jwt verify`: strangers' vectors, without a wallet.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use identity::sd_jwt;

use crate::failure::Failure;
use crate::print::Printer;

/// Bytes of the request that are read at most; the verification itself takes less.
const MAX_BYTES: u64 = 1024 * 1024;

/// Verifies the request in a file or on stdin and prints the processed claims.
pub(crate) fn verify(input: &Path, printer: &Printer) -> Result<(), Failure> {
    let mut text = Vec::new();
    let read = if input == Path::new("-") {
        std::io::stdin().lock().take(MAX_BYTES).read_to_end(&mut text)
    } else {
        File::open(input).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut text))
    };
    read.map_err(Failure::Terminal)?;
    let text = String::from_utf8(text).map_err(|_| Failure::SdJwt("the request is not UTF-8".to_owned()))?;
    let claims = sd_jwt::verify_request(&text).map_err(|error| Failure::SdJwt(error.to_string()))?;
    printer.result(&claims, || vec![claims.to_string()]);
    Ok(())
}
