// A wallet that nobody at Yufu wrote: libraries of the OpenWallet Foundation, jose and Node's cryptography, put together as their
// documentation says. One command reads one JSON object on standard input and prints one on standard output:
//
//   node wallet.mjs receive   {link, tx_code, alg?, copies?, renews?}: OpenID4VCI 1.0, pre-authorized code and PIN; with DPoP and a refresh token
//   node wallet.mjs verify    {credential, trust_root}: the SD-JWT VC, its chain, its status list
//   node wallet.mjs present   {credential, jwk, request_link, client_id, trust_root, enc?, answers?}: OpenID4VP 1.0
//
// It ends with 1 and prints {error, status?, body?} where it, or the service that it talks to, refuses.

import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { clientAuthenticationAnonymous, HashAlgorithm, Oauth2Client } from '@openid4vc/oauth2'
import { Openid4vciClient, setGlobalConfig } from '@openid4vc/openid4vci'
import { Openid4vpClient } from '@openid4vc/openid4vp'
import { digest, generateSalt } from '@sd-jwt/crypto-nodejs'
import { getListFromStatusListJWT } from '@sd-jwt/jwt-status-list'
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc'
import { DcqlQuery } from 'dcql'
import { CompactEncrypt, CompactSign, exportJWK, generateKeyPair, importJWK } from 'jose'
import { alternativeNames, publicPart, signer, trustRoots, verifyByChain } from './crypto.mjs'

// The pilot city is http on 127.0.0.1; these libraries take https alone unless they are told so. Nothing else is relaxed.
setGlobalConfig({ allowInsecureUrls: true })

const TIMEOUT_MS = 60_000
const HASHES = { [HashAlgorithm.Sha256]: 'sha256', [HashAlgorithm.Sha384]: 'sha384', [HashAlgorithm.Sha512]: 'sha512' }

/** What the protocol libraries leave to the wallet. `keys` are private JWKs; `roots` the certificates that it trusts. */
function callbacks({ keys = [], roots = [] }) {
  return {
    fetch: (url, init) => fetch(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS), ...init }),
    hash: (data, algorithm) => createHash(HASHES[algorithm]).update(data).digest(),
    generateRandom: (length) => randomBytes(length),
    clientAuthentication: clientAuthenticationAnonymous(),
    signJwt: async ({ publicJwk }, { header, payload }) => {
      const key = keys.find((candidate) => candidate.x === publicJwk?.x)
      if (!key) throw new Error('the wallet holds no such key')
      const signing = new CompactSign(Buffer.from(JSON.stringify(payload))).setProtectedHeader(header)
      return { jwt: await signing.sign(await importJWK(key, header.alg)), signerJwk: publicPart(key) }
    },
    verifyJwt: async ({ method }, { compact }) => {
      if (method !== 'x5c') throw new Error(`this wallet trusts certificates, not ${method}`)
      return { verified: true, signerJwk: (await verifyByChain(compact, roots)).jwk }
    },
    encryptJwe: async ({ publicJwk, alg, enc, apu, apv }, data) => {
      const parties = { apu: apu && Buffer.from(apu, 'base64url'), apv: apv && Buffer.from(apv, 'base64url') }
      const encryption = new CompactEncrypt(Buffer.from(data))
        .setProtectedHeader({ alg, enc, ...(publicJwk.kid ? { kid: publicJwk.kid } : {}) })
        .setKeyManagementParameters(parties)
      return { jwe: await encryption.encrypt(await importJWK(publicJwk, alg)), encryptionJwk: publicJwk }
    },
    decryptJwe: () => ({ decrypted: false }),
    getX509CertificateMetadata: alternativeNames,
  }
}

