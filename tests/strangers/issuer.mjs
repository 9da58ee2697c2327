// A credential issuer with an authorization server that nobody at Yufu wrote: libraries of the OpenWallet Foundation and jose, put
// together as their documentation says. It reads one line of JSON on standard input and serves until that ends:
//
//   {mint, deferred?, txCode?, tokenSeconds?, lie?}: `mint` is where the credentials themselves are made for proven keys; with `txCode` the offer has a
//   pre-authorized code that goes with it; `lie` names a lie
//
// It prints {base} when it serves, and a line of JSON for everything that it refused or was told.

import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { clientAuthenticationAnonymous, decodeJwt, HashAlgorithm, Oauth2AuthorizationServer, Oauth2ResourceServer } from '@openid4vc/oauth2'
import { Openid4vciIssuer, setGlobalConfig } from '@openid4vc/openid4vci'
import { calculateJwkThumbprint, compactVerify, CompactSign, exportJWK, generateKeyPair, importJWK } from 'jose'
import { publicPart } from './crypto.mjs'

// The pilot city is http on 127.0.0.1; these libraries take https alone unless they are told so. Nothing else is relaxed.
setGlobalConfig({ allowInsecureUrls: true })

const HASHES = { [HashAlgorithm.Sha256]: 'sha256', [HashAlgorithm.Sha384]: 'sha384', [HashAlgorithm.Sha512]: 'sha512' }
const SCHEMES = ['DPoP']
const PRE_AUTHORIZED = 'urn:ietf:params:oauth:grant-type:pre-authorized_code'
const CONFIGURATION = 'resident-identity'
const NONCES = { server: randomBytes(16).toString('base64url'), resource: randomBytes(16).toString('base64url') }

const say = (line) => console.log(JSON.stringify(line))
const input = JSON.parse(await new Promise((resolve) => createInterface({ input: process.stdin }).once('line', resolve)))
process.stdin.on('end', () => process.exit(0)).resume()

const pair = await generateKeyPair('ES256', { extractable: true })
const tokenKey = { ...(await exportJWK(pair.privateKey)), kid: 'token-key', alg: 'ES256', use: 'sig' }
const callbacks = {
  fetch,
  hash: (data, algorithm) => createHash(HASHES[algorithm]).update(data).digest(),
  generateRandom: (length) => randomBytes(length),
  clientAuthentication: clientAuthenticationAnonymous(),
  signJwt: async (_, { header, payload }) => {
    const signing = new CompactSign(Buffer.from(JSON.stringify(payload))).setProtectedHeader(header)
    return { jwt: await signing.sign(await importJWK(tokenKey, 'ES256')), signerJwk: publicPart(tokenKey) }
  },
  verifyJwt: async ({ publicJwk, alg }, { compact }) => {
    const verified = await compactVerify(compact, await importJWK(publicJwk, alg)).catch(() => undefined)
    return verified ? { verified: true, signerJwk: publicJwk } : { verified: false }
  },
}
const server = new Oauth2AuthorizationServer({ callbacks })
const resource = new Oauth2ResourceServer({ callbacks })
const issuer = new Openid4vciIssuer({ callbacks })
const state = { asked: 0, preAuthorizedCode: randomBytes(16).toString('base64url') }
let base, serverMetadata, issuerMetadata

