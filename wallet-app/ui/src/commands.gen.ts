// Generated from wallet-app/commands and the sources of what it names. To make it anew:
// YUFU_WRITE_TYPES=1 cargo test -p wallet-commands the_types

/** Each command with what it is given and what it gives. */
export type Commands = {
  /** Whether there is a wallet, and whether it is open. */
  status: { input: Nothing; output: Status };
  /** Somebody uses the wallet just now: it stays open. No other command counts as use. */
  touch: { input: Nothing; output: Status };
  /** Which command of those under way takes longer than usual, and who is waited for. */
  progress: { input: Nothing; output: Slow | null };
  /** Speaks another language from now on. */
  set_language: { input: SetLanguage; output: Status };
  /** Makes the wallet under a new PIN, bound to this device. It is open afterwards. */
  create: { input: Create; output: Status };
  /** Opens the wallet. */
  unlock: { input: Unlock; output: Status };
  /** Closes it. */
  lock: { input: Nothing; output: Status };
  /** Changes the PIN. */
  change_pin: { input: ChangePin; output: Status };
  /** The identity, if there is one. */
  identity: { input: Nothing; output: IdentityView | null };
  /** Creates the identity, or goes on where that stopped. */
  create_identity: { input: Nothing; output: IdentityView };
  /** The devices of the identity, as the ledger has them now. */
  devices: { input: Nothing; output: Devices };
  /** The same as they were last proven, without the ledger. */
  known_devices: { input: Nothing; output: Devices | null };
  /** Calls a device by a name, on this device alone. */
  name_device: { input: NameDevice; output: Devices };
  /** Removes a device: dead from the next block on. */
  remove_device: { input: RemoveDevice; output: Devices };
  /** On a new device: the link and the code to show. */
  ask_to_join: { input: Nothing; output: JoinShown };
  /** On the first device: what a new device's link is. Nothing happens by it. */
  open_device_link: { input: OfLink; output: InviteView };
  /** Adds the new device, by the code that it shows. */
  add_device: { input: AddDevice; output: DeviceAdded };
  /** On the new device: joins the identity that it was added to. */
  join: { input: OfLink; output: IdentityView };
  /** How well the identity would survive the device. */
  recovery_status: { input: Nothing; output: RecoveryStatus };
  /** SECRET GOES OUT: the 24 words, to be written down. Asks for the PIN again. */
  reveal_words: { input: WithPin; output: WordsShown };
  /** Compares some of the words, as they were typed from paper. */
  confirm_words: { input: TypedWords; output: Nothing };
  /** SECRET GOES OUT: a new set of three guardians' cards, to be handed out. Asks for the PIN again. */
  reveal_cards: { input: WithPin; output: CardShown[] };
  /** What of a guardian's card is no secret. */
  read_card: { input: CardGiven; output: CardRead };
  /** The backup file: sealed under the words. */
  backup: { input: Nothing; output: BackupFile };
  /** Tries the saved backup out, after the words were confirmed. */
  rehearse_written: { input: RehearseWritten; output: Rehearsal };
  /** Tries out words or cards, and a backup. It changes nothing. */
  rehearse: { input: Rehearse; output: Rehearsal };
  /** Puts a new recovery secret in the place of the old one: earlier words, cards and backups recover nothing any more. */
  rotate_recovery: { input: Nothing; output: RecoveryStatus };
  /** Takes an identity over on this device, or goes on where that stopped. */
  recover: { input: Recover; output: Recovered };
  /** Credentials of another device that are still to be asked for again. */
  moved: { input: Nothing; output: MovedView[] };
  /** Asks for all that can be had without a new offer. */
  rebind: { input: Nothing; output: MovedView[] };
  /** Kills the old copies of one. */
  kill_moved: { input: ById; output: MovedView[] };
  /** Forgets one. */
  forget_moved: { input: ById; output: MovedView[] };
  /** Addresses of the departments that this wallet was set up with. */
  departments: { input: Nothing; output: string[] };
  /** What a department attests. */
  department: { input: Where; output: DepartmentView };
  /** Prepares a declaration: sealed on this device, nothing is sent. */
  declare: { input: Declare; output: DeclarePreview };
  /** Confirms it: uploads, anchors, and asks the department. */
  confirm: { input: ById; output: RequestView };
  /** Requests to departments, as the wallet last heard. */
  requests: { input: Nothing; output: RequestView[] };
  /** Asks a department how a request stands. */
  ask_department: { input: ById; output: RequestView };
  /** All of the citizen's own data, department by department, as the wallet has it. */
  my_data: { input: Nothing; output: MyData };
  /** The same, after asking the ledger for every anchor and status. */
  check_my_data: { input: Nothing; output: MyData };
  /** The citizen's own copy of what was declared. */
  my_document: { input: ByCid; output: DocumentFile };
  /** The link for a wallet in a text, and which screen it opens. It never acts. */
  read_text: { input: ReadText; output: LinkRead };
  /** The link in a picture's QR code. */
  read_picture: { input: ReadPicture; output: LinkRead };
  /** What an offer offers. */
  review_offer: { input: OfLink; output: OfferView };
  /** Receives all that it offers. */
  receive: { input: Receive; output: CredentialView[] };
  /** Begins to receive by signing in at the department: an address for a browser. */
  authorize: { input: OfLink; output: AuthorizationView };
  /** Goes on with the address that the browser came back with. */
  authorized: { input: CameBack; output: CredentialView[] };
  /** Asks issuers that take longer, and tells how everything that is not received yet stands. */
  poll_issuances: { input: Nothing; output: PendingIssuance[] };
  /** Forgets one of these. */
  forget_issuance: { input: ById; output: Nothing };
  /** The credentials, as the wallet last heard of them. */
  credentials: { input: Nothing; output: CredentialView[] };
  /** The same, after asking the ledger. */
  refresh_credentials: { input: Nothing; output: CredentialView[] };
  /** Fetches new copies of one, where the issuer gives them without a new offer. */
  renew: { input: ByCredential; output: CredentialView };
  /** Kills a credential for good, on the ledger. */
  kill: { input: ByCredential; output: CredentialView };
  /** Removes one from this wallet; it stays in force. */
  delete: { input: ByCredential; output: Nothing };
  /** Opens a request: who asks, for what, and why. Nothing is sent. */
  open_request: { input: OpenRequest; output: ConsentView };
  /** The same with other credentials. */
  select: { input: Select; output: ConsentView };
  /** The citizen agrees. */
  approve: { input: Approve; output: Outcome };
  /** The citizen declines. */
  decline: { input: ByConsent; output: Declined };
  /** The site of the request that was refused last is told so. */
  tell_site: { input: Nothing; output: Declined };
  /** Answers that no site has acknowledged. */
  unsent: { input: Nothing; output: UnsentView[] };
  /** Sends one of them again. */
  resend: { input: ByConsent; output: Outcome };
  /** What happened, oldest first. */
  history: { input: Nothing; output: HistoryEntry[] };
  /** History, receipts and statements for a file: names and never values. */
  export_history: { input: Nothing; output: HistoryExport };
  /** What was agreed to by a consent, word for word. */
  agreed: { input: ByConsent; output: AgreedView | null };
  /** Takes a consent back: kept, and sent to the site. */
  withdraw_consent: { input: ByConsent; output: Statement };
  /** Wants a site to delete what it was shown. */
  request_deletion: { input: ByConsent; output: Statement };
  /** Reports a site to the department that answers for it. */
  report_site: { input: ReportSite; output: Statement };
  /** Sends a statement again that has not got there. */
  send_statement: { input: ById; output: Statement };
  /** What was stated. */
  statements: { input: Nothing; output: Statement[] };
  /** The receipts, as they were last checked. */
  receipts: { input: Nothing; output: ReceiptView[] };
  /** The same, after checking each against the ledger. */
  verify_receipts: { input: Nothing; output: ReceiptView[] };
};

