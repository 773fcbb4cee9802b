// The shapes that the server's API gives, for the type checker. No code.

/** @typedef {import('preact').ComponentChildren} Children */

/** @typedef {'ok'|'expired'|'sign_in_again'|'no_credential'|'damaged'} AccountState */

/**
 * @typedef {object} Account
 * @property {string} id
 * @property {string} name
 * @property {'api_key'|'oauth'} auth_type
 * @property {string} created_at UTC, `YYYY-MM-DD HH:MM:SS`
 * @property {string|null} last_used the same, null for never
 * @property {number} expires_at epoch milliseconds, 0 for none
 * @property {string} masked_key
 * @property {boolean} [has_refresh]
 * @property {'valid'|'expired'|'no_expiry'} [token_status]
 * @property {number} [expires_in_min]
 * @property {AccountState} state
 * @property {string|null} reason
 * @property {string|null} plan
 * @property {string|null} email
 * @property {string|null} organization
 * @property {boolean} default
 * @property {string[]} bindings directories
 * @property {number} generation
 * @property {number|null} renewed_at
 * @property {number|null} renews_at
 * @property {string|null} last_error
 * @property {string[]} environment names of its variables; values never leave the server
 * @property {number} sessions running terminals
 */

/**
 * @typedef {object} Generation one stored credential of an account
 * @property {number} generation
 * @property {boolean} current
 * @property {number} recorded_at
 * @property {string} cause
 * @property {string} masked_key
 * @property {number|null} expires_at
 * @property {boolean} has_refresh
 */

/** @typedef {{day: string, launches: Record<string, number>}} UsageDay */

/**
 * @typedef {object} SignInStatus
 * @property {boolean} setup_done
 * @property {boolean} authenticated
 * @property {boolean} setup_code_needed
 * @property {('totp'|'passkey')[]} second_factors
 * @property {'read'|'launch'|'admin'|null} scope
 * @property {number|null} fresh_until
 * @property {string} version
 */

/** @typedef {{id: string, created_at: number, last_seen_at: number, address: string, agent: string, current: boolean}} SignIn */
/** @typedef {{id: string, name: string, scope: 'read'|'launch'|'admin', created_at: number, expires_at: number|null, last_used_at: number|null}} ApiToken */
/** @typedef {{id: string, name: string, created_at: number, last_used_at: number|null}} Passkey */
/** @typedef {{id: number, at: number, action: string, account: string|null, detail: string|null, address: string|null, who: string}} AuditEntry */
/** @typedef {{directory: string, account_id: string, account: string}} Binding */
/** @typedef {{name: string, action: 'added'|'skipped'|'replaced'|'renamed', stored_as: string|null}} ImportResult */

/**
 * @typedef {object} ServerSettings
 * @property {boolean} recording
 * @property {number} scrollback_bytes
 * @property {number} max_sessions
 * @property {string} vault directory
 * @property {'file'|'passphrase'|'keyring'} protection
 * @property {{running: boolean, sessions: number}} keeper
 * @property {string|null} client path of Claude Code
 * @property {string} version
 */

/**
 * What is to be started; only once the user has agreed, if it is to be `ask`ed for.
 * @typedef {{account_id: string, cwd?: string, kind: 'terminal'|'login', ask?: true}} Launch
 */

export {};
