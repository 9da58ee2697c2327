//! REL-A3: the wallet's process dies between any two writes to its disk. A disk that takes so many writes and then none, as a killed
//! process leaves it; the wallet is opened again from what is there, and the story goes on to its end.
//!
//! Two hundred random points over the stories that make keys, receive in each way, and present; some more over those that add devices and
//! recover. The seed is printed, and `YUFU_SEED` runs it again.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::{Database, StorageBackend};
use wallet_core::recovery::RecoverySecret;
use wallet_core::vault::Disk;
use wallet_core::{Event, Language, Random, Wallet, WalletError};

use crate::city::City;
use crate::haip::Haip;
use crate::issuer::PIN;
use crate::sign_in::back;

/// A file that takes so many writes, half of one more, and then nothing.
#[derive(Debug)]
struct DyingFile {
    file: File,
    /// Writes that were made.
    writes: Arc<AtomicU64>,
    /// Writes that are taken.
    life: u64,
}

fn dead() -> io::Error {
    io::Error::other("the process was killed")
}

impl DyingFile {
    fn is_dead(&self) -> bool {
        self.writes.load(Ordering::SeqCst) > self.life
    }

    fn alive(&self) -> io::Result<()> {
        if self.is_dead() { Err(dead()) } else { Ok(()) }
    }
}

impl StorageBackend for DyingFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.alive()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.alive()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.alive()?;
        if self.writes.fetch_add(1, Ordering::SeqCst) >= self.life {
            self.file.write_all_at(&data[..data.len() / 2], offset)?;
            return Err(dead());
        }
        self.file.write_all_at(data, offset)
    }
}

/// A disk with so many writes in it, and the count of them.
fn disk(life: u64) -> (Disk, Arc<AtomicU64>) {
    let writes = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&writes);
    let open: Disk = Arc::new(move |path| {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Database::builder().create_with_backend(DyingFile { file, writes: Arc::clone(&counted), life })
    });
    (open, writes)
}

/// A story under test: what is there before, the story, and what must hold after it died and went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Story {
    MakingKeys,
    Receiving,
    SigningIn,
    Polling,
    Renewing,
    Presenting,
    AddingADevice,
    Joining,
    Recovering,
    Rotating,
}

const EVERYDAY: [Story; 6] =
    [Story::MakingKeys, Story::Receiving, Story::SigningIn, Story::Polling, Story::Renewing, Story::Presenting];
const RARE: [Story; 4] = [Story::AddingADevice, Story::Joining, Story::Recovering, Story::Rotating];

/// What a story needs to know when it is called again.
struct Scene {
    city: City,
    haip: Option<Arc<Haip>>,
    story: Story,
    link: String,
    code: String,
    secret: Option<RecoverySecret>,
    backup: Vec<u8>,
}

impl Scene {
    /// Everything before the story, on a disk that lasts.
    async fn set(story: Story) -> Self {
        let (city, haip) = match story {
            Story::SigningIn | Story::Polling | Story::Renewing => {
                let (city, haip) = crate::sign_in::city().await;
                (city, Some(haip))
            }
            _ => (City::new().await, None),
        };
        let mut scene = Self { city, haip, story, link: String::new(), code: String::new(), secret: None, backup: Vec::new() };
        let city = &scene.city;
        let wallet = city.create_wallet();
        match story {
            Story::MakingKeys => {}
            Story::Receiving => scene.link = city.issuer.offer_link(),
            Story::SigningIn | Story::Polling | Story::Renewing => {
                let haip = scene.haip.as_ref().unwrap();
                haip.behave(|behaviour| behaviour.deferred = u32::from(story == Story::Polling));
                wallet.authorize(&haip.offer_link(), &back()).await.unwrap();
                scene.link = haip.signed_in().to_string();
                if story != Story::SigningIn {
                    let received = wallet.authorized(&scene.link).await;
                    assert_eq!(received.is_err(), story == Story::Polling);
                    city.clock.advance(700);
                }
            }
            Story::Presenting => {
                wallet.receive(&city.issuer.offer_link(), Some(PIN)).await.unwrap();
                scene.link = city.site.ask(&["family_name"]);
            }
            Story::AddingADevice => {
                wallet.create_identity().await.unwrap();
                let shown = city.create_wallet_in("second").ask_to_join().unwrap();
                (scene.link, scene.code) = (shown.link, shown.code);
            }
            Story::Joining => {
                let first = city.create_wallet_in("first");
                first.create_identity().await.unwrap();
                let shown = wallet.ask_to_join().unwrap();
                first.add_device(first.open_device_link(&shown.link).unwrap(), &shown.code).await.unwrap();
                scene.link = first.welcome_link().unwrap();
            }
            Story::Recovering => {
                let lost = city.create_wallet_in("lost");
                lost.create_identity().await.unwrap();
                lost.receive(&city.issuer.offer_link(), Some(PIN)).await.unwrap();
                scene.secret = Some(RecoverySecret::from_words(&lost.recovery_words(Language::En).unwrap()).unwrap());
                scene.backup = lost.backup().unwrap();
            }
            Story::Rotating => {
                wallet.create_identity().await.unwrap();
            }
        }
        scene
    }