/** After so many seconds a command ends by itself. */
export const LIMIT_SECONDS = 600;

/** A receipt as a person sees it. */
export type ReceiptView = {
  /** The consent that it belongs to. */
  consent: string;
  /** When the data was released. */
  at: number;
  /** The party on the ledger, if it is one. */
  party: string | null;
  /** The site's name. */
  name: Localized;
  /** Its origin. */
  origin: string;
  /** The purpose. */
  purpose: Localized;
  /** Names of the claims, never values. */
  claims: string[];
  /** The receipt's id on the ledger, base64url. */
  receipt: string;
  /** The transaction that recorded it, base64url. */
  transaction: string;
  /** What the check found. */
  verdict: Verdict;
  /** The block that it was proven against; `None` when the ledger was never reached. */
  as_of: AsOf | null;
  /** How old that is, in words. */
  freshness: Localized | null;
};

/** The block that a fact was proven against. */
export type AsOf = {
  /** Its height. */
  height: number;
  /** Its time by its leader's clock, milliseconds since the Unix epoch. */
  timestamp_ms: number;
};

/** What a check found. */
export type Verdict = "verified" | "about_something_else" | "not_on_ledger" | "unchecked";

/** The same sentence in Chinese and in English. */
export type Localized = {
  /** Simplified Chinese. */
  zh: string;
  /** English. */
  en: string;
};

/** Input of `report_site`. */
export type ReportSite = {
  /** A consent, or a site's origin as the history has it. */
  about: string;
  /** Why. */
  reason: string;
};

/** A statement, as it is kept, shown and exported. */
export type Statement = {
  /** Its id in this wallet. */
  id: string;
  /** What it is. */
  kind: StatementKind;
  /** When it was made. */
  at: number;
  /** Whom it is for, by name. */
  to: Localized;
  /** The site that it is about. */
  site: Localized;
  /** The site's origin. */
  origin: string;
  /** The consent that it is about. */
  consent?: string | null;
  /** The statement in words, to be handed over. */
  text: Localized;
  /** By what the site finds the presentations: their key binding JWTs' SHA-256, base64url. */
  references?: string[];
  /** The receipt on the ledger, base64url. */
  receipt?: string | null;
  /** A report as this device signed it: a JWS. */
  signed?: string | null;
  /** The citizen's own words in a report. */
  reason?: string | null;
  /** What came of it. */
  state?: StatementState;
  /** When the other side confirmed it, by its own clock. */
  answered_at?: number | null;
  /** What the other side confirmed it with: a site's signed acknowledgement (a JWS), a department's reference. */
  answer?: string | null;
  /** What came of it in words, and what the citizen can do. */
  sending: Localized;
};

