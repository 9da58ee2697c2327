-- New copies without a clerk: tokens that are bound to a wallet's key (DPoP, RFC 9449), and grants by which the wallet asks again.

-- Thumbprint (RFC 7638) of the key that the access token is bound to; none for a Bearer token.
ALTER TABLE offers ADD COLUMN dpop_key TEXT;
-- The offer whose grant this one belongs to: itself, or the one that it renews. A renewal is an offer that is redeemed as it is made: it has
-- no code and no claims of its own.
ALTER TABLE offers ADD COLUMN grant_id TEXT;
CREATE INDEX offers_by_grant ON offers (grant_id);

-- Of copies that were issued under a grant: the thumbprint of the holder's key. One key, one copy.
ALTER TABLE credentials ADD COLUMN holder_key TEXT;
CREATE UNIQUE INDEX credentials_by_holder_key ON credentials (holder_key);

CREATE TABLE grants (
    offer_id TEXT PRIMARY KEY NOT NULL REFERENCES offers (id),
    refresh_hash TEXT NOT NULL UNIQUE,
    dpop_key TEXT NOT NULL,
    -- The name that the client gave itself; none for an anonymous one.
    client_id TEXT,
    -- The end of what the clerk attested: no copy is good for longer.
    valid_until BIGINT NOT NULL,
    -- No new copies from here on.
    expires_at BIGINT NOT NULL,
    used_at BIGINT NOT NULL,
    -- Revoked, or ended by a clerk.
    ended_at BIGINT
);