function describe() {
  serverMetadata = server.createAuthorizationServerMetadata({
    issuer: base,
    authorization_endpoint: `${base}/authorize`,
    pushed_authorization_request_endpoint: `${base}/par`,
    require_pushed_authorization_requests: true,
    token_endpoint: `${base}/token`,
    jwks_uri: `${base}/jwks`,
    grant_types_supported: ['authorization_code', PRE_AUTHORIZED, 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    dpop_signing_alg_values_supported: ['ES256'],
    token_endpoint_auth_methods_supported: ['none'],
    authorization_response_iss_parameter_supported: true,
    response_types_supported: ['code'],
  })
  if (input.lie === 'no PAR') delete serverMetadata.pushed_authorization_request_endpoint
  if (input.lie === 'no PKCE') delete serverMetadata.code_challenge_methods_supported
  if (input.lie === 'no DPoP') delete serverMetadata.dpop_signing_alg_values_supported
  const credentialIssuer = issuer.createCredentialIssuerMetadata({
    credential_issuer: input.lie === 'metadata' ? 'https://other.example' : base,
    credential_endpoint: `${base}/credential`,
    nonce_endpoint: `${base}/nonce`,
    deferred_credential_endpoint: `${base}/deferred`,
    notification_endpoint: `${base}/notify`,
    batch_credential_issuance: { batch_size: 4 },
    credential_configurations_supported: {
      [CONFIGURATION]: {
        format: 'dc+sd-jwt',
        vct: input.vct,
        scope: 'resident',
        cryptographic_binding_methods_supported: ['jwk'],
        credential_signing_alg_values_supported: ['ES256'],
        proof_types_supported: { jwt: { proof_signing_alg_values_supported: ['ES256'] } },
      },
    },
  })
  const known = issuer.getKnownCredentialConfigurationsSupported?.(credentialIssuer) ?? credentialIssuer.credential_configurations_supported
  issuerMetadata = { originalDraftVersion: 'V1', credentialIssuer, authorizationServers: [serverMetadata], knownCredentialConfigurations: known }
}

/** What went wrong for the wallet: an OAuth error, with a nonce where one is missing. */
class Refusal extends Error {
  constructor(status, error, headers = {}) {
    super(error)
    Object.assign(this, { status, error, headers })
  }
}

function needNonce(proof, nonce, resourceServer) {
  const given = proof && decodeJwt({ jwt: proof }).payload.nonce
  if (given === nonce && input.lie !== 'nonces') return
  const challenge = resourceServer ? { 'www-authenticate': 'DPoP error="use_dpop_nonce"' } : {}
  throw new Refusal(resourceServer ? 401 : 400, 'use_dpop_nonce', { 'dpop-nonce': nonce, ...challenge })
}

const routes = {
  'GET /.well-known/openid-credential-issuer': async () => issuerMetadata.credentialIssuer,
  'GET /.well-known/oauth-authorization-server': async () => serverMetadata,
  'GET /jwks': async () => ({ keys: [publicPart(tokenKey)] }),

  'POST /par': async ({ request, form }) => {
    const parsed = await server.parsePushedAuthorizationRequest({ request, authorizationRequest: form })
    needNonce(parsed.dpop?.jwt, NONCES.server, false)
    const { authorizationRequest } = parsed
    const dpop = { required: true, jwt: parsed.dpop?.jwt, allowedSigningAlgs: ['ES256'] }
    const verified = await server.verifyPushedAuthorizationRequest({ authorizationServerMetadata: serverMetadata, authorizationRequest, request, dpop })
    Object.assign(state, { pushed: authorizationRequest, key: verified.dpop.jwkThumbprint })
    say({ pushed: authorizationRequest })
    const requestUri = `urn:ietf:params:oauth:request_uri:${randomBytes(16).toString('base64url')}`
    return server.createPushedAuthorizationResponse({ requestUri, expiresInSeconds: 60 }).pushedAuthorizationResponse
  },

  // The person signs in: at once, and the browser goes back.
  'GET /authorize': async () => {
    state.code = randomBytes(16).toString('base64url')
    const back = new URL(state.pushed.redirect_uri)
    back.searchParams.set('code', state.code)
    back.searchParams.set('state', input.lie === 'state' ? 'other' : state.pushed.state)
    if (input.lie !== 'iss') back.searchParams.set('iss', base)
    if (input.lie === 'mix-up') back.searchParams.set('iss', 'https://other.example')
    return { back: back.toString() }
  },

  'POST /token': async ({ request, form }) => {
    const parsed = server.parseAccessTokenRequest({ request, accessTokenRequest: form })
    needNonce(parsed.dpop?.jwt, NONCES.server, false)
    const verified = await verifyToken(request, parsed)
    state.key = verified.dpop.jwkThumbprint
    say({ token: parsed.grant.grantType })
    const answer = await server.createAccessTokenResponse({
      audience: base,
      authorizationServer: base,
      expiresInSeconds: input.tokenSeconds ?? 300,
      signer: { method: 'jwk', alg: 'ES256', publicJwk: publicPart(tokenKey), kid: tokenKey.kid },
      subject: 'somebody',
      scope: 'resident',
      clientId: form.client_id,
      dpop: { jwk: verified.dpop.jwk },
      refreshToken: true,
    })
    state.refresh = answer.refresh_token
    return input.lie === 'bearer' ? { ...answer, token_type: 'Bearer' } : answer
  },

  'POST /nonce': async () => {
    state.cNonce = randomBytes(16).toString('base64url')
    return issuer.createNonceResponse({ cNonce: state.cNonce })
  },

  'POST /credential': async ({ request, json }) => {
    await protectedBy(request)
    const parsed = issuer.parseCredentialRequest({ issuerMetadata, credentialRequest: json })
    const keys = []
    for (const jwt of parsed.proofs.jwt) {
      const options = { issuerMetadata, jwt, expectedNonce: state.cNonce, nonceExpiresAt: new Date(Date.now() + 60_000) }
      const { payload, header } = await issuer.verifyCredentialRequestJwtProof(options)
      keys.push({ jwk: header.jwk, lock: payload.yufu_lock })
    }
    const distinct = new Set(await Promise.all(keys.map(({ jwk }) => calculateJwkThumbprint(jwk))))
    if (distinct.size !== keys.length) throw new Refusal(400, 'invalid_proof')
    if (input.deferred) {
      state.waiting = keys
      return [202, issuer.createCredentialResponse({ credentialRequest: parsed, transactionId: 'tx-1', interval: 1 })]
    }
    const credentials = await mint(keys)
    return issuer.createCredentialResponse({ credentialRequest: parsed, credentials, notificationId: 'note-1' })
  },

  'POST /deferred': async ({ request, json }) => {
    await protectedBy(request)
    const { deferredCredentialRequest } = issuer.parseDeferredCredentialRequest({ deferredCredentialRequest: json })
    if (deferredCredentialRequest.transaction_id !== 'tx-1') throw new Refusal(400, 'invalid_transaction_id')
    const credentials = await mint(state.waiting)
    // Without a notification id: the library refuses one beside credentials, where section 9.2 has it.
    return issuer.createDeferredCredentialResponse({ credentials })
  },

  'POST /notify': async ({ request, json }) => {
    await protectedBy(request)
    say({ notified: json })
    return [204]
  },
}

/** A token request by any grant, by the library: the code with its verifier, the code with its PIN, or the last refresh token. */
async function verifyToken(request, { accessTokenRequest, grant, dpop: proof, pkceCodeVerifier }) {
  const dpop = { required: true, jwt: proof?.jwt, allowedSigningAlgs: ['ES256'], expectedJwkThumbprint: state.key }
  const common = { request, accessTokenRequest, grant, authorizationServerMetadata: serverMetadata, dpop }
  if (grant.grantType === PRE_AUTHORIZED) {
    const expected = { expectedPreAuthorizedCode: state.preAuthorizedCode, expectedTxCode: input.txCode }
    return server.verifyPreAuthorizedCodeAccessTokenRequest({ ...common, ...expected })
  }
  if (grant.grantType === 'refresh_token') {
    return server.verifyRefreshTokenAccessTokenRequest({ ...common, expectedRefreshToken: state.refresh })
  }
  const { code_challenge: codeChallenge, code_challenge_method: codeChallengeMethod } = state.pushed
  const pkce = { codeVerifier: pkceCodeVerifier, codeChallenge, codeChallengeMethod }
  return server.verifyAuthorizationCodeAccessTokenRequest({ ...common, expectedCode: state.code, pkce })
}

/** The access token of a request, bound to the key of its proof, by the library. */
async function protectedBy(request) {
  needNonce(request.headers.get('dpop'), NONCES.resource, true)
  await resource.verifyResourceRequest({ request, resourceServer: base, authorizationServers: [serverMetadata], allowedAuthenticationSchemes: SCHEMES })
}

/** The credentials for proven keys, made where the ledger is known. */
async function mint(keys) {
  const made = await fetch(input.mint, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ iss: base, keys }) })
  const credentials = (await made.json()).map((credential) => ({ credential }))
  return input.lie === 'other key' ? [credentials[0], credentials[0]] : credentials
}