/** What came of a statement. */
export type StatementState = "kept" | "waiting" | "acknowledged" | "refused";

/** What a statement is. */
export type StatementKind = "withdrawal" | "deletion" | "report";

/** What the citizen agreed to, word for word. */
export type AgreedView = {
  /** The consent's id. */
  consent: string;
  /** The exact sentence that was on the screen, in the language that it was in. */
  sentence: string;
  /** When the citizen agreed. */
  agreed_at: number;
  /** The SHA-256 of the kept consent, base64url: what was signed for the site. */
  hash: string;
};

/** Everything to look back on, for a file of the citizen's own. */
export type HistoryExport = {
  /** [`EXPORT_FORMAT`]. */
  format: string;
  /** When it was made. */
  made_at: number;
  /** The ledger's network. */
  network: string;
  /** The ledger's genesis, SHA-256, base64url: what receipts are checked against. */
  ledger: string;
  /** What happened, oldest first. */
  entries: HistoryEntry[];
  /** Receipts as they were last checked. */
  receipts: ReceiptView[];
  /** What proves them to others. */
  proofs: ReceiptProof[];
  /** What the citizen stated. */
  statements: Statement[];
};

/** A receipt's proof for others: with the ledger's genesis they can check, by nobody's word, that the ledger has this receipt and that it is about what this wallet signed. */
export type ReceiptProof = {
  /** The receipt's id on the ledger, base64url. */
  receipt: string;
  /** The ledger's answer about it, base64url of the encoding of `ledger::proof::Bundle`: header, finality certificate, cell, record, proof. */
  answer: string;
  /** The key that opens the record's commitment, base64url. */
  commitment_key: string;
  /** What the commitment is to one of: SHA-256 of the key binding JWTs that were signed, base64url. */
  key_bindings: string[];
};

/** One entry. */
export type HistoryEntry = {
  /** When. */
  at: number;
  /** What. */
  event: Event;
  /** The other side's name, if it is known by a verified one. */
  other_side?: Localized | null;
  /** The other side's origin or address. */
  origin?: string | null;
  /** The attestation type. */
  attestation_type?: string | null;
  /** Names of claims, never values. */
  claims?: string[];
  /** The attestation type of each of these claims; empty in entries that were written before it was kept. */
  claim_types?: string[];
  /** The purpose, for a release. */
  purpose?: Localized | null;
  /** The consent that it belongs to. */
  consent?: string | null;
  /** The reason of a refusal or failure: a slug. */
  reason?: string | null;
};

/** What kind of thing happened. */
export type Event = "identity_created" | "declared" | "anchored" | "attestation_requested" | "attested" | "attestation_refused" | "credential_received" | "credential_renewed" | "issuance_deferred" | "issuance_ended" | "credential_rejected" | "request_refused" | "request_failed" | "consented" | "released" | "not_taken" | "declined" | "credential_killed" | "credential_deleted" | "requested" | "issuance_failed" | "not_delivered" | "device_added" | "device_removed" | "joined_identity" | "backup_made" | "guardian_cards_made" | "recovery_rehearsed" | "identity_recovered" | "recovery_rotated" | "old_copies_killed" | "consent_withdrawn" | "deletion_requested" | "site_reported" | "statement_acknowledged" | "statement_not_delivered" | "statement_refused";

/** A response that waits, as a person sees it. */
export type UnsentView = {
  /** The consent. */
  consent: string;
  /** The site. */
  name: Localized;
  /** Its origin. */
  origin: string;
  /** When the request ends. */
  expires_at: number;
};

/** What became of a refusal. */
export type Declined = {
  /** Whether the site could be told. */
  site_told: boolean;
  /** Where a browser on this device goes on (section 8.2). */
  redirect_uri: string | null;
};

/** A request that is on the screen, or an answer to it. */
export type ByConsent = {
  /** The consent's id. */
  consent: string;
};

/** What became of an approved request. */
export type Outcome = {
  /** The consent. */
  consent: string;
  /** Where a browser on this device goes on. */
  redirect_uri: string | null;
  /** The receipt, checked against the ledger. */
  receipt: ReceiptView | null;
  /** What the citizen should know. */
  warnings: Localized[];
};

/** Input of `approve`. */
export type Approve = {
  /** The consent's id. */
  consent: string;
  /** The code that the citizen picked, where codes are shown. */
  match_code: string | null;
  /** The citizen has read that nobody vouches for who asks, and goes on. */
  accept_unverified: boolean;
};

/** Input of `select`. */
export type Select = {
  /** The consent's id. */
  consent: string;
  /** What the citizen chose. */
  selection: Selection;
};

/** What the citizen chose. What is not in it stays as the wallet proposes. */
export type Selection = {
  /** Credentials by the part of the request that they answer. */
  credentials?: Record<string, string[]>;
  /** For each set by its number: the option, or none for an optional set. */
  sets?: Record<string, number | null>;
};