async function receive({ link, tx_code: txCode, alg = 'ES256', copies = 1, renews = false }) {
  const keys = []
  const options = { callbacks: callbacks({ keys }) }
  const client = new Openid4vciClient(options)
  const credentialOffer = await client.resolveCredentialOffer(link)
  const issuerMetadata = await client.resolveIssuerMetadata(credentialOffer.credential_issuer)
  // Only a wallet that binds its tokens to a key (DPoP) gets a refresh token.
  const dpop = renews ? { signer: { method: 'jwk', alg: 'ES256', publicJwk: publicPart(await freshKey(keys, 'ES256')) } } : undefined
  const token = await client.retrievePreAuthorizedCodeAccessTokenFromOffer({ credentialOffer, issuerMetadata, txCode, dpop })
  const [credentialConfigurationId] = credentialOffer.credential_configuration_ids
  const asked = { client, issuerMetadata, credentialConfigurationId, keys, alg, copies }
  const credentials = await ask(asked, token)
  const received = { ...credentials[0], copies: credentials, version: issuerMetadata.originalDraftVersion }
  if (!renews) return received
  const { token_type: tokenType, refresh_token: refreshToken } = token.accessTokenResponse
  const [authorizationServerMetadata] = issuerMetadata.authorizationServers
  const again = await new Oauth2Client(options).retrieveRefreshTokenAccessToken({ authorizationServerMetadata, refreshToken, dpop: token.dpop })
  return { ...received, token_type: tokenType, renewed: await ask(asked, again) }
}

async function freshKey(keys, alg) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true })
  const key = await exportJWK(privateKey)
  keys.push(key)
  return key
}

/** Copies for an access token, each under a fresh key. */
async function ask({ client, issuerMetadata, credentialConfigurationId, keys, alg, copies }, token) {
  const { c_nonce: nonce } = await client.requestNonce({ issuerMetadata })
  const proof = async () => {
    const by = { method: 'jwk', alg, publicJwk: publicPart(await freshKey(keys, alg)) }
    const options = { issuerMetadata, credentialConfigurationId, signer: by, nonce, issuedAt: new Date() }
    return (await client.createCredentialRequestJwtProof(options)).jwt
  }
  const { credentialResponse } = await client.retrieveCredentials({
    issuerMetadata,
    credentialConfigurationId,
    accessToken: token.accessTokenResponse.access_token,
    proofs: { jwt: await Promise.all(Array.from({ length: copies }, proof)) },
    dpop: token.dpop,
  })
  return credentialResponse.credentials.map(({ credential }) => {
    const { cnf } = issuerClaims(credential)
    return { credential, jwk: keys.find((key) => key.x === cnf.jwk.x) }
  })
}

async function verify({ credential, trust_root: trustRoot }) {
  const roots = trustRoots(trustRoot)
  let list
  const verifier = instance({
    verifier: signedByChain(roots),
    statusVerifier: async (data, signature) => {
      list = await verifyByChain(`${data}.${signature}`, roots)
      list.jwt = `${data}.${signature}`
      return true
    },
  })
  // The library checks signatures, times and status, and fetches the list itself.
  const { payload, header } = await verifier.verify(credential)
  const { idx, uri } = payload.status.status_list
  const statuses = getListFromStatusListJWT(list.jwt)
  if (header.typ !== 'dc+sd-jwt') throw new Error(`the credential is of the type ${header.typ}`)
  if (list.header.typ !== 'statuslist+jwt') throw new Error(`the status list is of the type ${list.header.typ}`)
  if (list.payload.sub !== uri) throw new Error('the status list is about another address')
  const issuer = await verifyByChain(credential.split('~')[0], roots)
  if (list.sha256 !== issuer.sha256) throw new Error('another certificate signed the status list')
  const status = { index: idx, uri, bits: statuses.getBitsPerStatus(), entries: statuses.statusList.length }
  return { claims: payload, status: { ...status, value: statuses.getStatus(idx) } }
}

