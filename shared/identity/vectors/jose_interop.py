#!/usr/bin/env python3
"""Cross-checks our JOSE with jwcrypto (pip install jwcrypto), a library by other people.

    jose_interop.py write   makes jose_theirs.json: tokens by jwcrypto, which tests/jose reads
    jose_interop.py check   reads jose_ours.json, which tests/jose compares with what we write, and opens it with jwcrypto

The secrets are test keys: the byte 0x11, 0x22, ... repeated.
"""

import json
import pathlib
import sys

from jwcrypto import jwe, jwk, jws
from jwcrypto.common import base64url_encode
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

HERE = pathlib.Path(__file__).parent


def p256(byte):
    key = ec.derive_private_key(int.from_bytes(bytes([byte]) * 32, "big"), ec.SECP256R1())
    return jwk.JWK.from_pyca(key)


def ed(byte):
    return jwk.JWK.from_pyca(ed25519.Ed25519PrivateKey.from_private_bytes(bytes([byte]) * 32))


SIGNERS = {"ES256": p256(0x11), "EdDSA": ed(0x22)}
READER = p256(0x33)


def write():
    signed, encrypted = [], []
    for alg, key in SIGNERS.items():
        for number in range(8):
            token = jws.JWS(json.dumps({"number": number}))
            token.add_signature(key, protected=json.dumps({"alg": alg, "typ": "kb+jwt", "kid": "theirs"}))
            signed.append({"alg": alg, "number": number, "token": token.serialize(compact=True)})
    for enc in ("A128GCM", "A256GCM"):
        for apu, apv in (("", ""), ("verifier", "wallet")):
            header = {"alg": "ECDH-ES", "enc": enc, "kid": "reader"}
            if apu:
                header |= {"apu": base64url_encode(apu), "apv": base64url_encode(apv)}
            token = jwe.JWE(json.dumps({"enc": enc}), protected=json.dumps(header))
            token.add_recipient(jwk.JWK(**READER.export_public(as_dict=True)))
            encrypted.append({"enc": enc, "apu": apu, "apv": apv, "token": token.serialize(compact=True)})
    keys = {
        name: {"jwk": key.export_public(as_dict=True), "thumbprint": key.thumbprint()}
        for name, key in {**SIGNERS, "reader": READER}.items()
    }
    text = json.dumps({"keys": keys, "signed": signed, "encrypted": encrypted}, indent=1)
    (HERE / "jose_theirs.json").write_text(text + "\n")


def check():
    ours = json.loads((HERE / "jose_ours.json").read_text())
    for row in ours["signed"]:
        token = jws.JWS()
        token.deserialize(row["token"], SIGNERS[row["alg"]])
        assert token.payload.decode() == row["payload"], row
    for row in ours["encrypted"]:
        token = jwe.JWE()
        token.deserialize(row["token"], READER)
        assert token.payload.decode() == row["plaintext"], row
    print(f"jwcrypto reads all {len(ours['signed'])} signed and {len(ours['encrypted'])} encrypted messages")


{"write": write, "check": check}[sys.argv[1]]()