/** What the citizen sees: only verified facts, and the values that would be shown. */
export type ConsentView = {
  /** The consent's id in this wallet. */
  id: string;
  /** The party on the ledger; `None` where nobody vouches for who asks. */
  party: string | null;
  /** Where nobody vouches for who asks: the words that come first and must be accepted ([`Consent::accept_unverified`]). */
  unverified: Localized | null;
  /** Its registered name; for somebody unverified, what it is called. */
  name: Localized;
  /** Its registered origin; the response goes there and nowhere else. */
  origin: string;
  /** The name of the authority that answers for it. */
  sponsor: Localized;
  /** The registered purpose. */
  purpose: Localized;
  /** How long it keeps what it learns, in days; `None` where nobody says. */
  retention_days: number | null;
  /** What would be shown, with values. */
  claims: ClaimToShow[];
  /** What can be chosen instead, by each part of the request. */
  questions: QueryView[];
  /** What can be chosen among combinations of these parts; empty where all of them are asked for. */
  sets: SetView[];
  /** Credentials of the kinds that are asked for which cannot be chosen, and why. */
  hidden: HiddenCredential[];
  /** What is agreed to beside showing data. */
  transactions: Localized[];
  /** The sentence that the citizen agrees to. */
  sentence: Localized;
  /** Where the request may be from another device, by how its link came here ([`crate::CameBy`]): what is going on there. */
  other_device: Localized | null;
  /** For a request from another device: one of these codes is on the login page; the citizen picks it. */
  match_codes: string[];
  /** What this site saw last time. */
  last_time: LastTime | null;
  /** What the citizen should know beside the sentence. */
  warnings: Localized[];
  /** When the request ends. */
  expires_at: number;
  /** The block that the party's registration, or the key of who asks, was proven against. */
  as_of: AsOf | null;
  /** How many seconds ago that block was made. */
  seconds_ago: number;
  /** The same in words. */
  freshness: Localized;
};

/** What a site saw before. */
export type LastTime = {
  /** When. */
  at: number;
  /** Names of claims. */
  claims: string[];
  /** The same in words. */
  sentence: Localized;
};

/** A credential that cannot be shown, for it is not in force. */
export type HiddenCredential = {
  /** Its id. */
  credential: string;
  /** The type's name. */
  type_name: Localized;
  /** The issuer's name on the ledger. */
  issuer_name: Localized;
  /** Why: its status as the ledger has it, or that its time is over. */
  reason: Localized;
};

/** A choice among combinations of parts (OpenID4VP section 6.2). */
export type SetView = {
  /** Whether one must be shown. */
  required: boolean;
  /** The combinations that the wallet can answer, by names of parts, the most wanted first. */
  options: string[][];
  /** The chosen one; `None` where an optional set is not answered. */
  chosen: number | null;
};

/** One part of a request, and what in the wallet answers it. */
export type QueryView = {
  /** Its name in the request. */
  id: string;
  /** Whether several credentials may be shown for it. */
  multiple: boolean;
  /** What answers it, the newest first. */
  options: CredentialOption[];
  /** The chosen credentials; empty where this part is not answered. */
  chosen: string[];
};

/** A credential that answers a part of a request. */
export type CredentialOption = {
  /** The credential's id in this wallet. */
  credential: string;
  /** Its type's name. */
  type_name: Localized;
  /** Its issuer's name. */
  issuer_name: Localized;
  /** What it would show. */
  claims: ClaimToShow[];
};

/** One claim that would be shown. Its value is for the screen, and not for a log. */
export type ClaimToShow = {
  /** The credential's type. */
  attestation_type: string;
  /** The type's name. */
  type_name: Localized;
  /** The claim's dotted path. */
  name: string;
  /** Its label. */
  label: Localized;
  /** Its value. */
  value: string;
};

/** Input of `open_request`. */
export type OpenRequest = {
  /** The link. */
  link: string;
  /** How it came here. */
  channel: CameBy;
};

/** How a link came to the wallet: where it came from is a fact of this device, and not for the site to say. */
export type CameBy = "link" | "pasted" | "scanned";

/** A credential of this wallet. */
export type ByCredential = {
  /** Its id. */
  credential: string;
};

/** An issuance that waits for the issuer or for the citizen. */
export type PendingIssuance = {
  /** Its id in this wallet. */
  id: string;
  /** The credential issuer identifier. */
  issuer: string;
  /** The attestation type, where the wallet knows it. */
  attestation_type: string | null;
  /** The type's name. */
  type_name: Localized | null;
  /** When it began. */
  started_at: number;
  /** How it stands. */
  stage: PendingStage;
};

/** How an issuance stands. */
export type PendingStage = 
  | { stage: "signing_in" }
  | { stage: "interrupted" }
  | { stage: "waiting"; /** The next time that it is asked. */ not_before: number; }
  | ({ stage: "received" } & CredentialView)
  | ({ stage: "ended" } & Explained)
  | ({ stage: "unheard" } & Explained);

/** An error as a person and a program read it. */
export type Explained = {
  /** What programs switch on. */
  slug: string;
  /** Whose side it is on. */
  side: Side;
  /** What happened and what to do. */
  sentence: Localized;
};