    /// The story, from wherever it stopped.
    async fn play(&self, wallet: &Wallet) -> Result<(), WalletError> {
        match self.story {
            Story::MakingKeys => wallet.create_identity().await.map(drop),
            Story::Receiving if !wallet.credentials()?.is_empty() => Ok(()),
            Story::Receiving => wallet.receive(&self.link, Some(PIN)).await.map(drop),
            Story::SigningIn if !wallet.credentials()?.is_empty() => Ok(()),
            Story::SigningIn => wallet.authorized(&self.link).await.map(drop),
            Story::Polling => wallet.poll_issuances().await.map(drop),
            Story::Renewing if wallet.history()?.iter().any(|entry| entry.event == Event::CredentialRenewed) => Ok(()),
            Story::Renewing => wallet.renew(&wallet.credentials()?[0].id).await.map(drop),
            Story::Presenting => {
                let consent = wallet.open(&self.link).await?;
                match wallet.approve(&consent, None).await {
                    Err(error) if error.slug() == "already-answered" => Ok(()),
                    done => done.map(drop),
                }
            }
            Story::AddingADevice => wallet.add_device(wallet.open_device_link(&self.link)?, &self.code).await.map(drop),
            Story::Joining if wallet.identity()?.is_some() => Ok(()),
            Story::Joining => wallet.join(&self.link).await.map(drop),
            Story::Recovering => {
                let secret = self.secret.as_ref().unwrap();
                match wallet.identity()? {
                    None => wallet.restore(&self.backup, secret).map(drop)?,
                    Some(identity) if identity.as_of.is_some() => return Ok(()),
                    Some(_) => {}
                }
                wallet.recover().await.map(drop)
            }
            Story::Rotating if wallet.history()?.iter().any(|entry| entry.event == Event::RecoveryRotated) => Ok(()),
            Story::Rotating => wallet.rotate_recovery().await,
        }
    }

    /// What must hold at any moment: key and credential both or neither, data and identity together.
    fn check_midway(&self, wallet: &Wallet) {
        let credentials = wallet.credentials().unwrap();
        let entries = wallet.history().unwrap();
        let has = |event: Event| entries.iter().filter(|entry| entry.event == event).count();
        match self.story {
            Story::MakingKeys => assert_eq!(
                wallet.identity().unwrap().is_some_and(|identity| identity.as_of.is_some()),
                has(Event::IdentityCreated) == 1
            ),
            Story::Receiving => {
                assert_eq!(credentials.len(), has(Event::CredentialReceived));
                assert!(credentials.iter().all(|credential| credential.copies == 3));
                // Keys of an issuance and the credential are never there together.
                assert!(credentials.is_empty() || wallet.pending_issuances().unwrap().is_empty());
            }
            Story::SigningIn | Story::Polling | Story::Renewing => {
                assert_eq!(credentials.len(), has(Event::CredentialReceived));
                assert!(credentials.iter().all(|credential| (credential.copies, credential.copies_left) == (2, 2)));
                let under_way = wallet.pending_issuances().unwrap().len();
                match self.story {
                    Story::Renewing => assert!(under_way + has(Event::CredentialRenewed) <= 1 && credentials.len() == 1),
                    _ => assert_eq!(under_way + credentials.len(), 1, "keys or a credential, never both or neither"),
                }
            }
            Story::Presenting => {
                let posted = self.city.site.seen(|seen| seen.posted.len());
                assert!(posted == 0 || has(Event::Consented) == 1, "INV-I6");
                assert_eq!(credentials[0].copies_left, 3 - has(Event::Consented));
            }
            Story::AddingADevice => {
                assert!(has(Event::DeviceAdded) <= 1);
            }
            Story::Joining => assert_eq!(wallet.identity().unwrap().is_some(), has(Event::JoinedIdentity) == 1),
            Story::Recovering => {
                let restored = wallet.identity().unwrap().is_some();
                assert_eq!(
                    (wallet.moved_credentials().unwrap().len() == 1, has(Event::CredentialReceived) == 1),
                    (restored, restored)
                );
            }
            Story::Rotating => assert!(has(Event::RecoveryRotated) <= 1),
        }
    }

