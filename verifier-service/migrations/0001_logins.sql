-- Only TEXT and BIGINT, so that SQLite and PostgreSQL run the same queries. Times are seconds since the Unix epoch; ids, nonces
-- and sealed values are base64url. No column holds a citizen's attribute in the clear.

CREATE TABLE logins (
    id TEXT NOT NULL PRIMARY KEY,
    -- SHA-256 of the secret in the cookie of the browser that started.
    browser TEXT NOT NULL,
    purpose TEXT NOT NULL,
    -- open, recording, released, completed, declined, failed (logins::state)
    state TEXT NOT NULL,
    -- What ended it: a refusal's slug, or the wallet's error code.
    failure TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- When a wallet first fetched one of the requests; 0 before.
    opened_at BIGINT NOT NULL,
    -- The request that was answered, and SHA-256 of the answer; empty before.
    answered_request TEXT NOT NULL,
    answer_digest TEXT NOT NULL,
    -- What was released, sealed; emptied when the browser has its session.
    released TEXT NOT NULL,
    -- SHA-256 of the response code; empty before.
    response_code TEXT NOT NULL,
    released_at BIGINT NOT NULL
);

CREATE INDEX logins_by_expiry ON logins (expires_at);

CREATE TABLE requests (
    id TEXT NOT NULL PRIMARY KEY,
    login TEXT NOT NULL REFERENCES logins (id) ON DELETE CASCADE,
    -- same_device or cross_device
    channel TEXT NOT NULL,
    nonce TEXT NOT NULL,
    state_token TEXT NOT NULL,
    -- Seed of the ephemeral decryption key; emptied when the request is answered or over.
    key_seed TEXT NOT NULL,
    -- The code on the login page and the three candidates, separated by blanks; empty for the same device.
    match_code TEXT NOT NULL,
    match_codes TEXT NOT NULL,
    fetches BIGINT NOT NULL,
    unreadable_answers BIGINT NOT NULL
);

CREATE INDEX requests_by_login ON requests (login);

CREATE TABLE receipts (
    -- The receipt's id on the ledger.
    id TEXT NOT NULL PRIMARY KEY,
    login TEXT NOT NULL,
    purpose TEXT NOT NULL,
    -- Id and bytes of the transaction that records it; the bytes are emptied once it is final.
    transaction_id TEXT NOT NULL,
    transaction_bytes TEXT NOT NULL,
    -- Height of the block that has it; 0 before.
    height BIGINT NOT NULL,
    commitment TEXT NOT NULL,
    commitment_key TEXT NOT NULL,
    -- The evidence: the key binding JWTs that the citizen signed, separated by blanks (the first is what the receipt commits
    -- to), and the hash of the consent they read (empty when their wallet gave none).
    key_bindings TEXT NOT NULL,
    consent TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    delete_after BIGINT NOT NULL
);

CREATE INDEX receipts_by_login ON receipts (login);

CREATE TABLE sessions (
    -- SHA-256 of the token in the browser's cookie.
    token TEXT NOT NULL PRIMARY KEY,
    login TEXT NOT NULL,
    -- What was released, sealed with the token: without the browser's cookie nobody reads it.
    released TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT NOT NULL
);