/** Whose side a failure is on: who can do something about it. */
export type Side = "you" | "wallet" | "department" | "website" | "ledger";

/** Input of `authorized`. */
export type CameBack = {
  /** The address that the browser came back with. */
  address: string;
};

/** An authorization request, for a browser to open. */
export type AuthorizationView = {
  /** The issuance's id in this wallet. */
  id: string;
  /** The credential issuer identifier. */
  issuer: string;
  /** Where the citizen signs in: this host is shown before the browser opens. */
  sign_in_at: string;
  /** The names of the types that are received. */
  type_names: Localized[];
  /** What the browser opens. */
  url: string;
  /** Until when. */
  expires_at: number;
};

/** A credential as a person sees it. */
export type CredentialView = {
  /** Its id in this wallet. */
  id: string;
  /** Its type. */
  attestation_type: string;
  /** The type's name. */
  type_name: Localized;
  /** The credential issuer identifier. */
  issuer: string;
  /** The issuer's name on the ledger. */
  issuer_name: Localized;
  /** When it was received. */
  received_at: number;
  /** When it ends. */
  valid_until: number;
  /** What it says about the citizen. */
  claims: CredentialClaim[];
  /** How many copies there are. */
  copies: number;
  /** How many of them are in force and were never shown. */
  copies_left: number;
  /** Whether it can be shown now. */
  usable: boolean;
  /** Whether the issuer gives new copies without a new offer: [`Wallet::renew`]. */
  renewable: boolean;
  /** The status of its first copy that is in force, or else of the first. */
  status: AttestationStatus;
  /** The block that proved the status. */
  as_of: AsOf | null;
  /** How old that is, in words. */
  freshness: Localized | null;
};

/** The status of an attestation. The numbers are the cell's `status` byte. */
export type AttestationStatus = "active" | "suspended" | "revoked" | "superseded" | "broken_by_holder";

/** One claim of a credential. */
export type CredentialClaim = {
  /** Its name. */
  name: string;
  /** Its label. */
  label: Localized;
  /** Its value. */
  value: string;
};

/** Input of `receive`. */
export type Receive = {
  /** The offer's link. */
  link: string;
  /** The transaction code that the department gave, where the offer needs one. */
  pin: string | null;
};

/** An offer, for the citizen to look at before receiving. Nothing in it but the address is verified yet. */
export type OfferView = {
  /** The credential issuer identifier. */
  issuer: string;
  /** What is offered: one credential or more, which are received together. */
  credentials: OfferedCredential[];
  /** Whether a PIN is needed. */
  needs_pin: boolean;
  /** What the PIN looks like, where one is needed. */
  pin: PinHint | null;
  /** Whether the citizen has to sign in at the department with a browser: [`Wallet::authorize`] instead of [`Wallet::receive`]. */
  needs_sign_in: boolean;
};

/** What a PIN looks like (section 4.1.1). */
export type PinHint = {
  /** Digits only. */
  numeric: boolean;
  /** How many characters. */
  length: number | null;
  /** The issuer's own words about where it comes from: unverified. */
  description: string | null;
};

/** One credential of an offer. */
export type OfferedCredential = {
  /** The attestation type. */
  attestation_type: string;
  /** Its name. */
  type_name: Localized;
  /** The department's name, where this wallet asked it for the credential. */
  department: Localized | null;
  /** Whether this wallet asked for it. */
  expected: boolean;
};

/** Input of `read_picture`. */
export type ReadPicture = {
  /** A PNG or JPEG. */
  picture: string;
};

/** A link that was found: it opens a screen and does nothing by itself. */
export type LinkRead = {
  /** Which screen it opens. */
  kind: LinkKind;
  /** The link. */
  link: string;
};

/** What a link opens. */
export type LinkKind = "offer" | "request" | "device" | "welcome" | "card" | "signed_in";

/** Input of `read_text`. */
export type ReadText = {
  /** A link, or a text with one in it. */
  text: string;
};

/** A document of the citizen's own, to be looked at or saved. */
export type DocumentFile = {
  /** A name for the file. */
  name: string;
  /** Its media type. */
  media_type: string;
  /** What is in it. */
  contents: string;
};

/** A document of the citizen's own, by the name of its ciphertext. */
export type ByCid = {
  /** The name. */
  cid: string;
};

/** All of the citizen's own data that this wallet knows of. */
export type MyData = {
  /** By department, in the order in which they were first met. */
  departments: DepartmentData[];
};

/** The citizen's data in one department's space. */
export type DepartmentData = {
  /** The department, by its name on the ledger. */
  name: Localized;
  /** Its credential issuer identifier. */
  issuer: string;
  /** Data: what it was given, newest first. */
  given: GivenView[];
  /** Data: what it issued. */
  issued: CredentialView[];
  /** Business: what all this was used for, newest first, with dates and sites. */
  uses: HistoryEntry[];
  /** Security. */
  security: SecurityView;
};