    /// What must hold at the end.
    async fn check_end(&self, wallet: &Wallet) {
        let entries = wallet.history().unwrap();
        let has = |event: Event| entries.iter().filter(|entry| entry.event == event).count();
        // No orphan: whatever keys there are belong to a credential or to the identity.
        assert!(wallet.pending_issuances().unwrap().is_empty());
        match self.story {
            Story::MakingKeys => {
                assert_eq!((self.city.ledger.transactions().len(), has(Event::IdentityCreated)), (1, 1));
            }
            Story::Receiving => {
                let (keys, records) = self.city.issuer.seen(|seen| (seen.proven_keys.clone(), seen.records.len()));
                assert!(keys.iter().all(|proven| *proven == keys[0]) && records == 3, "the same keys, recorded once");
                assert_eq!((wallet.credentials().unwrap().len(), has(Event::CredentialReceived)), (1, 1));
                self.show(wallet).await;
            }
            Story::SigningIn | Story::Polling | Story::Renewing => {
                assert_eq!((wallet.credentials().unwrap().len(), has(Event::CredentialReceived)), (1, 1));
                assert_eq!(has(Event::CredentialRenewed), usize::from(self.story == Story::Renewing));
                self.show(wallet).await;
            }
            Story::Presenting => {
                let posted = self.city.site.seen(|seen| seen.posted.clone());
                assert!(posted.iter().all(|body| body["response"] == posted[0]["response"]), "the same bytes");
                assert_eq!((has(Event::Consented), has(Event::Released)), (1, 1));
                assert!(wallet.unsent().unwrap().is_empty());
            }
            Story::AddingADevice => {
                assert_eq!((wallet.devices().await.unwrap().devices.len(), has(Event::DeviceAdded)), (2, 1));
            }
            Story::Joining => assert_eq!(has(Event::JoinedIdentity), 1),
            Story::Recovering => {
                let identity = wallet.identity().unwrap().unwrap();
                assert_eq!(self.city.ledger.identity(identity.did.id).devices, [identity.device]);
                assert_eq!((has(Event::IdentityRecovered), has(Event::IdentityCreated)), (1, 1));
                self.check_secret(wallet).await;
            }
            Story::Rotating => {
                assert_eq!(has(Event::RecoveryRotated), 1);
                self.check_secret(wallet).await;
            }
        }
    }

    /// The keys are there: it can be shown.
    async fn show(&self, wallet: &Wallet) {
        let consent = wallet.open(&self.city.site.ask(&["family_name"])).await.unwrap();
        wallet.approve(&consent, None).await.unwrap();
    }

    /// The wallet's words are those that the ledger takes.
    async fn check_secret(&self, wallet: &Wallet) {
        let words = wallet.recovery_words(Language::En).unwrap();
        wallet.rehearse(&RecoverySecret::from_words(&words).unwrap(), None).await.unwrap();
    }
}

/// How many writes the story takes when nothing dies, opening and closing the vault included.
async fn writes_of(story: Story) -> u64 {
    let scene = Scene::set(story).await;
    let (disk, writes) = disk(u64::MAX);
    let wallet = scene.city.unlock_on("wallet", &disk).unwrap();
    scene.play(&wallet).await.unwrap();
    drop(wallet);
    writes.load(Ordering::SeqCst)
}

#[tokio::test]
async fn two_hundred_deaths_at_random_writes_leave_no_orphan() {
    die(&EVERYDAY, 200).await;
}

#[tokio::test]
async fn deaths_while_devices_and_recovery_change_leave_no_orphan() {
    die(&RARE, 100).await;
}

/// So many deaths over these stories in turn, each at a random write.
#[expect(clippy::print_stdout, reason = "a test's output is kept by the harness")]
async fn die(stories: &[Story], rounds: usize) {
    let seed = std::env::var("YUFU_SEED").ok().map_or(20_261_127, |seed| seed.parse().unwrap());
    println!("YUFU_SEED={seed}");
    let mut entropy = [0; 32];
    entropy[..8].copy_from_slice(&u64::to_be_bytes(seed));
    let random = Random::from_os_seed(entropy);
    let mut lives = Vec::new();
    for story in stories {
        lives.push((*story, writes_of(*story).await));
    }
    println!("writes of each story: {lives:?}");
    let mut deaths: usize = 0;
    for round in 0..rounds {
        let (story, writes) = lives[round % lives.len()];
        let life = u64::from_be_bytes(random.bytes()) % writes;
        let scene = Scene::set(story).await;
        println!("round {round}: {story:?} dies at write {life} of {writes}");
        let (disk, made) = disk(life);
        // It may die while it is opened, in the story, or while it is closed after it.
        if let Ok(wallet) = scene.city.unlock_on("wallet", &disk) {
            let _died_or_done = scene.play(&wallet).await;
        }
        deaths += usize::from(made.load(Ordering::SeqCst) > life);
        let wallet = scene.city.unlock_in("wallet");
        scene.check_midway(&wallet);
        scene.play(&wallet).await.unwrap();
        scene.check_midway(&wallet);
        scene.check_end(&wallet).await;
    }
    assert!(deaths * 20 > rounds * 19, "only {deaths} of {rounds} points were reached");
}
