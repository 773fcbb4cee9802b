// Passkeys in the JSON form of WebAuthn. Browsers that lack the conversions get them here.

/** Whether this browser and this address can use passkeys: they need TLS or this machine itself. */
export function passkeysPossible() {
  return window.isSecureContext && 'PublicKeyCredential' in window;
}

/**
 * Makes a passkey.
 * @param {any} options creation options as the server sent them
 * @returns {Promise<any>} what the server checks
 */
export async function createPasskey(options) {
  const publicKey = creationOptions(options.publicKey ?? options);
  return toJson(/** @type {PublicKeyCredential} */ (await navigator.credentials.create({ publicKey })));
}

/**
 * Proves to have a passkey.
 * @param {any} options request options as the server sent them
 * @returns {Promise<any>} what the server checks
 */
export async function provePasskey(options) {
  const publicKey = requestOptions(options.publicKey ?? options);
  return toJson(/** @type {PublicKeyCredential} */ (await navigator.credentials.get({ publicKey })));
}

/** @param {any} json @returns {PublicKeyCredentialCreationOptions} */
function creationOptions(json) {
  return {
    ...json,
    challenge: decode(json.challenge),
    user: { ...json.user, id: decode(json.user.id) },
    excludeCredentials: json.excludeCredentials?.map(descriptor),
  };
}

/** @param {any} json @returns {PublicKeyCredentialRequestOptions} */
function requestOptions(json) {
  return { ...json, challenge: decode(json.challenge), allowCredentials: json.allowCredentials?.map(descriptor) };
}

/** @param {any} json */
function descriptor(json) {
  return { ...json, id: decode(json.id) };
}

/** @param {PublicKeyCredential} credential */
function toJson(credential) {
  if (typeof credential.toJSON === 'function') return credential.toJSON();
  const response = /** @type {any} */ (credential.response);
  /** @type {Record<string, unknown>} */
  const parts = {};
  for (const name of ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
    if (response[name]) parts[name] = encode(response[name]);
  }
  if (response.getTransports) parts.transports = response.getTransports();
  return {
    id: credential.id,
    rawId: encode(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: parts,
  };
}

/** @param {string} text base64url */
function decode(text) {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** @param {ArrayBuffer} buffer */
function encode(buffer) {
  const binary = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