/** How data in a department's space is protected. */
export type SecurityView = {
  /** Where it is and who can read it, in sentences. */
  sentences: Localized[];
  /** The sealed copies, each with what is known of its anchor. */
  sealed: SealedCopy[];
  /** What can be ended, and by whom. */
  endings: Ending[];
};

/** Something that can be ended. */
export type Ending = {
  /** How. */
  way: EndingWay;
  /** The credential, consent or request that it is about, by its id in this wallet. */
  subject: string;
  /** What, in words. */
  name: Localized;
  /** How, in words. */
  how: Localized;
};

/** How something can be ended. */
export type EndingWay = "kill" | "revoke" | "ask_site" | "ask_department";

/** One sealed copy in a department's store. */
export type SealedCopy = {
  /** The name of the ciphertext. */
  cid: string;
  /** What is in it. */
  name: Localized;
  /** The store: the department's address. */
  store: string;
  /** The transaction that anchored it, base64url. */
  transaction: string | null;
  /** The height of its block. */
  height: number | null;
  /** What is known of copy and anchor. */
  integrity: Integrity;
  /** The same in words. */
  integrity_name: Localized;
  /** The block that the anchor was last proven against. */
  as_of: AsOf | null;
};

/** What is known of a copy in this wallet and of its anchor on the ledger. */
export type Integrity = "confirmed" | "unchecked" | "not_sent" | "copy_missing" | "copy_differs" | "anchor_differs" | "not_on_ledger";

/** One declaration to a department. */
export type GivenView = {
  /** The request's id in this wallet. */
  id: string;
  /** What the department was asked to attest. */
  type_name: Localized;
  /** When it was prepared. */
  at: number;
  /** How far the request is. */
  state: RequestStage;
  /** The attributes with their values: for the citizen's own eyes. */
  attributes: AttributeView[];
};

/** One attribute of a declaration. */
export type AttributeView = {
  /** What it is. */
  kind: AttributeKind;
  /** The same in words. */
  name: Localized;
  /** The file's name. */
  file: string;
  /** Its media type. */
  media_type: string;
  /** Bytes of plaintext. */
  bytes: number;
  /** The claims of a document, with values: for the citizen's own eyes. */
  claims: Record<string, unknown>;
  /** The name that the ciphertext has on IPFS. */
  cid: string;
  /** What the citizen should know before confirming. */
  notes: Localized[];
};

/** A kind of declared attribute. */
export type AttributeKind = "claims" | "portrait" | "identity_card" | "household_register" | "marriage_certificate" | "other_document";

/** How far a declaration is. */
export type RequestStage = 
  | { stage: "prepared" }
  | { stage: "confirmed" }
  | { stage: "pending" }
  | { stage: "attested"; /** The link to receive it by. */ offer: string; }
  | { stage: "refused"; /** The clerk's words. */ reason: string; }
  | { stage: "received" };

/** A request for attestation as a person sees it. */
export type RequestView = {
  /** Its id in this wallet. */
  id: string;
  /** The department. */
  department: Localized;
  /** The department's credential issuer identifier. */
  issuer: string;
  /** The attestation type. */
  attestation_type: string;
  /** Its name. */
  type_name: Localized;
  /** When that changed. */
  changed_at: number;
  /** The transaction that anchored the attributes, base64url. */
  transaction: string | null;
  /** The height of its block. */
  anchored_height: number | null;
  /** The names of the ciphertexts on IPFS. */
  cids: string[];
} & RequestStage;

/** What would be declared, for the citizen to confirm. */
export type DeclarePreview = {
  /** The declaration's id in this wallet. */
  id: string;
  /** The department, by its name on the ledger. */
  department: Localized;
  /** The attestation type. */
  attestation_type: string;
  /** Its name. */
  type_name: Localized;
  /** What would be sealed to the department. */
  attributes: AttributeView[];
  /** What happens on confirmation. */
  sentence: Localized;
  /** The block that the department's record was proven against. */
  as_of: AsOf;
};

/** Input of `declare`. */
export type Declare = {
  /** The department's address. */
  department: string;
  /** What it should attest. */
  attestation_type: string;
  /** Values by the names of claims, where the department needs a document. */
  claims: Record<string, string> | null;
  /** The portrait, where it takes one and the citizen gives one. */
  portrait: string | null;
  /** Documents, where it asks for some: several of a kind too. */
  documents?: GivenDocument[];
};

/** A document that a person chose. */
export type GivenDocument = {
  /** What it is. */
  kind: AttributeKind;
  /** The file's name. */
  name: string;
  /** A picture or PDF. */
  contents: string;
};

/** A department, by its name on the ledger. */
export type DepartmentView = {
  /** Its address. */
  url: string;
  /** Its name. */
  name: Localized;
  /** What it attests and is accredited for. */
  offerings: OfferingView[];
  /** The block that its record was proven against. */
  as_of: AsOf | null;
};

/** Something that a department attests. */
export type OfferingView = {
  /** The attestation type. */
  attestation_type: string;
  /** Its name. */
  type_name: Localized;
  /** The attributes that must be declared, by kind; never a portrait. */
  needs: KindView[];
  /** Those that may be declared beside. */
  optional: KindView[];
  /** How the department can verify the declaration: the citizen chooses. */
  channels: ChannelView[];
};

