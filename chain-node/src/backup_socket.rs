//! The socket in the data folder through which a running node gives its blocks to `chain-node backup`.
//!
//! Who may write into the data folder may read it: the socket is the owner's only. A backup reads finalized blocks one by
//! one, as the RPC does, so consensus is not disturbed. The answer is the height of the last block in eight bytes,
//! then the entries of `backup` up to it, then what introduced each epoch.

use crate::{
    backup::{self, BackupError, Entry, Manifest, Writer},
    durable::FileError,
    engine::{block::Block, types::Environment},
    epoch_changes::EpochChange,
    genesis::Checked,
    node::Node,
};
use identity::canonical;
use std::{
    fs,
    io::{self, BufReader, Read as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{io::AsyncWriteExt as _, net::UnixListener};

/// Where the socket of a data folder is.
pub fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("backup.sock")
}

/// Serves one backup after the other until the node ends.
///
/// # Errors
/// When the socket cannot be made.
pub async fn serve<E: Environment>(node: Arc<Node<E>>, checked: Checked, path: PathBuf) -> Result<(), FileError> {
    let made = |source| FileError::new(&path, "made", source);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(made(error)),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&path).map_err(made)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(made)?;
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        match give(&node, &checked, stream).await {
            Ok(height) => tracing::info!(height, "a backup was taken"),
            Err(error) => tracing::warn!(%error, "a backup was not finished"),
        }
    }
}

async fn give<E: Environment>(node: &Node<E>, checked: &Checked, stream: tokio::net::UnixStream) -> io::Result<u64> {
    let mut stream = tokio::io::BufWriter::new(stream);
    let last = node.head.tip().borrow().height;
    stream.write_all(&last.to_le_bytes()).await?;
    for height in 0..=last {
        let entry = match node.reads.block(height).await {
            Some(block) => {
                let certificate = node.reads.certificate_at(height).await;
                Entry::new(block.inner(), certificate)
            }
            None if height == 0 => Entry::new(&checked.block::<E>(), None),
            None => {
                // What was written says to the other end at which height the stream ends.
                stream.flush().await?;
                return Err(io::Error::other(format!("no block of height {height} is here")));
            }
        };
        let mut bytes = Vec::new();
        backup::write_entry(&mut bytes, &entry)?;
        stream.write_all(&bytes).await?;
    }
    let epochs = canonical::encode(&backup::epochs(&node.store).map_err(io::Error::other)?);
    stream.write_all(&epochs).await?;
    stream.flush().await?;
    Ok(last)
}

/// Backs up the node that runs on a data folder.
///
/// # Errors
/// When it does not answer, has not every block, or the backup cannot be written.
pub fn of_running(data_dir: &Path, genesis: &Checked, folder: &Path) -> Result<Manifest, BackupError> {
    let path = path(data_dir);
    let unread = |source| FileError::new(&path, "read", source);
    let mut stream = BufReader::new(UnixStream::connect(&path).map_err(unread)?);
    let mut last = [0; 8];
    stream.read_exact(&mut last).map_err(unread)?;
    let last = u64::from_le_bytes(last);
    let mut next = |height| -> Result<(Block, Option<Vec<u8>>), BackupError> {
        let entry = backup::read_entry(&mut stream).map_err(unread)?.ok_or(BackupError::Incomplete(height))?;
        let block = entry.block().map_err(|reason| BackupError::Damaged { after: height, reason })?;
        Ok((block, entry.certificate))
    };
    // The first two tell whether this node has every block: before that there is no folder.
    let first = (0..=last.min(1)).map(&mut next).collect::<Result<Vec<_>, _>>()?;
    let mut writer = Writer::new(folder, genesis)?;
    for entry in first.into_iter().map(Ok).chain((2..=last).map(&mut next)) {
        let (block, certificate) = entry?;
        writer.add(&block, certificate)?;
    }
    let mut epochs = Vec::new();
    stream.read_to_end(&mut epochs).map_err(unread)?;
    let epochs: Vec<EpochChange> = canonical::decode(&epochs, epochs.len())
        .map_err(|error| BackupError::Damaged { after: last, reason: error.to_string() })?;
    writer.finish(&epochs)
}