async function answer(incoming) {
  const chunks = []
  for await (const chunk of incoming) chunks.push(chunk)
  const body = Buffer.concat(chunks).toString('utf8')
  const url = new URL(incoming.url, base)
  const route = routes[`${incoming.method} ${url.pathname}`]
  if (!route) return [404, {}]
  const type = incoming.headers['content-type'] ?? ''
  const form = type.startsWith('application/x-www-form-urlencoded') ? Object.fromEntries(new URLSearchParams(body)) : undefined
  const json = type.startsWith('application/json') && body ? JSON.parse(body) : undefined
  const request = { headers: new Headers(incoming.headers), method: incoming.method, url: url.toString() }
  const result = await route({ request, form, json })
  return Array.isArray(result) ? result : [200, result]
}

const http = createServer(async (incoming, outgoing) => {
  let status, body, headers = {}
  try {
    ;[status, body] = await answer(incoming)
  } catch (error) {
    const oauth = error.errorResponse ?? (error.error && { error: error.error })
    status = error.status ?? (error.wwwAuthenticateHeaders ? 401 : oauth ? 400 : 500)
    body = oauth ?? { error: error.wwwAuthenticateHeaders?.[0]?.error ?? 'server_error' }
    headers = error.headers ?? {}
    say({ refused: body.error, why: error.message })
  }
  outgoing.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers })
  outgoing.end(body === undefined ? undefined : JSON.stringify(body))
})
http.listen(0, '127.0.0.1', () => {
  base = `http://127.0.0.1:${http.address().port}`
  describe()
  const code = { 'pre-authorized_code': state.preAuthorizedCode, tx_code: { length: input.txCode?.length } }
  const grants = input.txCode ? { [PRE_AUTHORIZED]: code } : { authorization_code: { issuer_state: 'is-1' } }
  const offer = { credential_issuer: base, credential_configuration_ids: [CONFIGURATION], grants }
  say({ base, offer: `openid-credential-offer://?credential_offer=${encodeURIComponent(JSON.stringify(offer))}` })
})