/** A channel of verification. */
export type ChannelView = {
  /** The channel. */
  channel: Channel;
  /** The same in words. */
  name: Localized;
};

/** How a department verified a declaration. It says nothing about the person. */
export type Channel = "counter" | "card" | "witness" | "register";

/** A kind of attribute. */
export type KindView = {
  /** The kind. */
  kind: AttributeKind;
  /** The same in words. */
  name: Localized;
  /** Whether it is a document: a picture or PDF, of which there may be several. */
  document: boolean;
};

/** The address of a department. */
export type Where = {
  /** Its address. */
  url: string;
};

/** Something in this wallet, by its id. */
export type ById = {
  /** Its id. */
  id: string;
};

/** A credential of another device, as a person sees it. */
export type MovedView = {
  /** Its id, the same as on the other device. */
  id: string;
  /** Its type. */
  attestation_type: string;
  /** The type's name. */
  type_name: Localized;
  /** The credential issuer identifier. */
  issuer: string;
  /** The issuer's name on the ledger. */
  issuer_name: Localized;
  /** How it stands. */
  state: MovedState;
};

/** How the moving of a credential stands. */
export type MovedState = 
  | { state: "renewable" }
  | { state: "ask_again" }
  | { state: "old_copies_left" }
  | { state: "done" }
  | ({ state: "failed" } & Explained);

/** An identity was taken over. */
export type Recovered = {
  /** The identity. */
  identity: IdentityView;
  /** What the backup brought, where there was one. */
  restored: Restored | null;
  /** Credentials of the other device. */
  moved: MovedView[];
};

/** What a backup brought. */
export type Restored = {
  /** The identity that [`Wallet::recover`] takes over. */
  did: string;
  /** When the backup was made. */
  made_at: number;
  /** Credentials that are to be asked for again. */
  credentials: number;
  /** Entries of the history. */
  history: number;
  /** Receipts. */
  receipts: number;
};

/** Input of `recover`. */
export type Recover = {
  /** Words or cards; nothing to go on with a recovery that was begun. */
  secret: SecretGiven | null;
  /** The backup file, if there is one. */
  backup: string | null;
  /** The identity's DID, where neither a file nor cards name it. */
  did: string | null;
};

/** What recovers an identity: the 24 words, or as many cards as it takes. */
export type SecretGiven = {
  /** The 24 words. */
  words: string | null;
  /** The cards, where there are no words. */
  cards: CardGiven[];
};

/** Input of `rehearse`. */
export type Rehearse = {
  /** Words or cards. */
  secret: SecretGiven;
  /** The backup file, if it is to be tried too. */
  backup: string | null;
};

/** What a rehearsal showed. */
export type Rehearsal = {
  /** When it was. */
  at: number;
  /** The identity that words or cards recover. */
  did: string;
  /** The block that proved that the ledger takes this secret; `None` when the ledger could not be asked. */
  as_of: AsOf | null;
  /** The backup, if there was one. */
  backup: RehearsedBackup | null;
};

/** What the backup would bring. */
export type RehearsedBackup = {
  /** When it was made. */
  made_at: number;
  /** What it has. */
  has: Counts;
  /** What this wallet has and the backup has not: what came later. */
  lacks: Counts;
};

/** Numbers of things. */
export type Counts = {
  /** Credentials, to be asked for again. */
  credentials: number;
  /** Entries of the history. */
  history: number;
  /** Receipts. */
  receipts: number;
};

/** Input of `rehearse_written`. */
export type RehearseWritten = {
  /** The backup file, as it was read back from where it was saved. */
  backup: string;
};

/** A backup file, as it is to be saved. */
export type BackupFile = {
  /** A name for it. */
  name: string;
  /** Its bytes. */
  contents: string;
};

/** A card that was read: what of it is no secret. */
export type CardRead = {
  /** Its number, from 1. */
  number: number;
  /** How many it takes. */
  needed: number;
  /** The identity that they recover. */
  did: string;
};

/** A guardian's card, as it was given: one of both. */
export type CardGiven = {
  /** The text of its QR code, or its words with the DID before them. */
  text: string | null;
  /** A picture of its QR code. */
  picture: string | null;
};

/** A guardian's card, once. */
export type CardShown = {
  /** Its QR code. */
  qr: Qr | null;
} & CardView;

/** A QR code for `<path d="…">` in a view box of `side` by `side`. */
export type Qr = {
  /** Squares of a side, with the quiet zone. */
  side: number;
  /** The dark squares, row by row. */
  path: string;
};

/** A card as a person sees it. It is secret: it is for one guardian's eyes. */
export type CardView = {
  /** Its number, from 1. */
  number: number;
  /** How many cards there are. */
  of: number;
  /** How many it takes. */
  needed: number;
  /** The identity that they recover. */
  did: string;
  /** The card's words. */
  words: string;
  /** The same for a QR code. */
  link: string;
  /** What the guardian is to know. */
  sentence: Localized;
};

/** Input of `confirm_words`. */
export type TypedWords = {
  /** The words that were asked for, in the order in which they were. */
  words: string[];
};