async function present(input) {
  const { credential, jwk, request_link: link, client_id: clientId, trust_root: trustRoot } = input
  const client = new Openid4vpClient({ callbacks: callbacks({ roots: trustRoots(trustRoot) }) })
  const { params } = client.parseOpenid4vpAuthorizationRequest({ authorizationRequest: link })
  const resolved = await client.resolveOpenId4vpAuthorizationRequest({ authorizationRequestPayload: params })
  const request = resolved.authorizationRequestPayload
  if (resolved.client.prefix !== 'x509_hash' || resolved.client.effective !== clientId) throw new Error('another client asks')
  if (request.aud !== 'https://self-issued.me/v2') throw new Error(`the request is for ${request.aud}`)
  if (resolved.version !== 100) throw new Error(`the request is of draft ${resolved.version}, not of OpenID4VP 1.0`)
  const { id, released } = await choose(resolved.dcql.query, credential)
  const alg = bindingAlgorithm(jwk, request.client_metadata)
  const enc = input.enc ?? 'A128GCM'
  const answers = []
  for (let answer = 0; answer < (input.answers ?? 1); answer += 1) {
    const presentation = await bind(credential, jwk, alg, released, { aud: clientId, nonce: request.nonce })
    const { jarm } = await client.createOpenid4vpAuthorizationResponse({
      authorizationRequestPayload: request,
      authorizationResponsePayload: { vp_token: { [id]: [presentation] } },
      jarm: {
        encryption: {},
        serverMetadata: {
          authorization_signing_alg_values_supported: [],
          authorization_encryption_alg_values_supported: ['ECDH-ES'],
          authorization_encryption_enc_values_supported: [enc],
        },
      },
    })
    const { response } = await client.submitOpenid4vpAuthorizationResponse({ authorizationRequestPayload: request, jarm })
    answers.push({ status: response.status, body: await response.json() })
  }
  return { ...answers[0], released, answers }
}

/** What the query asks of a credential: its id in the query, and the claims, found by the DCQL library. */
async function choose(asked, credential) {
  const query = DcqlQuery.parse(asked)
  DcqlQuery.validate(query)
  const claims = await instance({}).getClaims(credential)
  const held = { credential_format: 'dc+sd-jwt', vct: claims.vct, claims, cryptographic_holder_binding: true }
  const result = DcqlQuery.query(query, [held])
  if (!result.can_be_satisfied) throw new Error(`the credential does not answer the query: ${JSON.stringify(result)}`)
  const [id, match] = Object.entries(result.credential_matches).find(([, candidate]) => candidate.success)
  return { id, released: match.valid_credentials[0].claims.valid_claim_sets[0].output }
}

/** The name that the verifier has for the algorithm of the holder's key: it may be the older `EdDSA` or that of RFC 9864. */
function bindingAlgorithm(jwk, { vp_formats_supported: formats }) {
  const supported = formats['dc+sd-jwt']['kb-jwt_alg_values']
  const names = jwk.kty === 'OKP' ? ['Ed25519', 'EdDSA'] : ['ES256']
  const alg = names.find((name) => supported.includes(name))
  if (!alg) throw new Error(`the verifier takes ${supported} alone`)
  return alg
}

/** The presentation of the released claims, bound to the request by the holder's key. */
async function bind(credential, jwk, alg, released, { aud, nonce }) {
  const holder = instance({ kbSignAlg: alg, kbSigner: signer(jwk) })
  const iat = Math.floor(Date.now() / 1000)
  return holder.present(credential, frame(released), { kb: { payload: { iat, aud, nonce } } })
}

function frame(value) {
  const isObject = typeof value === 'object' && value !== null
  return isObject ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, frame(inner)])) : true
}

function signedByChain(roots) {
  return async (data, signed) => (await verifyByChain(`${data}.${signed}`, roots)) !== undefined
}

function instance(options) {
  return new SDJwtVcInstance({ hasher: digest, hashAlg: 'sha-256', saltGenerator: generateSalt, ...options })
}

function issuerClaims(credential) {
  return JSON.parse(Buffer.from(credential.split('.')[1], 'base64url').toString('utf8'))
}

/** The HTTP answer behind a library's error, where there is one. */
async function refusal(error) {
  const response = error.response?.response ?? error.response
  if (!(response instanceof Response)) return {}
  const text = await response.clone().text().catch(() => '')
  try {
    return { status: response.status, body: JSON.parse(text) }
  } catch {
    return { status: response.status, body: text }
  }
}

function reasons(error) {
  return error instanceof Error ? [error.message, ...(error.cause ? reasons(error.cause) : [])] : [String(error)]
}

const commands = { receive, verify, present }
const command = commands[process.argv[2]]
if (!command) {
  console.error(`usage: node wallet.mjs ${Object.keys(commands).join('|')} < input.json`)
  process.exit(2)
}
try {
  console.log(JSON.stringify(await command(JSON.parse(readFileSync(0, 'utf8'))), null, 2))
} catch (error) {
  console.log(JSON.stringify({ error: reasons(error).join(': '), ...(await refusal(error)) }, null, 2))
  process.exitCode = 1
}
