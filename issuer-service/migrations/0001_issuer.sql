-- The tables of an issuer service. Only TEXT and BIGINT, so that SQLite and PostgreSQL read the same queries. Times are Unix seconds.
-- No attribute value is stored in the clear: columns named *_sealed are encrypted with keys that are not in the database.

CREATE TABLE attribute_requests (
    id TEXT PRIMARY KEY NOT NULL,
    holder TEXT NOT NULL,
    jti TEXT NOT NULL,
    -- The request as the citizen's device signed it: the evidence of who declared what.
    jws TEXT NOT NULL,
    attestation_type TEXT NOT NULL,
    -- pending, attested, refused
    state TEXT NOT NULL,
    -- here, missing: whether every blob has arrived
    blobs TEXT NOT NULL,
    -- counter, register
    channel TEXT,
    -- same, different, unknown, none: what the register said when the clerk decided
    register_match TEXT,
    reason_sealed TEXT,
    decided_by TEXT,
    offer_id TEXT,
    received_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    UNIQUE (holder, jti)
);
CREATE INDEX attribute_requests_by_state ON attribute_requests (state, received_at);

CREATE TABLE offers (
    id TEXT PRIMARY KEY NOT NULL,
    code_hash TEXT NOT NULL UNIQUE,
    request_id TEXT REFERENCES attribute_requests (id),
    attestation_type TEXT NOT NULL,
    -- The claims to attest; empty once they are not needed any more.
    dataset_sealed TEXT NOT NULL,
    -- open, redeemed, burnt, replaced
    state TEXT NOT NULL,
    tries BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    token_hash TEXT UNIQUE,
    token_expires_at BIGINT
);
CREATE INDEX offers_by_expiry ON offers (expires_at);

CREATE TABLE issuances (
    id TEXT PRIMARY KEY NOT NULL,
    -- One offer, one issuance: never two records for one request.
    offer_id TEXT NOT NULL UNIQUE REFERENCES offers (id),
    request_id TEXT REFERENCES attribute_requests (id),
    attestation_type TEXT NOT NULL,
    proofs_hash TEXT NOT NULL,
    -- The response, for a wallet that did not receive it; empty once the access token has ended.
    response_sealed TEXT NOT NULL,
    -- recording, recorded, denied
    state TEXT NOT NULL,
    -- active, suspended, revoked
    status TEXT NOT NULL,
    status_changed_by TEXT,
    status_changed_at BIGINT,
    copies BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    valid_until BIGINT NOT NULL
);
CREATE INDEX issuances_by_time ON issuances (created_at);

CREATE TABLE status_lists (
    list BIGINT PRIMARY KEY NOT NULL,
    capacity BIGINT NOT NULL,
    used BIGINT NOT NULL,
    -- Counts the changes: a signed copy of another version is out of date.
    version BIGINT NOT NULL
);

-- Indices that were given out: once, for ever.
CREATE TABLE status_entries (
    list BIGINT NOT NULL REFERENCES status_lists (list),
    entry BIGINT NOT NULL,
    PRIMARY KEY (list, entry)
);

CREATE TABLE credentials (
    record_id TEXT PRIMARY KEY NOT NULL,
    issuance_id TEXT NOT NULL REFERENCES issuances (id),
    status_list BIGINT NOT NULL REFERENCES status_lists (list),
    status_index BIGINT NOT NULL,
    UNIQUE (status_list, status_index)
);
CREATE INDEX credentials_by_issuance ON credentials (issuance_id);

-- What is still to be written to the ledger, and what was.
CREATE TABLE outbox (
    id TEXT PRIMARY KEY NOT NULL,
    -- recording, status
    purpose TEXT NOT NULL,
    issuance_id TEXT NOT NULL REFERENCES issuances (id),
    transaction_id TEXT NOT NULL,
    transaction_bytes TEXT NOT NULL,
    expiry_height BIGINT NOT NULL,
    -- pending, final, refused
    state TEXT NOT NULL,
    refusal TEXT,
    created_at BIGINT NOT NULL,
    settled_at BIGINT
);
CREATE INDEX outbox_by_state ON outbox (state, created_at);

CREATE TABLE used_nonces (
    nonce_hash TEXT PRIMARY KEY NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE upload_grants (
    token_hash TEXT PRIMARY KEY NOT NULL,
    bytes_left BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE uploads (
    cid TEXT PRIMARY KEY NOT NULL,
    -- 1 once a request refers to it; others are removed after a day.
    referenced BIGINT NOT NULL,
    uploaded_at BIGINT NOT NULL
);

CREATE TABLE staff_sessions (
    token_hash TEXT PRIMARY KEY NOT NULL,
    staff TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);

CREATE TABLE sign_in_failures (
    -- account:<name>, or <name>@<address>
    subject TEXT PRIMARY KEY NOT NULL,
    failures BIGINT NOT NULL,
    last_at BIGINT NOT NULL
);

-- Who of the staff did what, and looked at what.
CREATE TABLE staff_events (
    id TEXT PRIMARY KEY NOT NULL,
    at BIGINT NOT NULL,
    staff TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL
);
CREATE INDEX staff_events_by_time ON staff_events (at);
