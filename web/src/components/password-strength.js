// How good a new password is, in the server's judgement: the page has no opinion of its own.
import { useEffect, useState } from 'preact/hooks';
import { api } from '../api.js';
import { html } from '../html.js';
import { key, ofServer, t } from '../i18n.js';
import { Icon } from './icon.js';

/** @typedef {{score: number, acceptable: boolean, feedback: string}} Strength */

const PAUSE = 200;
const WORDS = [key('strength.0'), key('strength.1'), key('strength.2'), key('strength.3'), key('strength.4')];

/**
 * The judgement of `password`, null while there is none yet.
 * @param {string} password
 * @returns {Strength|null}
 */
export function useStrength(password) {
  const [strength, setStrength] = useState(/** @type {Strength|null} */ (null));
  useEffect(() => {
    setStrength(null);
    if (password === '') return undefined;
    let current = true;
    const timer = setTimeout(async () => {
      const judged = await api.post('/api/auth/strength', { password }).catch(() => null);
      if (current) setStrength(judged);
    }, PAUSE);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [password]);
  return strength;
}

/** @param {{strength: Strength|null}} props */
export function StrengthMeter({ strength }) {
  const score = strength?.score ?? -1;
  return html`
    <div class="strength" role="status">
      <div class="strength-bar" aria-hidden="true">
        ${WORDS.map((word, index) => html`<span key=${word} class=${index <= score ? `on score-${score}` : ''}></span>`)}
      </div>
      ${
        strength &&
        html`<p class=${`hint ${strength.acceptable ? 'ok' : 'bad'}`}>
          <${Icon} name=${strength.acceptable ? 'check' : 'alert'} />
          <span>${t(WORDS[Math.min(4, Math.max(0, strength.score))])}${strength.feedback ? ` · ${ofServer(strength.feedback)}` : ''}</span>
        </p>`
      }
    </div>
  `;
}
