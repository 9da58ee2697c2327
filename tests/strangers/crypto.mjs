// Keys and certificates as strangers handle them: X.509 chains of `x5c` by Node's own certificates, JWTs by jose.

import { createHash, createPrivateKey, sign, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { compactVerify, decodeProtectedHeader, exportJWK } from 'jose'

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** The certificates of a PEM file that are trusted by themselves. */
export function trustRoots(path) {
  const roots = readFileSync(path, 'utf8').match(CERTIFICATE)?.map((pem) => new X509Certificate(pem)) ?? []
  if (roots.length === 0) throw new Error(`${path} holds no certificate`)
  return roots
}

/** The leaf of an `x5c` header whose chain leads to one of the roots now; throws where it does not. */
export function trustedLeaf(x5c, roots) {
  if (!Array.isArray(x5c) || x5c.length === 0) throw new Error('there is no x5c chain in the header')
  const chain = x5c.map((text) => new X509Certificate(Buffer.from(text, 'base64')))
  const last = chain.at(-1)
  const root = roots.find((candidate) => issued(candidate, last))
  if (!root) throw new Error(`no trust root issued ${last.subject}`)
  const path = [...chain, root]
  for (const [index, certificate] of path.entries()) {
    if (!validNow(certificate)) throw new Error(`${certificate.subject} is not valid now`)
    if (index > 0 && !certificate.ca) throw new Error(`${certificate.subject} may not issue certificates`)
    if (index > 0 && !issued(certificate, path[index - 1])) throw new Error(`the chain breaks at ${certificate.subject}`)
  }
  return chain[0]
}

/** Verifies a JWT by the chain in its header; gives header, payload and the signer. */
export async function verifyByChain(jwt, roots) {
  const header = decodeProtectedHeader(jwt)
  const leaf = trustedLeaf(header.x5c, roots)
  const { payload } = await compactVerify(jwt, leaf.publicKey, { algorithms: ['ES256', 'EdDSA', 'Ed25519'] })
  return {
    header,
    payload: JSON.parse(Buffer.from(payload).toString('utf8')),
    jwk: await exportJWK(leaf.publicKey),
    sha256: createHash('sha256').update(leaf.raw).digest('base64url'),
  }
}

/** The DNS names and URIs of a certificate in base64, for libraries that compare client identifiers with them. */
export function alternativeNames(certificate) {
  const names = new X509Certificate(Buffer.from(certificate, 'base64')).subjectAltName?.split(', ') ?? []
  const of = (kind) => names.filter((name) => name.startsWith(kind)).map((name) => name.slice(kind.length))
  return { sanDnsNames: of('DNS:'), sanUriNames: of('URI:') }
}

/** The JOSE algorithm of a private JWK. */
export function algorithmOf(jwk) {
  return jwk.kty === 'OKP' ? 'EdDSA' : 'ES256'
}

/** Signs a JWS signing input, as the SD-JWT libraries ask for it. */
export function signer(jwk) {
  const key = createPrivateKey({ key: jwk, format: 'jwk' })
  const digest = algorithmOf(jwk) === 'EdDSA' ? null : 'sha256'
  return (data) => sign(digest, Buffer.from(data), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')
}

/** A JWK without its private part. */
export function publicPart({ d, ...jwk }) {
  return jwk
}

function issued(issuer, certificate) {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

function validNow(certificate) {
  const now = Date.now()
  return Date.parse(certificate.validFrom) <= now && now <= Date.parse(certificate.validTo)
}
