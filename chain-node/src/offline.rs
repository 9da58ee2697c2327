//! The commands beside `run`: check a data folder, back it up, restore it.
//!
//! Each takes the folder's lock first, so that no node runs on it; only a backup may come from a running node.

use crate::{
    backup::{self, BackupError, Manifest},
    backup_socket,
    config::Config,
    durable::FileError,
    epoch_changes::EpochChange,
    folder::{DataFolder, FolderError},
    genesis::{self, Checked, GenesisError},
    guard::Data,
    store::{Store, StoreError},
    verify::{self, Fault, Seen},
};
use commonware_runtime::{
    Runner as _,
    tokio::{self as runtime, Context},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

/// Why a command does not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The genesis file.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The body store does not open.
    #[error("bodies.redb cannot be opened: {0}")]
    Store(#[from] StoreError),
    /// What was found.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The backup.
    #[error(transparent)]
    Backup(#[from] BackupError),
}

/// Runs `work` on the engine's storage. The engine panics on what it cannot read: that is an answer here.
fn on_storage<T>(data: &DataFolder, work: impl AsyncFnOnce(Context) -> T) -> Result<T, Fault> {
    let runner = runtime::Runner::new(runtime::Config::new().with_worker_threads(1).with_storage_directory(data.engine()));
    let ended = catch_unwind(AssertUnwindSafe(|| runner.start(|context| work(context))));
    ended.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Fault::Engine(text.unwrap_or_else(|| "it gave no reason".to_owned()))
    })
}

/// Checks a data folder; `report` hears of heights that were passed.
///
/// # Errors
/// The first fault, by name.
pub fn verify(config: &Config, quick: bool, report: impl FnMut(u64)) -> Result<Seen, CommandError> {
    let checked = genesis::load(&config.genesis)?;
    let data = DataFolder::open(&config.data_dir, &checked.genesis.hash(), config.storage.items_per_file)?;
    let store = Store::open(&data.bodies())?;
    let changes = |epoch| EpochChange::of(&store, epoch).ok().flatten();
    let work = async |context| verify::ledger(&context, &data.files(), (&checked, &changes), quick, report).await;
    let mut seen = on_storage(&data, work)??;
    verify::kept(&store, &mut seen)?;
    if !quick {
        verify::bodies(&store, &mut seen)?;
    }
    Ok(seen)
}

/// Backs up a data folder, through its node if one runs on it.
///
/// # Errors
/// When there is not every block, or the backup cannot be written.
pub fn backup(config: &Config, to: &Path) -> Result<Manifest, CommandError> {
    let checked = genesis::load(&config.genesis)?;
    match DataFolder::open(&config.data_dir, &checked.genesis.hash(), config.storage.items_per_file) {
        Ok(data) => {
            let store = Store::open(&data.bodies())?;
            let work = async |context| backup::of_stopped(&context, &data.files(), &checked, (&store, to)).await;
            Ok(on_storage(&data, work)??)
        }
        Err(FolderError::InUse(_)) => Ok(backup_socket::of_running(&config.data_dir, &checked, to)?),
        Err(other) => Err(other.into()),
    }
}

/// Restores a backup into an empty data folder. The folder has no vote token, so the guard's mark decides when the node votes.
///
/// # Errors
/// When the backup does not hold, or the folder has data.
pub fn restore(config: &Config, from: &Path) -> Result<Manifest, CommandError> {
    let checked: Checked = genesis::load(&config.genesis)?;
    let data = DataFolder::open(&config.data_dir, &checked.genesis.hash(), config.storage.items_per_file)?;
    if data.found() != Data::Empty || data.bodies().exists() {
        return Err(BackupError::HasData(config.data_dir.clone()).into());
    }
    let manifest = backup::check::<Context>(from, &checked)?;
    // Before the first block, so that a restore which is cut short is not taken for the data of an older version.
    data.mark()?;
    let work = async |context| backup::restore(&context, &data.files(), from).await;
    on_storage(&data, work)??;
    backup::restore_epochs(from, &checked, &Store::open(&data.bodies())?)?;
    Ok(manifest)
}