/** The words, once. */
export type WordsShown = {
  /** The 24 words, with spaces between them. */
  words: string;
  /** The identity that they recover. */
  did: string;
  /** Which of them are to be typed back, from 1. */
  asked: number[];
};

/** The PIN once more, in an open wallet: before it shows a secret. */
export type WithPin = {
  /** The PIN. */
  pin: string;
};

/** How well the identity would survive the phone. */
export type RecoveryStatus = {
  /** Whether this device has the recovery secret. A device that was added by another one has not. */
  has_secret: boolean;
  /** When the citizen last had the words on paper. */
  words_at: number | null;
  /** When guardians' cards were made last. */
  cards_at: number | null;
  /** When the last backup was made. */
  backup_at: number | null;
  /** When it was last tried out. */
  rehearsed_at: number | null;
  /** What is still to be done, in words; empty when nothing is. */
  advice: Localized[];
};

/** A device was added. */
export type DeviceAdded = {
  /** The devices now. */
  devices: Devices;
  /** The answer for the new device. It is no secret. */
  welcome: string;
  /** Its QR code. */
  qr: Qr | null;
};

/** Input of `add_device`. */
export type AddDevice = {
  /** The new device's link. */
  link: string;
  /** The code that it shows. */
  code: string;
};

/** What the citizen reads before a device is added. */
export type InviteView = {
  /** The new device's key. */
  key: string;
  /** When the link is over. */
  expires_at: number;
  /** What it means to agree. */
  sentence: Localized;
};

/** A link for a wallet. */
export type OfLink = {
  /** The link. */
  link: string;
};

/** What a new device shows. */
export type JoinShown = {
  /** The link's QR code. */
  qr: Qr | null;
} & JoinView;

/** What a new device shows. */
export type JoinView = {
  /** The link, also for a QR code. */
  link: string;
  /** The code to type on the first device. */
  code: string;
  /** When both are over. */
  expires_at: number;
};

/** Input of `remove_device`. */
export type RemoveDevice = {
  /** The device's key. */
  key: string;
};

/** Input of `name_device`. */
export type NameDevice = {
  /** The device's key. */
  key: string;
  /** What to call it; nothing takes the name away. */
  name: string;
};

/** The devices of the identity, as the ledger has them. */
export type Devices = {
  /** The devices, oldest first. */
  devices: DeviceView[];
  /** The block that proved it. */
  as_of: AsOf;
  /** How many seconds ago that block was made. */
  seconds_ago: number;
};

/** One device. */
export type DeviceView = {
  /** Its key. */
  key: string;
  /** What the citizen calls it, on this device. */
  name: string | null;
  /** Whether it is this one. */
  this_device: boolean;
};

/** The identity as a person sees it. */
export type IdentityView = {
  /** The DID. */
  did: string;
  /** This device's key. */
  device: string;
  /** The block that proved it; `None` while the ledger has not confirmed it. */
  as_of: AsOf | null;
  /** Whether it is being taken over by the recovery secret, which [`Wallet::recover`] ends. */
  recovering: boolean;
};

/** Input of `change_pin`. */
export type ChangePin = {
  /** The PIN until now. */
  old: string;
  /** The PIN from now on. */
  new: string;
};

/** Input of `unlock`. */
export type Unlock = {
  /** The PIN. */
  pin: string;
};

/** Input of `create`. */
export type Create = {
  /** The new PIN. */
  pin: string;
};

/** Input of `set_language`. */
export type SetLanguage = {
  /** The language. */
  language: Language;
};

/** The language that the wallet speaks. */
export type Language = "zh" | "en";

/** Something that takes longer than usual. */
export type Slow = {
  /** What is waited for. */
  side: Side;
  /** Seconds since the story began. */
  seconds: number;
  /** When it is given up, in seconds since the story began. */
  limit_seconds: number;
  /** The same in words. */
  sentence: Localized;
};

/** Whether there is a wallet, and whether it is open. */
export type Status = {
  /** How far it is. */
  stage: Stage;
  /** The language that it speaks. */
  language: Language;
  /** After so many seconds without use it closes itself. */
  idle_seconds: number;
  /** While it is open: in how many seconds it closes unless somebody uses it. */
  closes_in: number | null;
  /** Characters of a new PIN at least; more where there is no key store that the wallet could be bound to. */
  pin_characters: number;
  /** Whether a new PIN binds the wallet to this device. Where it does not, only its length protects the wallet: it is a passphrase. */
  binds: boolean;
  /** How many credentials that took longer came, or were refused, without anybody asking since the application began: when it grew, the cards and what is under way are read again. */
  issued: number;
};

/** How far the wallet is. */
export type Stage = "absent" | "locked" | "open";

/** Nothing: `{}`. */
export type Nothing = Record<string, never>;

/** A failure, in words. */
export type Failure = {
  /** What programs switch on. */
  slug: string;
  /** Whose side it is on. */
  side: Side;
  /** What happened and what to do. */
  sentence: Localized;
  /** After a wrong PIN: how many are left before a wait. */
  attempts_left: number | null;
  /** Seconds until the next PIN is looked at. */
  wait_seconds: number | null;
  /** A request was refused, and `tell_site` would tell its site so. */
  site_can_be_told: boolean;
};

